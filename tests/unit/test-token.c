/* token: a sequence is trusted only while every shard has its token; nothing is asked twice that
 * was refused. */
#include "lib/couch/token.h"
#include "lib/json/json.h"
#include "tests/unit/http_server.h"

/* A database of four shards; the number's last digit modulo 4 is the shard. */
struct shards {
    GHashTable *tokens; /* path → GString: the document */
    guint status;       /* of writes, when not 0 */
    guint read_status;  /* of reads of tokens */
    gboolean no_shards;
    guint reads, writes, conflicts;
    gboolean lose_answer; /* of the first write */
};

static void
answer_shards(void *context, const struct server_request *request, struct server_answer *answer)
{
    struct shards *shards = context;
    const char *path = request->path;
    if (strstr(path, "/_shards/") != NULL) {
        answer->status = shards->no_shards ? 404 : 200;
        g_string_printf(answer->body, "{\"range\":\"%c\"}",
                        '0' + (path[strlen(path) - 1] - '0') % 4);
        return;
    }
    g_assert_true(g_str_has_prefix(path, "/d%2Fb/_local/lifeboat-store-"));
    GString *document = g_hash_table_lookup(shards->tokens, path);
    if (g_str_equal(request->method, "GET")) {
        shards->reads++;
        answer->status = shards->read_status != 0 ? shards->read_status
                         : document != NULL       ? 200
                                                  : 404;
        g_string_assign(answer->body, document != NULL ? document->str : "{}");
        return;
    }
    shards->writes++;
    answer->status = shards->status;
    if (shards->status != 0)
        return;
    struct slice rev;
    gboolean has_rev = json_member(request->body, "_rev", &rev);
    if (has_rev != (document != NULL)) {
        answer->status = 409;
        shards->conflicts++;
        return;
    }
    GString *written = g_string_new_len(request->body.data, (gssize)request->body.size);
    g_string_truncate(written, written->len - 1);
    g_string_append(written, has_rev ? "}" : ",\"_rev\":\"0-1\"}");
    g_hash_table_insert(shards->tokens, g_strdup(path), written);
    g_string_assign(answer->body, "{\"ok\":true}");
    if (shards->lose_answer) {
        answer->status = 409; /* as it is when the client asks again by itself */
        shards->lose_answer = FALSE;
    }
}

static void
free_string(gpointer string)
{
    g_string_free(string, TRUE);
}

static GHashTable *
new_tokens(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_string);
}

static enum token_verdict
check(struct http *http, const char *tokens, guint64 shards)
{
    enum token_verdict verdict;
    g_autoptr(GError) error = NULL;
    token_check(http, "d/b", "store", tokens, shards, &verdict, &error);
    g_assert_no_error(error);
    return verdict;
}

static char *
write_tokens(struct http *http, const char *before, guint64 shards)
{
    char *tokens = NULL;
    g_autoptr(GError) error = NULL;
    token_write(http, "d/b", "store", before, TRUE, shards, &tokens, &error);
    g_assert_no_error(error);
    g_assert_true(json_check(slice_of(tokens), NULL));
    return tokens;
}

static void
every_shard_vouches(void)
{
    g_autoptr(GHashTable) documents = new_tokens();
    struct shards shards = {.tokens = documents};
    AUTO(http_server) *server = http_server_new(answer_shards, &shards);
    AUTO(http) *http = http_server_client(server, 0);
    g_assert_cmpint(check(http, NULL, 4), ==, TOKEN_NONE);
    g_assert_cmpint(check(http, "{}", 4), ==, TOKEN_NONE);
    g_autofree char *first = write_tokens(http, NULL, 4);
    g_assert_cmpuint(shards.writes, ==, 4);
    g_assert_cmpint(check(http, first, 4), ==, TOKEN_TRUSTED);
    g_assert_cmpint(check(http, first, 8), ==, TOKEN_MISMATCH); /* made anew with other shards */
    g_autofree char *second = write_tokens(http, first, 4);
    g_assert_cmpstr(first, !=, second);
    g_assert_cmpint(check(http, second, 4), ==, TOKEN_TRUSTED);
    g_assert_cmpint(check(http, first, 4), ==,
                    TOKEN_TRUSTED); /* a run that was not sealed came between */
    g_autofree char *third = write_tokens(http, second, 4);
    g_assert_cmpint(check(http, first, 4), ==, TOKEN_MISMATCH);
    g_assert_cmpint(check(http, third, 4), ==, TOKEN_TRUSTED);
    GHashTableIter iterator;
    gpointer key, value;
    g_hash_table_iter_init(&iterator, documents);
    for (guint i = 0; i < 3; i++)
        g_assert_true(g_hash_table_iter_next(&iterator, &key, &value));
    g_autofree char *kept = g_strdup(key);
    g_hash_table_remove(documents, kept); /* one shard lost it */
    g_assert_cmpint(check(http, third, 4), ==, TOKEN_MISMATCH);
}

static void
an_account_that_may_not_write_leaves_none(void)
{
    static const guint statuses[] = {401, 403, 412};
    for (guint i = 0; i < G_N_ELEMENTS(statuses); i++) {
        g_autoptr(GHashTable) documents = new_tokens();
        struct shards shards = {.tokens = documents, .status = statuses[i]};
        AUTO(http_server) *server = http_server_new(answer_shards, &shards);
        AUTO(http) *http = http_server_client(server, 0);
        g_autofree char *tokens = write_tokens(http, NULL, 4);
        g_assert_cmpstr(tokens, ==, "{}");
        g_assert_cmpuint(shards.writes, ==, 1);
    }
}

static void
a_refused_read_is_not_followed_by_a_write(void)
{
    g_autoptr(GHashTable) documents = new_tokens();
    struct shards shards = {.tokens = documents, .read_status = 401};
    AUTO(http_server) *server = http_server_new(answer_shards, &shards);
    AUTO(http) *http = http_server_client(server, 0);
    g_autofree char *tokens = write_tokens(http, NULL, 4);
    g_assert_cmpstr(tokens, ==, "{}");
    g_assert_true(shards.reads == 1 && shards.writes == 0);
}

static void
a_write_whose_answer_was_lost_counts(void)
{
    g_autoptr(GHashTable) documents = new_tokens();
    struct shards shards = {.tokens = documents, .lose_answer = TRUE};
    AUTO(http_server) *server = http_server_new(answer_shards, &shards);
    AUTO(http) *http = http_server_client(server, 0);
    g_autofree char *tokens = write_tokens(http, NULL, 4);
    g_assert_cmpint(check(http, tokens, 4), ==, TOKEN_TRUSTED);
    g_assert_cmpuint(shards.writes, ==, 5);
}

static void
a_server_without_shards_has_one_token(void)
{
    g_autoptr(GHashTable) documents = new_tokens();
    struct shards shards = {.tokens = documents, .no_shards = TRUE};
    AUTO(http_server) *server = http_server_new(answer_shards, &shards);
    AUTO(http) *http = http_server_client(server, 0);
    g_autofree char *tokens = write_tokens(http, NULL, 0);
    g_assert_cmpint(check(http, tokens, 0), ==, TOKEN_TRUSTED);
    g_assert_cmpuint(shards.writes, ==, 1);
}

static void
a_failing_server_is_an_error(void)
{
    g_autoptr(GHashTable) documents = new_tokens();
    struct shards shards = {.tokens = documents, .read_status = 500};
    AUTO(http_server) *server = http_server_new(answer_shards, &shards);
    AUTO(http) *http = http_server_client(server, 0);
    enum token_verdict verdict;
    g_autoptr(GError) error = NULL;
    g_assert_false(token_check(http, "d/b", "store", "{\"0\":\"x\"}", 1, &verdict, &error));
    g_assert_error(error, HTTP, 500);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/token/every shard vouches", every_shard_vouches);
    g_test_add_func("/token/an account that may not write leaves none",
                    an_account_that_may_not_write_leaves_none);
    g_test_add_func("/token/a refused read is not followed by a write",
                    a_refused_read_is_not_followed_by_a_write);
    g_test_add_func("/token/a write whose answer was lost counts",
                    a_write_whose_answer_was_lost_counts);
    g_test_add_func("/token/a server without shards has one token",
                    a_server_without_shards_has_one_token);
    g_test_add_func("/token/a failing server is an error", a_failing_server_is_an_error);
    return g_test_run();
}
