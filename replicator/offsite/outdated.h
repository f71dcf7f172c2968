/*
 * outdated: which snapshots of a bucket may go, now that all of the local store are complete there.
 *
 * What is not in the local store was removed from it by a prune, or was lost there, and then the
 * bucket has the only copy. So one goes only if
 *
 *     a merged one that is in both stands for it (lib/store/lineage.h), or
 *     this node signed it, it is older than the newest of the local store,
 *         and nothing in the local store builds upon it;
 *
 * and in the order of lib/store/removal.h, so that what is still there stands on what it stood on.
 * What another node wrote, what is newer, damaged or foreign stays.
 */
#pragma once

#include "replicator/offsite/outline.h"

/* Names of folders, in the order in which they may go. Afterwards the snapshots of both are linked
 * with one another: the local store is to be read again. */
GPtrArray *outdated_folders(const struct outline *outline, const struct store *local,
                            const struct keys *keys);
