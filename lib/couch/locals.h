/*
 * locals: the _local documents of a database, one by one as the answer comes: every phone has left
 * checkpoints there, many times more than what anybody keeps.
 */
#pragma once

#include "lib/http/http.h"

typedef gboolean (*locals_take)(void *context, struct slice document, GError **error);

/* `again` is called before it begins anew, when the answer broke off: what was given is void. A
 * database that is gone, and a server that cannot list them, has none. */
gboolean locals_each(struct http *http, const char *database, locals_take take,
                     void (*again)(void *context), void *context, GError **error);

/* Those are soon asked for. FALSE: there is no room for more (http_ahead). */
gboolean locals_ahead(struct http *http, const char *database);

/*
 * The _local documents that are worth keeping, as {"docs":[…]}, each as CouchDB gave it: not
 * replication checkpoints (session_id and history), not CouchDB's own, not our tokens. {"docs":[]}
 * when the server cannot list them.
 */
GString *locals_kept(struct http *http, const char *name, GError **error);

/*
 * The same documents, each asked for by its id. A cluster lists what one copy has, and a copy that
 * was down when a _local document was written never gets it; asked by id, the newest that most
 * copies know is given. `list` is freed.
 */
GString *locals_agreed(struct http *http, const char *name, GString *list, GError **error);
