/*
 * locals: the _local documents. They have no revisions that could be merged: in a database that we
 * make they are as in the snapshot, and in one of others those that are there stay, which is told
 * where they differ.
 */
#pragma once

#include "restore/database/setup.h"

/* `local_json` is the snapshot's local.json, or NULL. */
gboolean locals_write(struct restore *restore, const struct plan_item *item,
                      const GString *local_json, enum setup_standing standing, GError **error);

/* The same, but writes nothing and only tells. */
gboolean locals_preview(struct restore *restore, const struct plan_item *item,
                        const GString *local_json, enum setup_standing standing, GError **error);
