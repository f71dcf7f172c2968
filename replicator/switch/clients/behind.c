#include "replicator/switch/clients/behind.h"

#include "lib/couch/server.h"
#include "lib/json/json.h"
#include "replicator/standby/checkpoint.h"

#define LACKED_MAX 2000 /* changes that a client lacks, at most, … */
#define LISTED_MAX 8000 /* … and that it is shown again */

struct behind {
    struct http *from, *into;
    const char *database;
    const GPtrArray *marks;
    GPtrArray *listed; /* per mark: a set of ids, or NULL: more than LISTED_MAX, or not known */
};

struct behind *
behind_new(struct http *from, struct http *into, const char *database, const GPtrArray *marks)
{
    struct behind *behind = g_new0(struct behind, 1);
    behind->from = from;
    behind->into = into;
    behind->database = database;
    behind->marks = marks;
    behind->listed = g_ptr_array_new();
    return behind;
}

void
behind_free(struct behind *behind)
{
    if (behind == NULL)
        return;
    for (guint i = 0; i < behind->listed->len; i++)
        if (behind->listed->pdata[i] != NULL)
            g_hash_table_unref(behind->listed->pdata[i]);
    g_ptr_array_unref(behind->listed);
    g_free(behind);
}

static struct http_call *
start_listing(struct http *http, const char *database, const char *sequence, guint limit)
{
    g_autoptr(GString) since = g_string_new(NULL);
    g_autoptr(GString) rest = g_string_new(NULL);
    g_string_printf(rest, "/_changes?limit=%u&since=", limit);
    json_unescape(slice_of(sequence), since);
    http_escape(rest, (struct slice){since->str, since->len});
    g_autofree char *path = server_path(database, rest->str);
    const struct http_request request = {.path = path};
    return http_start(http, &request);
}

/* The ids that it lists, if those are all; NULL: there are more, or it cannot be told. */
static GHashTable *
read_listing(struct http_call *call)
{
    struct slice results, row, id;
    guint64 pending = 1;
    g_autoptr(GString) answer =
        http_expect_success(call, NULL) ? http_read_all(call, HTTP_ANSWER_MAX, NULL) : NULL;
    struct slice json = {answer != NULL ? answer->str : NULL, answer != NULL ? answer->len : 0};
    if (answer == NULL || !json_check(json, NULL) || !json_member(json, "results", &results) ||
        json_type(results) != JSON_ARRAY || !json_member_unsigned(json, "pending", &pending) ||
        pending != 0)
        return NULL;
    g_autoptr(GHashTable) ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (gsize place = 0; json_next_element(results, &place, &row);) {
        if (!json_member(row, "id", &id))
            return NULL;
        g_hash_table_add(ids,
                         slice_dup(id)); /* raw: both servers escape alike, or it is not found */
    }
    return g_steal_pointer(&ids);
}

static gboolean
is_within(GHashTable *ids, GHashTable *all)
{
    GHashTableIter iter;
    gpointer id;
    g_hash_table_iter_init(&iter, ids);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        if (!g_hash_table_contains(all, id))
            return FALSE;
    return TRUE;
}

/* What is listed since a mark; the older ones are not looked at before they are needed. */
static GHashTable *
listed_since(struct behind *behind, guint place)
{
    while (behind->listed->len <= place) {
        const struct mark *mark = behind->marks->pdata[behind->listed->len];
        gboolean fits = json_type(slice_of(mark->sequence)) == JSON_STRING;
        AUTO(http_call) *call =
            fits ? start_listing(behind->into, behind->database, mark->sequence, LISTED_MAX) : NULL;
        g_ptr_array_add(behind->listed, fits ? read_listing(call) : NULL);
    }
    return behind->listed->pdata[place];
}

struct http_call *
behind_ask(struct behind *behind, const char *sequence)
{
    return start_listing(behind->from, behind->database, sequence, LACKED_MAX);
}

const char *
behind_find(struct behind *behind, struct http_call *asked, const char *at_end)
{
    g_autoptr(GHashTable) lacked = read_listing(asked);
    if (lacked == NULL)
        return NULL;
    if (g_hash_table_size(lacked) == 0)
        return at_end;
    for (guint i = 0; i < behind->marks->len; i++) {
        GHashTable *listed = listed_since(behind, i);
        if (listed == NULL)
            return NULL; /* since an older one there are more */
        if (is_within(lacked, listed))
            return ((const struct mark *)behind->marks->pdata[i])->sequence;
    }
    return NULL;
}
