/*
 * zone: what one zone holds, ready to be answered.
 *
 * Its RRsets are kept with their answer sections written out in advance, so that an answer is a
 * look-up by name and type and one copy. A zone is built (zone_add …, zone_finish), and from then
 * on changed by whole names only (zone_set, zone_clear), which DHCP's clients need; each change
 * raises the serial and is remembered for IXFR (journal.h).
 */
#pragma once

#include "lib/base/cleanup.h"
#include "netsvc/dns/zone/node.h"

#define ZONE_RECORDS_MAX 4000000 /* of one zone */

struct zone;

struct zone *zone_new(const struct name *origin);
void zone_free(struct zone *zone);
AUTO_DEFINE(zone)
const struct name *zone_origin(const struct zone *zone);

/* One record more; names inside `rdata` are not compressed. What cannot be together (a CNAME and
 * others, two SOAs, an owner outside) is an error. Doubles are passed over. */
gboolean zone_add(struct zone *zone, const struct name *owner, guint16 type, guint32 ttl,
                  const guint8 *rdata, gsize size, GError **error);

/* All are there: checks the whole (one SOA, NS at the apex, …) and writes the answers. */
gboolean zone_finish(struct zone *zone, GError **error);

/* ---- at run time ---- */

/* What a name holds of a type becomes this one record; nothing (rdata NULL) clears it. */
void zone_set(struct zone *zone, const struct name *owner, guint16 type, guint32 ttl,
              const guint8 *rdata, gsize size);

/* Told of each such change when it is done; `old` and `now` are NULL where there was or is none.
 * The serial has been raised by one for it. */
void zone_watch(struct zone *zone,
                void (*changed)(void *context, const struct name *owner, guint16 type,
                                const struct rrset *old, const struct rrset *now),
                void *context);

guint32 zone_serial(const struct zone *zone);
void zone_set_serial(struct zone *zone, guint32 serial); /* before it is served; of a whole zone */
gsize zone_count(const struct zone *zone);               /* of RRsets */

/* NULL: the name has none of the type; found where it is hidden by a delegation too. */
const struct rrset *zone_rrset(const struct zone *zone, const struct name *owner, guint16 type);

/* Each RRset in turn, the SOA first, a name's together, for transfers and signing. `position` is
 * zeroed at first, `owner` is in it; the zone must not change meanwhile. NULL: that was all. */
struct zone_position {
    gsize node, rrset;
    struct name owner;
};
const struct rrset *zone_next(const struct zone *zone, struct zone_position *position,
                              const struct name **owner);

/* ---- look-up (RFC 1034 4.3.2) ---- */

enum zone_found {
    ZONE_EXACT,    /* node: of that name, perhaps without RRsets */
    ZONE_WILDCARD, /* node: the wildcard that covers it */
    ZONE_CUT,      /* node: the delegation that it is at or below */
    ZONE_DNAME,    /* node: the DNAME that it is below */
    ZONE_NOTHING,  /* there is no such name */
};

struct zone_match {
    const struct node *node;     /* NULL with ZONE_NOTHING */
    const struct node *encloser; /* the longest name above it, or it itself, that exists */
};

/* `name` is in the zone; its hashes come from the caller, who has them. */
enum zone_found zone_find(const struct zone *zone, const struct name *name,
                          const struct name_hashes *hashes, struct zone_match *match);

const struct node *zone_apex(const struct zone *zone);
guint32 zone_negative_ttl(const struct zone *zone); /* RFC 2308 5 */

gboolean zone_is_signed(const struct zone *zone); /* has signatures at its head */

/* Signed with NSEC: the node whose NSEC record is at the name or before it (RFC 4035 3.1.3).
 * NULL: the zone is not signed so. */
const struct node *zone_nsec(const struct zone *zone, const guint8 *wire);
