/*
 * journal: how a zone came from one serial to the next, for whoever asks for the difference only
 * (IXFR, RFC 1995).
 *
 * It watches its zone: each zone_set is a change of one RRset, from one serial to the next. Only so
 * many are kept, in memory; who is further behind gets the whole zone, as after a restart.
 */
#pragma once

#include "netsvc/dns/zone/zone.h"

#define JOURNAL_CHANGES 4096    /* that are kept */
#define JOURNAL_BYTES (2 << 20) /* and so many bytes of them */

struct journal;

/* The zone is finished and outlives it. */
struct journal *journal_new(struct zone *zone);
void journal_free(struct journal *journal);
AUTO_DEFINE(journal)

struct journal_change {
    guint32 from, to; /* serials */
    struct name owner;
    guint16 type;
    struct rrset *old, *now; /* NULL: there was or is none */
};

/* The change that leads on from `serial`; NULL: it is not known any more, or the zone has it now.
 * Valid until the zone changes. A transfer that takes long asks for one after the other, up to the
 * serial that it began with. */
const struct journal_change *journal_since(const struct journal *journal, guint32 serial);
