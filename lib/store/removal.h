/*
 * removal: takes snapshots out of a store, so that whatever interrupts it leaves a store that reads
 * as before or as after.
 *
 * A folder is renamed to .NAME, where no reader looks, and then removed; what an interruption
 * leaves of it goes with store_remove_unsealed. Snapshots that others build upon must not be
 * removed, but for the originals of a merged one: they are hidden by it (lineage.h), and go from
 * the newest to the oldest, so that those still there stand on what they stood on; the one that has
 * the merged one's id goes last.
 */
#pragma once

#include "lib/store/store.h"

/* Removes a folder. The store's list is as before until it is read again. */
gboolean removal_delete(const struct store *store, const char *folder, GError **error);

/* Removes what an interrupted removal left. */
gboolean removal_finish(const struct store *store, GError **error);

/*
 * Removes the originals of merged snapshots that were read back and are sound; where one is damaged
 * its originals count again and stay. The list is read again, so pointers into it end. Adds to
 * *freed the bytes that they had.
 */
gboolean removal_originals(struct store *store, const struct keys *keys, struct progress *progress,
                           guint64 *freed, GError **error);
