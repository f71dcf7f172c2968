#include "lib/couch/locals.h"

#include "lib/couch/server.h"
#include "lib/json/json.h"

/* ---- all of them ---- */

static gboolean
take_row(struct slice row, locals_take take, void *context, GError **error)
{
    struct slice document;
    return !json_member(row, "doc", &document) || take(context, document, error);
}

static gboolean
read_rows(struct http_call *call, locals_take take, void *context, GError **error)
{
    AUTO(json_split) *split = json_split_new("rows", NULL, HTTP_ANSWER_MAX);
    struct slice input, row;
    enum json_event event = JSON_MORE;
    if (!http_expect_success(call, error) || !http_peek(call, &input, error))
        return FALSE;
    while (input.size > 0) {
        gsize size = input.size;
        while ((event = json_split_feed(split, &input, &row, error)) == JSON_ELEMENT)
            if (!take_row(row, take, context, error))
                return FALSE;
        http_blame_transport(error);
        http_skip(call, size);
        if (event == JSON_FAILED || !http_peek(call, &input, error))
            return FALSE;
    }
    gboolean whole = event == JSON_END && json_split_found(split);
    if (!whole)
        g_set_error(error, HTTP, HTTP_TRANSPORT, "the list of _local documents was cut off");
    return whole;
}

static char *
list_path(const char *database)
{
    return server_path(database, "/_local_docs?include_docs=true");
}

gboolean
locals_ahead(struct http *http, const char *database)
{
    g_autofree char *path = list_path(database);
    return http_ahead(http, path);
}

gboolean
locals_each(struct http *http, const char *database, locals_take take, void (*again)(void *context),
            void *context, GError **error)
{
    g_autofree char *path = list_path(database);
    const struct http_request request = {.path = path};
    for (;;) {
        GError *failure = NULL;
        AUTO(http_call) *call = http_start(http, &request);
        if (read_rows(call, take, context, &failure))
            return TRUE;
        if (server_is_unknown(failure)) {
            g_error_free(failure);
            return TRUE;
        }
        if (!http_again(http, &failure, error))
            return FALSE;
        again(context);
    }
}

/* ---- those that are worth keeping ---- */

static struct slice
text_of(const GString *string)
{
    return (struct slice){string->str, string->len};
}

/* Whether a _local document belongs to somebody who will make it anew. */
static gboolean
is_passing(struct slice id, struct slice document)
{
    static const char *const prefixes[] = {"_local/lifeboat-", "_local/purge-",
                                           "_local/shard-sync-"};
    struct slice member;
    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (id.size >= strlen(prefixes[i]) &&
            memcmp(id.data, prefixes[i], strlen(prefixes[i])) == 0)
            return TRUE;
    return json_member(document, "session_id", &member) &&
           json_member(document, "history", &member);
}

static gboolean
add_local(GString *kept, struct slice document, GError **error)
{
    if (kept->len + document.size > HTTP_ANSWER_MAX)
        return http_bad_answer(error, "the _local documents have more than %d bytes",
                               HTTP_ANSWER_MAX);
    g_string_append(kept, kept->len > 0 ? ",\n" : "\n");
    g_string_append_len(kept, document.data, (gssize)document.size);
    return TRUE;
}

/* If it is worth keeping. */
static gboolean
keep_local(void *context, struct slice document, GError **error)
{
    g_autoptr(GString) id = g_string_new(NULL);
    struct slice raw_id;
    if (!json_member(document, "_id", &raw_id) || json_type(raw_id) != JSON_STRING)
        return TRUE;
    json_unescape(raw_id, id);
    return is_passing(text_of(id), document) || add_local(context, document, error);
}

static void
forget_locals(void *context)
{
    g_string_truncate(context, 0);
}

static void
end_locals(GString *kept)
{
    g_string_prepend(kept, "{\"docs\":[");
    g_string_append(kept, "]}\n");
}

GString *
locals_kept(struct http *http, const char *name, GError **error)
{
    g_autoptr(GString) kept = g_string_new(NULL);
    if (!locals_each(http, name, keep_local, forget_locals, kept, error))
        return NULL;
    end_locals(kept);
    return g_steal_pointer(&kept);
}

/* Adds the document as most copies have it, unless they have deleted it. */
static gboolean
add_agreed(struct http *http, const char *name, struct slice listed, GString *kept, GError **error)
{
    static const char prefix[] = "_local/";
    g_autoptr(GError) cause = NULL;
    g_autofree char *id = NULL;
    if (!json_member_text(listed, "_id", &id) || !g_str_has_prefix(id, prefix))
        return http_bad_answer(error, "a _local document has no id");
    g_autoptr(GString) rest = g_string_new("/_local/");
    http_escape(rest, slice_of(id + strlen(prefix)));
    g_autofree char *path = server_path(name, rest->str);
    g_autoptr(GString) text = http_fetch(http, "GET", path, (struct slice){NULL, 0}, &cause);
    if (text == NULL && http_has_status(cause, 404))
        return TRUE;
    if (text == NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    return add_local(kept, slice_of(g_strchomp(text->str)), error);
}

GString *
locals_agreed(struct http *http, const char *name, GString *list, GError **error)
{
    g_autoptr(GString) old = list;
    g_autoptr(GString) kept = g_string_new(NULL);
    struct slice docs, one;
    if (json_member(text_of(old), "docs", &docs))
        for (gsize place = 0; json_next_element(docs, &place, &one);)
            if (!add_agreed(http, name, one, kept, error))
                return NULL;
    end_locals(kept);
    return g_steal_pointer(&kept);
}
