/*
 * held: requests whose answer waits until it is known whether an address is used. Bounded; one that
 * finds no room is dropped, and the client sends it again.
 */
#pragma once

#include "lib/base/cleanup.h"

#define HELD_MAX 4096 /* requests */

struct held_request {
    guint32 address;
    guint link;
    gboolean to_all;
    gsize size;
    guint8 data[];
};

struct held;

struct held *held_new(void);
void held_free(struct held *held);
AUTO_DEFINE(held)

/* One that is there already (the client sent it again) is not kept twice. */
void held_add(struct held *held, guint32 address, guint link, gboolean to_all, const guint8 *data,
              gsize size);

/* Takes out the one of that address that has waited longest; caller frees. NULL: there is none. */
struct held_request *held_take(struct held *held, guint32 address);
