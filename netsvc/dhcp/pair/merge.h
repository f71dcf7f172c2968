/*
 * merge: what becomes of a lease that both nodes say something of. By what each has seen
 * (knowledge.h), one of the two comes after the other and counts; only of what was done while the
 * nodes did not hear one another neither does:
 *
 *     one of them is leased     it stays: an acknowledged lease is never lost. One that no client
 *                               was told of is none
 *     both are, to one client   the later one counts, until the later end of both
 *     to two clients            that of the later term counts, the active node's. The other
 * client's ends: its next renewal is refused else                      the later one counts
 *
 * Both nodes come to the same, whoever reads what the other has first.
 */
#pragma once

#include "netsvc/dhcp/lease/knowledge.h"

enum merge { MERGE_NOTHING, MERGE_TAKE, MERGE_CONFLICT_KEPT, MERGE_CONFLICT_TAKEN };

struct merge_sides {
    const struct knowledge *mine, *theirs; /* seen by this node and by the other */
    gint64 now;
};

/* `own` NULL: there is none here. `in` is as it is to be put, where it is to be: MERGE_TAKE; with
 * MERGE_CONFLICT_… it is, too, or `own` stays, and of two clients one is to be told. */
enum merge merge_lease(const struct merge_sides *sides, const struct lease *own, struct lease *in);

/* Whether the other node, which has none of that address, has removed it. */
gboolean merge_is_gone(const struct merge_sides *sides, const struct lease *own);
