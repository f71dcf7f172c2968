/*
 * local: _local documents, written into a database. Their revisions are the database's own: only
 * what they say is carried over.
 */
#pragma once

#include "lib/http/http.h"

/* Whether both say the same, whatever their revisions. */
gboolean local_same(struct slice a, struct slice b);

/* "/DATABASE/_local/ID"; the id begins with "_local/". The caller frees. */
char *local_path(const char *database, struct slice id);

/* The document as it is there now; NULL without an error when it is not. */
GString *local_fetch(struct http *http, const char *path, GError **error);

/* Writes it in place of `present` (NULL: of nothing). A conflict (409) is the caller's. */
gboolean local_put(struct http *http, const char *path, struct slice json, const GString *present,
                   GError **error);

/* Calls `take` with each of {"docs":[…]}, until it gives FALSE. */
typedef gboolean (*local_take)(void *context, struct slice id, struct slice json, GError **error);
gboolean local_each(struct slice docs, local_take take, void *context, GError **error);
