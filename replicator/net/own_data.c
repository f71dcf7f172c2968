#include "replicator/net/own_data.h"

#include "lib/couch/server.h"

#define TOLD_MAX 4
#define STALL_SECONDS 20

static gboolean
add_database(GString *out, struct http *http, const char *name, guint *found, GError **error)
{
    struct server_database database = {0};
    g_autoptr(GError) vanished = NULL;
    if (!server_database_info(http, name, &database, &vanished)) {
        if (http_has_status(vanished, 404))
            return TRUE;
        g_propagate_error(error, g_steal_pointer(&vanished));
        return FALSE;
    }
    const guint64 documents = database.documents;
    server_database_clear(&database);
    if (documents == 0)
        return TRUE;
    if (++*found <= TOLD_MAX)
        g_string_append_printf(out, "%s'%s' (%" G_GUINT64_FORMAT " document%s)",
                               out->len > 0 ? ", " : "", name, documents,
                               documents == 1 ? "" : "s");
    else if (*found == TOLD_MAX + 1)
        g_string_append(out, " and more");
    return TRUE;
}

char *
own_data_find(const struct command_line *line, GError **error)
{
    const struct http_options options = {.url = options_string(line, "source"),
                                         .stall_seconds = STALL_SECONDS};
    g_autoptr(GString) out = g_string_new(NULL);
    guint found = 0;
    if (options.url == NULL)
        return NULL;
    AUTO(http) *http = http_connect(&options, options_string(line, "credentials"), error);
    g_auto(GStrv) names = http != NULL ? server_databases(http, error) : NULL;
    if (names == NULL)
        return NULL;
    for (guint i = 0; names[i] != NULL && found <= TOLD_MAX; i++)
        if (names[i][0] != '_' && !server_is_passing(names[i]) &&
            !add_database(out, http, names[i], &found, error))
            return NULL;
    return out->len > 0 ? g_string_free(g_steal_pointer(&out), FALSE) : NULL;
}
