/*
 * database: brings one database of the plan back: made, written in the order of ids, checked, and
 * opened at the end.
 */
#pragma once

#include "restore/check/expectation.h"
#include "restore/run/restore.h"

/* Writes one database of the plan and checks it. `expectation` is empty, and says afterwards what
 * was meant to be there. */
gboolean database_restore(struct restore *restore, const struct plan_item *item,
                          struct expectation *expectation, GError **error);

/* Says what would be done, and writes nothing. */
gboolean database_preview(struct restore *restore, const struct plan_item *item, GError **error);
