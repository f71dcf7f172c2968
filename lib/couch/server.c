#include "lib/couch/server.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/couch/row.h"
#include "lib/couch/scratch.h"
#include "lib/json/json.h"

#define NOTHING ((struct slice){NULL, 0})
#define ASK_AT_ONCE 100 /* databases in a request ([chttpd] max_db_number_for_dbs_info_req) */

static struct slice
text_of(const GString *string)
{
    return (struct slice){string->str, string->len};
}

char *
server_path(const char *database, const char *rest)
{
    g_autoptr(GString) path = g_string_new("/");
    http_escape(path, slice_of(database));
    g_string_append(path, rest);
    return g_string_free(g_steal_pointer(&path), FALSE);
}

/* A part that is all dots would be taken for a step in the tree of paths. */
static void
append_part(GString *path, struct slice part)
{
    if (slice_is(part, ".") || slice_is(part, ".."))
        g_string_append(path, part.size == 1 ? "%2E" : "%2E%2E");
    else
        http_escape(path, part);
}

char *
server_document_path(const char *database, struct slice id, const char *rest)
{
    static const char design[] = "_design/";
    g_autofree char *head = server_path(database, "/");
    g_autoptr(GString) path = g_string_new(head);
    gsize prefix = row_is_design(id) ? sizeof design - 1 : 0;
    g_string_append_len(path, design, (gssize)prefix);
    append_part(path, (struct slice){id.data + prefix, id.size - prefix});
    g_string_append(path, rest);
    return g_string_free(g_steal_pointer(&path), FALSE);
}

char *
server_attachment_path(const char *database, struct slice id, struct slice name, struct slice rev)
{
    g_autofree char *head = server_document_path(database, id, "/");
    g_autoptr(GString) path = g_string_new(head);
    g_autoptr(GString) plain = g_string_new(NULL);
    json_unescape(name, plain);
    append_part(path, text_of(plain));
    g_string_append(path, "?rev=");
    http_escape(path, rev);
    return g_string_free(g_steal_pointer(&path), FALSE);
}

/* ---- the server ---- */

void
server_info_clear(struct server_info *info)
{
    g_clear_pointer(&info->version, g_free);
    g_clear_pointer(&info->uuid, g_free);
}

gboolean
server_info_fetch(struct http *http, struct server_info *info, GError **error)
{
    *info = (struct server_info){NULL, NULL};
    g_autoptr(GString) answer = http_fetch(http, "GET", "/", NOTHING, error);
    if (answer == NULL)
        return FALSE;
    struct slice json = text_of(answer), welcome;
    if (!json_member(json, "couchdb", &welcome) && !json_member(json, "express-pouchdb", &welcome))
        return fail_set(error, FAIL_FAILED, "%s is no CouchDB server", http_name(http));
    if (!json_member_text(json, "version", &info->version))
        info->version = g_strdup("unknown");
    json_member_text(json, "uuid", &info->uuid);
    return TRUE;
}

gboolean
server_answers(struct http *http, const char *path)
{
    struct http_request request = {.path = path};
    AUTO(http_call) *call = http_start(http, &request);
    g_autoptr(GString) answer =
        http_expect_success(call, NULL) ? http_read_all(call, HTTP_ANSWER_MAX, NULL) : NULL;
    return answer != NULL;
}

static gint
by_bytes(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
drop_repeated(GPtrArray *sorted)
{
    guint kept = 0;
    for (guint i = 0; i < sorted->len; i++) {
        char *name = sorted->pdata[i];
        if (kept > 0 && g_str_equal(sorted->pdata[kept - 1], name))
            continue;
        sorted->pdata[i] = sorted->pdata[kept];
        sorted->pdata[kept++] = name;
    }
    g_ptr_array_set_size(sorted, (gint)kept); /* frees the others */
}

char **
server_databases(struct http *http, GError **error)
{
    g_autoptr(GString) answer = http_fetch(http, "GET", "/_all_dbs", NOTHING, error);
    if (answer == NULL)
        return NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) name = g_string_new(NULL);
    struct slice element, list = text_of(answer);
    if (json_type(list) != JSON_ARRAY) {
        fail_set(error, FAIL_FAILED, "%s gives no list of databases", http_name(http));
        return NULL;
    }
    for (gsize place = 0; json_next_element(list, &place, &element);) {
        if (json_type(element) != JSON_STRING || names->len == SERVER_DATABASES_MAX) {
            fail_set(error, FAIL_FAILED, "%s gives no list of databases", http_name(http));
            return NULL;
        }
        g_string_truncate(name, 0);
        json_unescape(element, name);
        if (name->len == 0 || memchr(name->str, '\0', name->len) != NULL)
            continue; /* nobody could ask for it */
        g_ptr_array_add(names, g_strndup(name->str, name->len));
    }
    g_ptr_array_sort(names, by_bytes);
    drop_repeated(names);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

struct pair {
    struct slice key, value;
};

static gint
by_key(gconstpointer a, gconstpointer b)
{
    return slice_compare(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* Members in the order of their raw keys; values of the first level likewise. */
static void
append_sorted(GString *out, struct slice object, guint levels)
{
    g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(struct pair));
    struct pair pair;
    for (gsize place = 0; json_next_member(object, &place, &pair.key, &pair.value);)
        g_array_append_val(pairs, pair);
    g_array_sort(pairs, by_key);
    g_string_append_c(out, '{');
    for (guint i = 0; i < pairs->len; i++) {
        pair = g_array_index(pairs, struct pair, i);
        g_string_append_printf(out, "%s\"", i > 0 ? "," : "");
        g_string_append_len(out, pair.key.data, (gssize)pair.key.size);
        g_string_append(out, "\":");
        if (levels > 1 && json_type(pair.value) == JSON_OBJECT)
            append_sorted(out, pair.value, levels - 1);
        else
            g_string_append_len(out, pair.value.data, (gssize)pair.value.size);
    }
    g_string_append_c(out, '}');
}

GString *
server_node_config(struct http *http, const char *node, GError **error)
{
    g_autoptr(GString) path = g_string_new("/_node/");
    http_escape(path, slice_of(node));
    g_string_append(path, "/_config");
    return http_fetch(http, "GET", path->str, NOTHING, error);
}

char *
server_node_name(struct http *http)
{
    g_autoptr(GString) answer = http_fetch(http, "GET", "/_node/_local", NOTHING, NULL);
    char *name = NULL;
    if (answer != NULL)
        json_member_text(text_of(answer), "name", &name);
    return name;
}

GString *
server_config(struct http *http, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GString) answer = server_node_config(http, "_local", &cause);
    if (answer == NULL && http_has_status(cause, 404)) {
        g_clear_error(&cause);
        answer = http_fetch(http, "GET", "/_config", NOTHING, &cause);
        if (answer == NULL && (http_has_status(cause, 404) || http_has_status(cause, 405)))
            return NULL;
    }
    if (answer == NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    GString *sorted = g_string_new(NULL);
    append_sorted(sorted, text_of(answer), 2);
    return sorted;
}

/* ---- a database ---- */

void
server_database_clear(struct server_database *database)
{
    g_free(database->update_seq);
    g_free(database->purge_seq);
    g_free(database->instance_start_time);
    g_free(database->security);
    *database = (struct server_database){0};
}

gboolean
server_sequence_number(struct slice sequence, guint64 *number)
{
    g_autofree char *text = slice_dup(sequence);
    char *digits = text + strspn(text, "\"["), *end;
    if (!g_ascii_isdigit(*digits))
        return FALSE;
    *number = g_ascii_strtoull(digits, &end, 10);
    return *end == '\0' || strchr("-\",", *end) != NULL;
}

static char *
raw_member(struct slice object, const char *name)
{
    struct slice value;
    return json_member(object, name, &value) ? slice_dup(value) : NULL;
}

gboolean
server_database_info(struct http *http, const char *name, struct server_database *database,
                     GError **error)
{
    *database = (struct server_database){0};
    g_autofree char *path = server_path(name, "");
    g_autoptr(GString) answer = http_fetch(http, "GET", path, NOTHING, error);
    if (answer == NULL)
        return FALSE;
    struct slice json = text_of(answer), member;
    database->update_seq = raw_member(json, "update_seq");
    database->purge_seq = raw_member(json, "purge_seq");
    json_member_text(json, "instance_start_time", &database->instance_start_time);
    json_member_unsigned(json, "doc_count", &database->documents);
    database->counts_deleted = json_member_unsigned(json, "doc_del_count", &database->deleted);
    if (json_member(json, "cluster", &member)) {
        json_member_unsigned(member, "q", &database->q);
        json_member_unsigned(member, "n", &database->n);
    }
    if (json_member(json, "props", &member))
        database->partitioned = json_member_true(member, "partitioned");
    return TRUE;
}

gboolean
server_is_unknown(const GError *error)
{
    return http_has_status(error, 404) || http_has_status(error, 405) ||
           http_has_status(error, 501);
}

/* An answer as it is, or `otherwise` where the server has no such endpoint. */
static GString *
fetch_or(struct http *http, const char *name, const char *rest, const char *otherwise,
         GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *path = server_path(name, rest);
    GString *answer = http_fetch(http, "GET", path, NOTHING, &cause);
    if (answer != NULL)
        return answer;
    if (otherwise != NULL && server_is_unknown(cause))
        return g_string_new(otherwise);
    g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

gboolean
server_database_fetch(struct http *http, const char *name, struct server_database *database,
                      GError **error)
{
    if (!server_database_info(http, name, database, error))
        return FALSE;
    g_autoptr(GString) security = fetch_or(http, name, "/_security", "{}", error);
    g_autoptr(GString) limit =
        security != NULL ? fetch_or(http, name, "/_revs_limit", "1000", error) : NULL;
    if (limit == NULL)
        return FALSE;
    g_strstrip(security->str);
    g_strstrip(limit->str);
    database->security = g_strdup(security->str);
    if (!json_unsigned(slice_of(limit->str), &database->revs_limit))
        return http_bad_answer(error, "its _revs_limit is no number");
    return TRUE;
}

/* ---- many databases ---- */

static gboolean
take_infos(struct slice answer, server_each_database each, void *context, GError **error)
{
    struct slice one, info;
    if (json_type(answer) != JSON_ARRAY)
        return TRUE;
    for (gsize place = 0; json_next_element(answer, &place, &one);) {
        g_autofree char *name = NULL;
        if (!json_member(one, "info", &info) || json_type(info) != JSON_OBJECT)
            info = (struct slice){NULL, 0};
        if (json_member_text(one, "key", &name) && !each(context, name, info, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
ask_some(struct http *http, const GPtrArray *names, guint from, server_each_database each,
         void *context, GError **error)
{
    g_autoptr(GString) body = g_string_new(NULL);
    json_text_begin_object(body);
    json_text_member_array(body, "keys");
    for (guint i = from; i < MIN(from + ASK_AT_ONCE, names->len); i++)
        json_text_string(body, names->pdata[i]);
    json_text_end_array(body);
    json_text_end_object(body);
    g_autoptr(GString) answer = http_fetch(http, "POST", "/_dbs_info", text_of(body), error);
    return answer != NULL && take_infos(text_of(answer), each, context, error);
}

gboolean
server_ask_databases(struct http *http, const GPtrArray *names, server_each_database each,
                     void *context, gboolean *can, GError **error)
{
    *can = TRUE;
    for (guint from = 0; from < names->len && *can; from += ASK_AT_ONCE) {
        g_autoptr(GError) failure = NULL;
        if (ask_some(http, names, from, each, context, &failure))
            continue;
        *can = failure->domain != HTTP || http_is_transient(failure) || http_is_refused(failure);
        if (*can) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
    }
    return TRUE;
}

GString *
server_purged_infos(struct http *http, const char *name, GError **error)
{
    g_autoptr(GString) answer = fetch_or(http, name, "/_purged_infos", "", error);
    return answer != NULL && answer->len > 0 ? g_steal_pointer(&answer) : NULL;
}

GHashTable *
server_purged_ids(struct http *http, const char *name, GError **error)
{
    GError *failure = NULL;
    g_autoptr(GString) answer = server_purged_infos(http, name, &failure);
    struct slice list, one;
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return NULL;
    }
    GHashTable *ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (answer != NULL && json_member(text_of(answer), "purged_infos", &list))
        for (gsize place = 0; json_next_element(list, &place, &one);) {
            char *id = NULL;
            if (json_member_text(one, "id", &id))
                g_hash_table_add(ids, id);
        }
    return ids;
}

/* ---- names of databases ---- */

static gboolean
is_named(const char *database, const char *word)
{
    const char *slash = strrchr(database, '/');
    return g_str_equal(slash != NULL ? slash + 1 : database, word);
}

gboolean
server_is_replicator(const char *database)
{
    return is_named(database, "_replicator");
}

gboolean
server_is_users(const char *database)
{
    return is_named(database, "_users");
}

gboolean
server_is_passing(const char *database)
{
    return g_str_equal(database, "_global_changes") || scratch_is(database);
}
