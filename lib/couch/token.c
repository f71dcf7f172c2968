#include "lib/couch/token.h"

#include "lib/base/jsontext.h"
#include "lib/couch/server.h"
#include "lib/json/json.h"

#define TRIES_A_SHARD 64 /* numbers tried for each shard before one is taken as out of reach */

static char *
token_id(const char *reader, struct slice number)
{
    return g_strdup_printf("_local/lifeboat-%s-" SLICE_FORMAT, reader, SLICE_ARGS(number));
}

static char *
token_path(const char *database, const char *reader, struct slice number)
{
    g_autofree char *id = token_id(reader, number);
    g_autofree char *rest = g_strconcat("/", id, NULL);
    return server_path(database, rest);
}

static struct http_call *
start_fetching(struct http *http, const char *database, const char *reader, struct slice number)
{
    g_autofree char *path = token_path(database, reader, number);
    const struct http_request request = {.path = path};
    return http_start(http, &request);
}

static GString *
fetch_token(struct http *http, const char *database, const char *reader, struct slice number,
            GError **error)
{
    g_autofree char *path = token_path(database, reader, number);
    return http_fetch(http, "GET", path, (struct slice){NULL, 0}, error);
}

/* ---- checking ---- */

/* What was asked for with all others at once; once more, with patience, where that failed. */
static GString *
finish_fetching(struct http *http, const char *database, const char *reader, struct slice number,
                struct http_call *call, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GString) text =
        http_expect_success(call, &cause) ? http_read_all(call, HTTP_ANSWER_MAX, &cause) : NULL;
    if (text != NULL && json_check((struct slice){text->str, text->len}, NULL))
        return g_steal_pointer(&text);
    if (cause != NULL && !http_is_transient(cause)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    return fetch_token(http, database, reader, number, error);
}

static guint
count_members(struct slice object)
{
    struct slice key, value;
    guint n = 0;
    for (gsize place = 0; json_next_member(object, &place, &key, &value);)
        n++;
    return n;
}

static gboolean
member_is(struct slice object, const char *name, struct slice wanted)
{
    struct slice value;
    return json_member(object, name, &value) && slice_compare(value, wanted) == 0;
}

void
token_ahead(struct http *http, const char *database, const char *reader, const char *recorded)
{
    struct slice number;
    gboolean room = recorded != NULL;
    for (gsize place = 0;
         room && json_next_member(slice_of(recorded), &place, &number, &(struct slice){0});) {
        g_autofree char *path = token_path(database, reader, number);
        room = http_ahead(http, path);
    }
}

gboolean
token_check(struct http *http, const char *database, const char *reader, const char *recorded,
            guint64 shards, enum token_verdict *verdict, GError **error)
{
    struct slice number, value;
    *verdict = TOKEN_NONE;
    if (recorded == NULL || count_members(slice_of(recorded)) == 0)
        return TRUE;
    *verdict = TOKEN_MISMATCH;
    if (shards != 0 && count_members(slice_of(recorded)) != shards)
        return TRUE;
    g_autoptr(GPtrArray) calls = g_ptr_array_new_with_free_func((GDestroyNotify)http_call_free);
    for (gsize place = 0; json_next_member(slice_of(recorded), &place, &number, &value);)
        g_ptr_array_add(calls, start_fetching(http, database, reader, number));
    guint i = 0;
    for (gsize place = 0; json_next_member(slice_of(recorded), &place, &number, &value); i++) {
        g_autoptr(GError) cause = NULL;
        g_autoptr(GString) token =
            finish_fetching(http, database, reader, number, calls->pdata[i], &cause);
        if (token == NULL && http_has_status(cause, 404))
            return TRUE;
        if (token == NULL) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        struct slice json = {token->str, token->len};
        if (!member_is(json, "token", value) && !member_is(json, "before", value))
            return TRUE;
    }
    *verdict = TOKEN_TRUSTED;
    return TRUE;
}

/* ---- choosing a number for each shard ---- */

static gboolean
range_of(struct http *http, const char *database, const char *id, char **range, GError **error)
{
    g_autoptr(GString) rest = g_string_new("/_shards/");
    http_escape(rest, slice_of(id));
    g_autofree char *path = server_path(database, rest->str);
    g_autoptr(GString) answer = http_fetch(http, "GET", path, (struct slice){NULL, 0}, error);
    if (answer == NULL)
        return FALSE;
    if (!json_member_text((struct slice){answer->str, answer->len}, "range", range))
        return http_bad_answer(error, "the server does not say to which shard '%s' belongs", id);
    return TRUE;
}

/* Numbers, as texts, so that every shard has one; {"0"} on a server that knows no shards. */
static GPtrArray *
choose_numbers(struct http *http, const char *database, const char *reader, guint64 shards,
               GError **error)
{
    g_autoptr(GPtrArray) numbers = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) ranges = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint64 wanted = MIN(shards, TOKEN_SHARDS_MAX);
    if (shards == 0)
        g_ptr_array_add(numbers, g_strdup("0"));
    for (guint64 k = 0; g_hash_table_size(ranges) < wanted && k < wanted * TRIES_A_SHARD; k++) {
        g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, k);
        g_autofree char *id = token_id(reader, slice_of(number));
        char *range = NULL;
        if (!range_of(http, database, id, &range, error))
            return NULL;
        if (g_hash_table_add(ranges, range))
            g_ptr_array_add(numbers, g_steal_pointer(&number));
    }
    return g_steal_pointer(&numbers);
}

static GPtrArray *
recorded_numbers(struct slice recorded)
{
    GPtrArray *numbers = g_ptr_array_new_with_free_func(g_free);
    struct slice number, value;
    for (gsize place = 0; json_next_member(recorded, &place, &number, &value);)
        g_ptr_array_add(numbers, slice_dup(number));
    return numbers;
}

/* ---- writing ---- */

static gboolean
write_one(struct http *http, const char *database, const char *reader, const char *number,
          const char *token, struct slice before, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GString) present = fetch_token(http, database, reader, slice_of(number), &cause);
    if (present == NULL && !http_has_status(cause, 404)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    g_autofree char *id = token_id(reader, slice_of(number));
    g_autofree char *rest = g_strconcat("/", id, NULL);
    g_autofree char *path = server_path(database, rest);
    g_autoptr(GString) text = g_string_new(NULL);
    struct slice rev;
    json_text_begin_object(text);
    json_text_member_string(text, "_id", id);
    if (present != NULL && json_member((struct slice){present->str, present->len}, "_rev", &rev))
        json_text_member_raw(text, "_rev", rev);
    json_text_member_string(text, "token", token);
    if (before.size > 0)
        json_text_member_raw(text, "before", before);
    json_text_end_object(text);
    g_autoptr(GString) answer =
        http_fetch(http, "PUT", path, (struct slice){text->str, text->len}, error);
    return answer != NULL;
}

gboolean
token_write(struct http *http, const char *database, const char *reader, const char *recorded,
            gboolean trusted, guint64 shards, char **tokens, GError **error)
{
    struct slice before = slice_of(recorded != NULL ? recorded : "{}");
    gboolean reuse = count_members(before) > 0 && (shards == 0 || count_members(before) == shards);
    g_autoptr(GPtrArray) numbers =
        reuse ? recorded_numbers(before) : choose_numbers(http, database, reader, shards, error);
    if (numbers == NULL)
        return FALSE;
    g_autofree char *token = g_uuid_string_random();
    g_autoptr(GString) text = g_string_new(NULL);
    json_text_begin_object(text);
    for (guint i = 0; i < numbers->len; i++) {
        const char *number = numbers->pdata[i];
        struct slice old = {NULL, 0};
        g_autoptr(GError) cause = NULL;
        if (trusted)
            json_member(before, number, &old);
        gboolean done = write_one(http, database, reader, number, token, old, &cause);
        if (!done && http_has_status(cause, 409)) { /* it may have been us, and the answer lost */
            g_clear_error(&cause);
            done = write_one(http, database, reader, number, token, old, &cause);
        }
        if (!done) {
            if (http_is_refused(cause) || http_has_status(cause, 412)) {
                *tokens = g_strdup("{}");
                return TRUE;
            }
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        json_text_member_string(text, number, token);
    }
    json_text_end_object(text);
    *tokens = g_string_free(g_steal_pointer(&text), FALSE);
    return TRUE;
}
