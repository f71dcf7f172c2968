/*
 * join: neighbours of a chain as one snapshot, which is how restore points go (retention).
 *
 * The merged snapshot takes the newest's id and the oldest's parent, so that whatever builds upon
 * the newest, names it or remembers it goes on doing so; its started, finished, number and
 * completeness too. It says of the server and of each database what the newest says, and holds what
 * counts for that in all of them: the newest leaf set of each id with every attachment that one of
 * them has, and the ids that are gone unless nothing older counts.
 *
 * As soon as it is sealed it stands for the originals (store/lineage.h), which can be deleted
 * (store/removal.h). Memory is bounded (chain_passes.h).
 */
#pragma once

#include "lib/archive/chain.h"

/*
 * Joins the snapshots from `newest` back to `oldest`, an ancestor of it, and seals the result
 * beside them; the store's list is read again, so pointers into it end. They are compared with what
 * was signed first: FAIL_DAMAGED names the one that is not. Whatever fails leaves the store as it
 * was.
 */
gboolean join_snapshots(struct store *store, struct snapshot *newest, const struct snapshot *oldest,
                        const struct keys *keys, struct progress *progress, GError **error);
