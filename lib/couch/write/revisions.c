#include "lib/couch/write/revisions.h"

#include "lib/couch/server.h"
#include "lib/json/json.h"

#define BATCH 1000               /* revisions in a request … */
#define BATCH_BYTES (256 * 1024) /* … or bytes */

struct revisions {
    struct http *http;
    char *path;
    revisions_missing missing;
    void *context;
    GString *body;
    GString *id; /* the document that the body ends with */
    guint count;
};

struct revisions *
revisions_new(struct http *http, const char *database, revisions_missing missing, void *context)
{
    struct revisions *revisions = g_new0(struct revisions, 1);
    revisions->http = http;
    revisions->path = server_path(database, "/_revs_diff");
    revisions->missing = missing;
    revisions->context = context;
    revisions->body = g_string_new(NULL);
    revisions->id = g_string_new(NULL);
    return revisions;
}

void
revisions_free(struct revisions *revisions)
{
    if (revisions == NULL)
        return;
    g_string_free(revisions->body, TRUE);
    g_string_free(revisions->id, TRUE);
    g_free(revisions->path);
    g_free(revisions);
}

/* {"ID":{"missing":["3-…"]}} */
static gboolean
take_answer(struct revisions *revisions, struct slice answer, GError **error)
{
    struct slice key, value, list, rev, ancestors;
    g_autoptr(GString) id = g_string_new(NULL);
    for (gsize place = 0; json_next_member(answer, &place, &key, &value);) {
        g_string_truncate(id, 0);
        json_unescape((struct slice){key.data - 1, key.size + 2}, id);
        if (!json_member(value, "missing", &list))
            continue;
        if (!json_member(value, "possible_ancestors", &ancestors) ||
            json_type(ancestors) != JSON_ARRAY)
            ancestors = (struct slice){"", 0};
        for (gsize i = 0; json_next_element(list, &i, &rev);)
            if (json_type(rev) == JSON_STRING &&
                !revisions->missing(revisions->context, (struct slice){id->str, id->len},
                                    (struct slice){rev.data + 1, rev.size - 2}, ancestors, error))
                return FALSE;
    }
    return TRUE;
}

gboolean
revisions_end(struct revisions *revisions, GError **error)
{
    if (revisions->count == 0)
        return TRUE;
    g_string_append(revisions->body, "]}");
    g_autoptr(GString) answer =
        http_fetch(revisions->http, "POST", revisions->path,
                   (struct slice){revisions->body->str, revisions->body->len}, error);
    g_string_truncate(revisions->body, 0);
    revisions->count = 0;
    return answer != NULL &&
           take_answer(revisions, (struct slice){answer->str, answer->len}, error);
}

gboolean
revisions_ask(struct revisions *revisions, struct slice id, struct slice rev, GError **error)
{
    gboolean same = revisions->count > 0 &&
                    slice_compare(id, (struct slice){revisions->id->str, revisions->id->len}) == 0;
    if (!same && (revisions->count >= BATCH || revisions->body->len >= BATCH_BYTES) &&
        !revisions_end(revisions, error))
        return FALSE;
    if (!same) {
        g_string_append(revisions->body, revisions->count > 0 ? "]," : "{");
        json_append_string(revisions->body, id);
        g_string_append(revisions->body, ":[");
        g_string_truncate(revisions->id, 0);
        g_string_append_len(revisions->id, id.data, (gssize)id.size);
    } else {
        g_string_append_c(revisions->body, ',');
    }
    json_append_string(revisions->body, rev);
    revisions->count++;
    return TRUE;
}
