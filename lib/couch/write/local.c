#include "lib/couch/write/local.h"

#include "lib/couch/server.h"
#include "lib/couch/write/same.h"
#include "lib/couch/write/splice.h"
#include "lib/json/json.h"

#define PREFIX "_local/"

static struct slice
text_of(const GString *string)
{
    return (struct slice){string->str, string->len};
}

gboolean
local_same(struct slice a, struct slice b)
{
    static const char *const drop[] = {"_id", "_rev", NULL};
    g_autoptr(GString) first = g_string_new(NULL);
    g_autoptr(GString) second = g_string_new(NULL);
    splice_members(first, a, NULL, drop);
    splice_members(second, b, NULL, drop);
    return json_same(text_of(first), text_of(second));
}

char *
local_path(const char *database, struct slice id)
{
    static const gsize prefix = sizeof PREFIX - 1;
    g_autoptr(GString) rest = g_string_new("/_local/");
    http_escape(rest, (struct slice){id.data + prefix, id.size - prefix});
    return server_path(database, rest->str);
}

GString *
local_fetch(struct http *http, const char *path, GError **error)
{
    g_autoptr(GError) failure = NULL;
    GString *present = http_fetch(http, "GET", path, (struct slice){NULL, 0}, &failure);
    if (present == NULL && !http_has_status(failure, 404))
        g_propagate_error(error, g_steal_pointer(&failure));
    return present;
}

gboolean
local_put(struct http *http, const char *path, struct slice json, const GString *present,
          GError **error)
{
    static const char *const drop[] = {"_rev", NULL};
    g_autoptr(GString) body = g_string_new(NULL);
    g_autofree char *rev = NULL;
    struct slice raw;
    if (present != NULL && json_member(text_of(present), "_rev", &raw))
        rev = g_strdup_printf("\"_rev\":" SLICE_FORMAT, SLICE_ARGS(raw));
    splice_members(body, json, rev, drop);
    g_autoptr(GString) answer = http_fetch(http, "PUT", path, text_of(body), error);
    return answer != NULL;
}

gboolean
local_each(struct slice docs, local_take take, void *context, GError **error)
{
    struct slice list, json, raw_id;
    g_autoptr(GString) id = g_string_new(NULL);
    if (!json_member(docs, "docs", &list))
        return TRUE;
    for (gsize place = 0; json_next_element(list, &place, &json);) {
        g_string_truncate(id, 0);
        if (!json_member(json, "_id", &raw_id) || json_type(raw_id) != JSON_STRING)
            continue;
        json_unescape(raw_id, id);
        if (g_str_has_prefix(id->str, PREFIX) && !take(context, text_of(id), json, error))
            return FALSE;
    }
    return TRUE;
}
