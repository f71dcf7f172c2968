/*
 * prune: carries out a plan: deletes and merges, one step after the other, each of which leaves a
 * store that reads as before or as after.
 *
 * What an earlier run left unfinished is finished first. A merge needs room on the medium beside
 * what it joins; without it a range stays as it is, and is told.
 */
#pragma once

#include "lib/base/progress.h"
#include "lib/store/store.h"
#include "replicator/prune/plan.h"

struct prune {
    const struct keys *keys;
    guint counts[KEEP_RULES];
    struct progress *progress;
    struct plan *plan; /* with what became of each point; NULL when it could not be made */
    gint64 freed;      /* bytes */
};

/* Only plans. */
gboolean prune_look(struct prune *prune, const char *path, GError **error);

/* Does it. The store's lock must be held. */
gboolean prune_store(struct prune *prune, const char *path, GError **error);

/* How many points met that fate. */
guint prune_count(const struct prune *prune, enum plan_fate fate);
void prune_clear(struct prune *prune);
