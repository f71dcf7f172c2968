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
#include "netsvc/dns/wire/name.h"

#define ZONE_RECORDS_MAX 4000000 /* of one zone */

struct zone;
struct rrset; /* zone/rrset.h: type, TTL, and the RDATA in wire form without compression */

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

guint32 zone_serial(const struct zone *zone);
gsize zone_count(const struct zone *zone); /* of RRsets */

/* Each RRset in turn, the SOA first, a name's together, for transfers and signing. `position` is
 * zeroed at first; the zone must not change meanwhile. NULL: that was all. */
struct zone_position {
    gsize node, rrset;
};
const struct rrset *zone_next(const struct zone *zone, struct zone_position *position,
                              const struct name **owner);
