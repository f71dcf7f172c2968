#include "lib/couch/write/create.h"

#include "lib/base/fail.h"
#include "lib/couch/server.h"

#define NOTHING ((struct slice){NULL, 0})
#define RACE_ATTEMPTS                                                                              \
    20 /* after a DELETE, CouchDB may take the old database for the new one for a moment */
#define RACE_WAIT 250 /* milliseconds */

guint64
shape_copies(const struct shape *shape, const struct traits *traits)
{
    return shape->n > 1 ? MIN(shape->n, (guint64)g_strv_length(traits->nodes)) : 0;
}

static gboolean
exists(struct http *http, const char *name)
{
    struct server_database present;
    gboolean there = server_database_info(http, name, &present, NULL);
    server_database_clear(&present);
    return there;
}

/* DELETE, until the server says that it is gone: made again too soon, it may be the old one. */
gboolean
create_remove(struct http *http, struct patience *patience, const char *name, GError **error)
{
    g_autofree char *path = server_path(name, "");
    for (guint attempt = 0; attempt < RACE_ATTEMPTS; attempt++) {
        g_autoptr(GError) failure = NULL;
        g_autoptr(GString) answer = http_fetch(http, "DELETE", path, NOTHING, &failure);
        if (answer == NULL && !http_has_status(failure, 404)) {
            g_propagate_prefixed_error(error, g_steal_pointer(&failure), "it cannot be removed: ");
            return FALSE;
        }
        if (!exists(http, name))
            return TRUE;
        patience->wait(patience->context, RACE_WAIT, NULL);
    }
    return fail_set(error, FAIL_FAILED,
                    "it cannot be removed: the server says that it is removed, and then that it is "
                    "there");
}

static char *
create_path(const struct traits *traits, const char *name, const struct shape *shape)
{
    g_autoptr(GString) rest = g_string_new(NULL);
    const guint64 copies = shape_copies(shape, traits);
    if (traits->couchdb && shape->q > 0)
        g_string_append_printf(rest, "&q=%" G_GUINT64_FORMAT, shape->q);
    if (traits->couchdb && copies > 0)
        g_string_append_printf(rest, "&n=%" G_GUINT64_FORMAT, copies);
    if (shape->partitioned)
        g_string_append(rest, "&partitioned=true");
    if (rest->len > 0)
        rest->str[0] = '?';
    return server_path(name, rest->str);
}

gboolean
create_database(struct http *http, const struct traits *traits, struct patience *patience,
                const char *name, const struct shape *shape, gboolean *made, GError **error)
{
    g_autofree char *path = create_path(traits, name, shape);
    *made = FALSE;
    for (guint attempt = 0;; attempt++) {
        g_autoptr(GError) failure = NULL;
        g_autoptr(GString) answer = http_fetch(http, "PUT", path, NOTHING, &failure);
        *made |= answer != NULL;
        if ((answer != NULL || http_has_status(failure, 412)) && exists(http, name))
            return TRUE;
        if (answer == NULL && !http_has_status(failure, 412)) {
            g_propagate_prefixed_error(error, g_steal_pointer(&failure), "it cannot be made: ");
            return FALSE;
        }
        if (attempt == RACE_ATTEMPTS)
            return fail_set(error, FAIL_FAILED,
                            "it cannot be made: the server says that it is there, and then that it "
                            "is not");
        patience->wait(patience->context, RACE_WAIT, NULL);
    }
}
