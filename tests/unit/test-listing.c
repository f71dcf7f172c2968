/* listing: a feed counts only when it is whole; its rows come out sorted, each id once. */
#include "lib/base/fail.h"
#include "lib/couch/read/listing.h"
#include "tests/unit/http_server.h"

struct feed {
    const char *text;
    gsize chunk;
    gboolean cut;
    gsize cut_at;
    guint status;
    guint generated; /* rows, instead of text */
    char *path;      /* that was asked for */
};

static void
answer_feed(void *context, const struct server_request *request, struct server_answer *answer)
{
    struct feed *feed = context;
    g_free(feed->path);
    feed->path = g_strdup(request->path);
    answer->chunk = feed->chunk;
    answer->cut = feed->cut;
    answer->cut_at = feed->cut_at;
    answer->status = feed->status;
    if (feed->text != NULL)
        g_string_assign(answer->body, feed->text);
    else
        g_string_assign(answer->body, "{\"results\":[");
    for (guint i = 0; i < feed->generated; i++)
        g_string_append_printf(
            answer->body,
            "%s{\"seq\":null,\"id\":\"%u\",\"changes\":[{\"rev\":\"1-0123456789abcdef\"}]}\n",
            i > 0 ? "," : "", i * 7919 % feed->generated);
    if (feed->text == NULL)
        g_string_append(answer->body, "],\"last_seq\":7,\"pending\":0}");
}

static struct listing *
fetch_since(struct feed *feed, const char *since, GError **error)
{
    AUTO(http_server) *server = http_server_new(answer_feed, feed);
    AUTO(http) *http = http_server_client(server, 0);
    return listing_fetch(http, "d/b+", since, NULL, NULL, error);
}

/* "a:1-x,2-y b:…", or NULL. */
static char *
fetch(struct feed *feed, GError **error)
{
    AUTO(listing) *listing = fetch_since(feed, NULL, error);
    g_clear_pointer(&feed->path, g_free);
    if (listing == NULL)
        return NULL;
    g_autoptr(GString) log = g_string_new(listing_last_seq(listing));
    struct row row;
    for (;;) {
        g_assert_true(listing_next(listing, &row, NULL));
        if (row.id.data == NULL)
            break;
        g_string_append_printf(log, " " SLICE_FORMAT, SLICE_ARGS(row.id));
        struct slice rest = row.leaves;
        for (struct row_leaf leaf; row_next_leaf(&rest, &leaf);)
            g_string_append_printf(log, ":" SLICE_FORMAT, SLICE_ARGS(leaf.rev));
    }
    g_assert_true(listing_next(listing, &row, NULL) && row.id.data == NULL);
    return g_string_free(g_steal_pointer(&log), FALSE);
}

static const char good[] =
    "{\"results\":[\n{\"seq\":\"1-a\",\"id\":\"b\",\"changes\":[{\"rev\":\"1-x\"},{\"rev\":\"2-y\"}"
    "]},\n"
    "{\"seq\":null,\"id\":\"_design/a\",\"changes\":[{\"rev\":\"1-d\"}],\"deleted\":true},\n"
    "{\"seq\":null,\"id\":\"\\u0061\",\"changes\":[{\"rev\":\"3-z\"}]},\n{\"id\":\"b\",\"changes\":"
    "[{\"rev\":\"2-y\"},{\"rev\":\"1-w\"}]}\n],\n"
    "\"last_seq\":\"9-\\u0061z\",\"pending\":0}\n";

static void
rows_come_sorted_and_joined(void)
{
    for (gsize chunk = 0; chunk < 40; chunk++) {
        struct feed feed = {.text = good, .chunk = chunk};
        g_autofree char *log = fetch(&feed, NULL);
        g_assert_cmpstr(log, ==, "\"9-\\u0061z\" a:3-z b:1-x:2-y:1-w _design/a:1-d");
    }
}

static void
the_sequence_goes_into_the_path(void)
{
    static const char *const pairs[][2] = {{"\"9-a+b/c=\\u0061\"", "&since=9-a%2Bb%2Fc%3Da"},
                                           {"17", "&since=17"},
                                           {"[1,\"a\"]", "&since=%5B1%2C%22a%22%5D"}};
    for (guint i = 0; i < G_N_ELEMENTS(pairs); i++) {
        struct feed feed = {.text = good};
        AUTO(listing) *listing = fetch_since(&feed, pairs[i][0], NULL);
        g_assert_true(listing != NULL &&
                      g_str_has_prefix(feed.path, "/d%2Fb%2B/_changes?style=all_docs&"));
        g_assert_true(g_str_has_suffix(feed.path, pairs[i][1]));
        g_free(feed.path);
    }
    struct feed feed = {.text = good};
    AUTO(listing) *listing = fetch_since(&feed, NULL, NULL);
    g_assert_true(listing != NULL && strstr(feed.path, "since") == NULL);
    g_free(feed.path);
}

static void
a_cut_feed_is_refused(void)
{
    for (gsize cut = 0; cut < strlen(good); cut++)
        for (gsize chunk = 0; chunk < 2; chunk++) {
            g_autoptr(GError) error = NULL;
            struct feed feed = {.text = good, .chunk = chunk * 1000, .cut = TRUE, .cut_at = cut};
            g_assert_null(fetch(&feed, &error));
            g_assert_error(error, HTTP, HTTP_TRANSPORT);
        }
}

static void
a_feed_that_ends_too_early_is_refused(void)
{
    for (gsize cut = 0; cut < strlen(good) - 1;
         cut++) { /* but with a proper end of the HTTP answer */
        g_autofree char *text = g_strndup(good, cut);
        g_autoptr(GError) error = NULL;
        struct feed feed = {.text = text};
        g_assert_null(fetch(&feed, &error));
        g_assert_error(error, HTTP, HTTP_TRANSPORT);
    }
}

static void
an_incomplete_feed_is_refused(void)
{
    static const char *const bad[] = {
        "{\"results\":[],\"pending\":0}",
        "{\"results\":[],\"last_seq\":null,\"pending\":0}",
        "{\"results\":[],\"last_seq\":1,\"pending\":1}",
        "{\"results\":[],\"last_seq\":1,\"pending\":18446744073709551616}",
        "{\"results\":[],\"last_seq\":1,\"pending\":null}",
        "{\"results\":[],\"last_seq\":1,\"pending\":-1}",
        "{\"last_seq\":1,\"pending\":0}",
        "{\"results\":{},\"last_seq\":1,\"pending\":0}",
        "{\"results\":null,\"last_seq\":1,\"pending\":0}",
        "{\"results\":[{\"id\":\"a\"}],\"last_seq\":1}",
        "{\"results\":[{\"id\":\"a\",\"changes\":{}}],\"last_seq\":1}",
        "{\"results\":[{\"id\":\"a\",\"changes\":[]}],\"last_seq\":1}",
        "{\"results\":[{\"id\":\"\",\"changes\":[{\"rev\":\"1-a\"}]}],\"last_seq\":1}",
        "{\"results\":[{\"id\":1,\"changes\":[{\"rev\":\"1-a\"}]}],\"last_seq\":1}",
        "{\"results\":[{\"id\":\"a\",\"changes\":[{\"rev\":\"1\"}]}],\"last_seq\":1}",
        "{\"results\":[{\"id\":\"a\",\"changes\":[{\"rev\":1}]}],\"last_seq\":1}",
        "{\"results\":[{\"id\":\"a\",\"changes\":[{}]}],\"last_seq\":1}",
        "{\"results\":[{\"id\":\"a\",\"changes\":[1]}],\"last_seq\":1}",
        "{\"results\":[1],\"last_seq\":1}",
        "{\"results\":[],\"last_seq\":1,\"pending\":0}{\"error\":\"x\"}",
        "{\"results\":[],\"last_seq\":1,\"pending\":0}\n\nx",
        "{\"results\":[\n\n{\"error\":\"x\",\"reason\":\"y\"}\n],\"last_seq\":1}",
        "{\"error\":\"x\"}",
        "[]",
        "",
        "x",
    };
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        struct feed feed = {.text = bad[i]};
        if (fetch(&feed, &error) != NULL)
            g_error("accepted: %s", bad[i]);
        g_assert_error(error, HTTP, HTTP_TRANSPORT);
    }
}

static void
a_status_is_told(void)
{
    static const guint statuses[] = {401, 403, 404, 500, 503};
    for (guint i = 0; i < G_N_ELEMENTS(statuses); i++) {
        g_autoptr(GError) error = NULL;
        struct feed feed = {.text = good, .status = statuses[i]};
        g_assert_null(fetch(&feed, &error));
        g_assert_error(error, HTTP, (int)statuses[i]);
    }
}

static void
an_old_server_tells_no_pending(void)
{
    struct feed feed = {.text = "{\"results\":[],\"last_seq\":12}"};
    g_autofree char *log = fetch(&feed, NULL);
    g_assert_cmpstr(log, ==, "12");
}

static void
half_a_million_rows_are_sorted(void)
{
    struct feed feed = {.generated = 500000, .chunk = 65536};
    AUTO(listing) *listing = fetch_since(&feed, NULL, NULL);
    g_free(feed.path);
    g_assert_cmpuint(listing_rows(listing), ==, 500000);
    g_autofree char *before = NULL;
    struct row row;
    guint n = 0;
    for (;; n++) {
        g_assert_true(listing_next(listing, &row, NULL));
        if (row.id.data == NULL)
            break;
        g_assert_true(before == NULL || row_compare_ids(slice_of(before), row.id) < 0);
        g_free(before);
        before = slice_dup(row.id);
    }
    g_assert_cmpuint(n, ==, 500000);
}

static void
a_full_disk_is_not_the_servers_fault(void)
{
    struct feed feed = {.generated = 500000, .chunk = 65536};
    g_autoptr(GError) error = NULL;
    const char *before = g_getenv("TMPDIR");
    g_autofree char *kept = g_strdup(before);
    g_setenv("TMPDIR", "/nonexistent", TRUE); /* the sorter's file cannot be made */
    AUTO(listing) *listing = fetch_since(&feed, NULL, &error);
    kept != NULL ? (void)g_setenv("TMPDIR", kept, TRUE) : g_unsetenv("TMPDIR");
    g_free(feed.path);
    g_assert_null(listing);
    g_assert_error(error, FAIL, FAIL_FAILED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/listing/rows come sorted and joined", rows_come_sorted_and_joined);
    g_test_add_func("/listing/the sequence goes into the path", the_sequence_goes_into_the_path);
    g_test_add_func("/listing/a cut feed is refused", a_cut_feed_is_refused);
    g_test_add_func("/listing/a feed that ends too early is refused",
                    a_feed_that_ends_too_early_is_refused);
    g_test_add_func("/listing/an incomplete feed is refused", an_incomplete_feed_is_refused);
    g_test_add_func("/listing/a status is told", a_status_is_told);
    g_test_add_func("/listing/an old server tells no pending", an_old_server_tells_no_pending);
    g_test_add_func("/listing/half a million rows are sorted", half_a_million_rows_are_sorted);
    g_test_add_func("/listing/a full disk is not the server's fault",
                    a_full_disk_is_not_the_servers_fault);
    return g_test_run();
}
