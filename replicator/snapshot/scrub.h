/*
 * scrub: reads a little of a chain back at every run, so that what rots on a drive is found while
 * the source can still make it good.
 *
 * Each run earns `budget` bytes and spends them on the snapshots of the chain in turn, the oldest
 * first, then over again; a small chain is read whole each time. What was read last, and what was
 * earned and not spent, stands in STATE/chains/STORE-ID/scrub.json. Without that file it begins
 * anew.
 */
#pragma once

#include "lib/store/store.h"

/*
 * *damaged: the snapshot that turned out to be damaged, and is no longer trusted; NULL when none
 * did. FALSE when the state cannot be written.
 */
gboolean scrub_chain(struct store *store, struct snapshot *tip, guint64 budget, int state_fd,
                     struct progress *progress, const struct snapshot **damaged, GError **error);
