/*
 * present: which documents a database of the target has, with their leaves, in the archive's order:
 * all of them, or with --doc those that matter.
 */
#pragma once

#include "lib/couch/row.h"
#include "restore/run/restore.h"

struct present;

struct present *present_open(struct restore *restore, const struct plan_item *item, GError **error);

/*
 * The same before the design documents are written: those come as they are when all others have
 * been gone through. `designs` (set of ids) may grow until then, and stays the caller's. So the
 * whole database is listed before the server begins to build the indexes of the design documents,
 * which takes it minutes.
 */
struct present *present_open_early(struct restore *restore, const struct plan_item *item,
                                   GHashTable *designs, GError **error);

/* The next document; NULL id.data at the end. Valid until the next call. */
gboolean present_next(struct present *present, struct row *row, GError **error);

/* Goes forward to the first row that is not before `id`. *passed (or NULL) counts those in between.
 */
gboolean present_seek(struct present *present, struct slice id, struct row *row, guint64 *passed,
                      GError **error);
void present_free(struct present *present);
AUTO_DEFINE(present)
