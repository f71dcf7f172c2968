/*
 * content: the records of a zone laid one behind the other, as a transfer gives or takes them.
 *
 *     owner's size, owner (0 and nothing: the one before)  type  TTL  size  RDATA  …
 *
 * One that goes out is a copy, so that it stays as it was while the zone goes on changing under
 * the names of clients; those who transfer the same serial share it. One that comes in has a cap,
 * and becomes a zone when it is whole.
 */
#pragma once

#include "netsvc/dns/zone/zone.h"

struct content;

/* `cap`: bytes that it may hold. */
struct content *content_new(gsize cap);
struct content *content_ref(struct content *content);
void content_free(struct content *content); /* when nobody else has it */
AUTO_DEFINE(content)

/* FALSE: over the cap. */
gboolean content_add(struct content *content, const struct name *owner, guint16 type, guint32 ttl,
                     const guint8 *rdata, gsize size);
gboolean content_add_rrset(struct content *content, const struct name *owner,
                           const struct rrset *rrset);

/* All records of the zone, the SOA first. NULL: over the cap. */
struct content *content_of_zone(const struct zone *zone, gsize cap);

/* The zone, finished. What cannot be together in one is an error. */
struct zone *content_to_zone(const struct content *content, const struct name *origin,
                             GError **error);

gsize content_size(const struct content *content);    /* bytes */
guint64 content_count(const struct content *content); /* records */

/* Each in turn. `position` is zeroed at first; what is given is valid as long as nothing is added.
 */
struct content_position {
    gsize at;
    const guint8 *owner;
    guint8 owner_size;
};
struct content_record {
    const guint8 *owner;
    guint8 owner_size;
    guint16 type, size;
    guint32 ttl;
    const guint8 *rdata;
};
gboolean content_next(const struct content *content, struct content_position *position,
                      struct content_record *record);

/* The owner as a name. */
void content_owner(const struct content_record *record, struct name *name);
