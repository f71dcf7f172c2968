#include "replicator/standby/server/warm.h"

#include "lib/couch/server.h"
#include "lib/json/json.h"

#define NOTHING ((struct slice){NULL, 0})

static void
warm_one(struct standby *standby, const char *database, struct slice document)
{
    struct slice raw_id, views, key, view;
    gsize place = 0;
    g_autoptr(GString) id = g_string_new(NULL);
    g_autoptr(GString) name = g_string_new(NULL);
    if (!json_member(document, "_id", &raw_id) || json_type(raw_id) != JSON_STRING ||
        !json_member(document, "views", &views) || json_type(views) != JSON_OBJECT ||
        !json_next_member(views, &place, &key, &view))
        return;
    json_unescape(raw_id, id);
    json_unescape((struct slice){key.data - 1, key.size + 2}, name);
    g_autoptr(GString) rest = g_string_new("/_view/");
    http_escape(rest, (struct slice){name->str, name->len});
    g_string_append(rest, "?limit=0&update=lazy");
    g_autofree char *path =
        server_document_path(database, (struct slice){id->str, id->len}, rest->str);
    GString *ignored = http_fetch(standby->target, "GET", path, NOTHING, NULL);
    if (ignored != NULL)
        g_string_free(ignored, TRUE);
}

void
warm_indexes(struct standby *standby, const char *database)
{
    struct slice rows, row, document;
    g_autofree char *path = server_path(database, "/_design_docs?include_docs=true");
    if (!standby->traits.couchdb)
        return;
    g_autoptr(GString) answer = http_fetch(standby->target, "GET", path, NOTHING, NULL);
    if (answer == NULL || !json_member((struct slice){answer->str, answer->len}, "rows", &rows))
        return;
    http_be_patient(standby->target, NULL); /* with an index that cannot be built */
    for (gsize place = 0; json_next_element(rows, &place, &row);)
        if (json_member(row, "doc", &document) && json_type(document) == JSON_OBJECT)
            warm_one(standby, database, document);
    http_be_patient(standby->target, &standby->patience);
}
