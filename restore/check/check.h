/*
 * check: proves that what was meant to be in a database is there: one listing of the target against
 * what was expected, and attachments by digest (details.h).
 */
#pragma once

#include "restore/check/expectation.h"
#include "restore/database/present.h"
#include "restore/run/restore.h"

/* Says that checking begins: what is expected is known but for design documents. */
void check_begin(struct restore *restore, const struct plan_item *item,
                 const struct expectation *expectation);

/* Collects the documents of which leaves are not there, id → why, and reports nothing. */
gboolean check_missing(struct restore *restore, const struct plan_item *item,
                       struct expectation *expectation, GHashTable *ids, GError **error);

/* Compares a database with what was meant to be there. `own`: this restore made it. `listed`: what
 * is there, begun already (check_begin), or NULL; it is freed. Differences are reported as
 * problems.
 */
gboolean check_database(struct restore *restore, const struct plan_item *item,
                        struct expectation *expectation, gboolean own, struct present *listed,
                        GError **error);
