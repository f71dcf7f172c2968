/*
 * lineage: which snapshot of a store stands on which.
 *
 * Order is by parent ids, never by time. Where two folders have one id, one of them counts. That is
 * how retention works: a merged snapshot takes the id of the newest and the parent of the oldest
 * that it joins, so from the moment it is sealed it stands where they stood, and they can be
 * deleted one by one, the one with its id last. Until then they are hidden; if it turns out
 * damaged, they count again. One that was merged can be joined with older ones again: of two with
 * one id the one that joins more counts.
 */
#pragma once

#include <glib.h>

/*
 * Fills in parent, depth, rooted and replaced of all (struct snapshot) from what is trusted among
 * them. Parents never go in a circle afterwards: one that names its own descendant has none.
 */
void lineage_link(const GPtrArray *snapshots);

/* For g_ptr_array_sort: what others build upon first. */
gint lineage_by_depth(gconstpointer a, gconstpointer b);
