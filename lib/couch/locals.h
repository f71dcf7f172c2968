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
