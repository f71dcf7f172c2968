/*
 * plan: what is to become of the snapshots of a store under the rules.
 *
 * A restore point is a complete snapshot of this node whose chain is whole. The rules choose among
 * all of them, whichever chain they are in. What another node wrote is left alone, and so is what
 * is damaged, lost or foreign, and an unfinished run on top of the newest point, which the next
 * snapshot goes on from. For the rest:
 *
 *     nothing kept builds upon it     it is deleted
 *     one thing does                  it is merged into that one (archive/join.h), with what lies
 *                                     between two that are kept, links of long runs too
 *     several do                      it stays, since a merge has one newest
 *
 * The first of a chain, mostly a large full snapshot, is merged only when the increments on it that
 * would go into it exceed half its size: until then an expired one stays as the base.
 */
#pragma once

#include "lib/store/store.h"
#include "replicator/prune/keep.h"

enum plan_fate {
    PLAN_KEEP,   /* a rule keeps it, or what is not ours builds upon it */
    PLAN_DELETE, /* goes */
    PLAN_MERGE,  /* goes into a newer one */
    PLAN_BASE,   /* would go, but is needed as the base as yet */
    PLAN_ROOM,   /* would go, but the medium has no room for the merged one beside it */
};

struct plan_point {
    char *folder, *id, *started;
    guint by; /* as of struct keep_point */
    enum plan_fate fate;
};

/* Neighbours to be merged into the newest of them. */
struct plan_range {
    GPtrArray *folders; /* newest first; two at least, but for one and a base */
    guint64 bytes;      /* that they have */
    char *base;         /* folder of the chain's first, to be merged too; or NULL */
    guint64 base_bytes;
};

struct plan {
    GPtrArray *points;    /* struct plan_point, newest first */
    GPtrArray *deletions; /* folders, in the order in which they may go */
    GPtrArray *ranges;    /* struct plan_range, the oldest first */
};

/* FAIL_DAMAGED when the newest snapshot is lost: it is to be made whole first. */
struct plan *plan_prune(const struct store *store, const guint8 signer[MINISIGN_KEY_ID],
                        const guint counts[KEEP_RULES], GError **error);
void plan_free(struct plan *plan);
AUTO_DEFINE(plan)
