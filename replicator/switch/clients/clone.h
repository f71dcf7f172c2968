/*
 * clone: whether a database of this node takes sequences of the other one for its own, as it does
 * where its files were copied from there. CouchDB begins from zero with a sequence of another file;
 * of a copy it would believe it, and a client that keeps its checkpoint to itself would skip what
 * stands elsewhere in this one's feed. So such a database is not switched to.
 */
#pragma once

#include "lib/http/http.h"

/* That is soon asked. FALSE: there is no room for more (http_ahead). */
gboolean clone_ahead(struct http *http, const char *database, const char *sequence);

/* FALSE with FAIL_FAILED where it does. `sequence`: the other one's, raw JSON; `all`: documents of
 * this one's, deleted ones too. */
gboolean clone_check(struct http *http, const char *database, const char *sequence, guint64 all,
                     GError **error);
