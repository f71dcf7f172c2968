/*
 * revisions: asks a database in batches (_revs_diff) which revisions it does not have, neither as
 * leaves nor in a document's past.
 */
#pragma once

#include "lib/http/http.h"

struct revisions;

/* `missing` is told each revision that the database lacks; FALSE from it ends the work. `ancestors`
 * is an array in raw JSON of leaves there that may be its ancestors; size 0 when there are none. */
typedef gboolean (*revisions_missing)(void *context, struct slice id, struct slice rev,
                                      struct slice ancestors, GError **error);

struct revisions *revisions_new(struct http *http, const char *database, revisions_missing missing,
                                void *context);

/* Revisions of one document must follow one another. Asks when enough have gathered; the end must
 * be told. */
gboolean revisions_ask(struct revisions *revisions, struct slice id, struct slice rev,
                       GError **error);
gboolean revisions_end(struct revisions *revisions, GError **error);
void revisions_free(struct revisions *revisions);
AUTO_DEFINE(revisions)
