/*
 * parcel: the attachments of one leaf between the two servers, in the order of their coming: in
 * memory while they are small, else in an unnamed temporary file.
 */
#pragma once

#include "lib/couch/write/body.h"

struct parcel;

struct parcel *parcel_new(void);
void parcel_free(struct parcel *parcel);
AUTO_DEFINE(parcel)

/* Begins anew; the attachments that are `here` are to be added, one after the other. */
void parcel_begin(struct parcel *parcel, const struct leaf *leaf);
gboolean parcel_add(struct parcel *parcel, const void *data, gsize size, GError **error);

/* Gives them out again, while the leaf stays. */
struct body_bytes parcel_bytes(struct parcel *parcel);
