/* http: what goes wrong on the way is told for what it is, memory stays bounded, and no call waits
 * for ever. */
#include "lib/base/fail.h"
#include "lib/http/http.h"
#include "lib/http/patience.h"
#include "lib/http/rate.h"
#include "tests/unit/http_server.h"
#include "tests/unit/scratch.h"

#include <sys/stat.h>

#define MEGABYTE (1024 * 1024)

/* Answers with what the path names: "/200", "/503", "/cut", … */
static void
answer_by_path(void *context, const struct server_request *request, struct server_answer *answer)
{
    (void)context;
    const char *path = strrchr(request->path, '/');
    g_string_assign(answer->body, "{\"a\":1}\n");
    if (g_ascii_isdigit(path[1])) {
        answer->status = (guint)g_ascii_strtoull(path + 1, NULL, 10);
        if (answer->status >= 400)
            g_string_assign(answer->body, "{\"error\":\"because\",\"reason\":\"of \\u0041\"}");
    }
    if (g_str_has_prefix(path, "/wrong")) {
        answer->status = 401;
        g_string_assign(answer->body,
                        "{\"error\":\"unauthorized\",\"reason\":\"Name or password is "
                        "incorrect.\"}");
    }
    answer->chunk = strstr(path, "chunked") != NULL ? 3 : 0;
    answer->cut = strstr(path, "cut") != NULL;
    answer->stall = strstr(path, "stall") != NULL;
    answer->drip = strstr(path, "drip") != NULL;
    answer->times = answer->drip ? MEGABYTE : 0;
    answer->cut_at = strstr(path, "late") != NULL ? 5 : 0;
    if (g_str_has_prefix(path, "/echo")) {
        g_string_printf(answer->body, "%s %s\n%s" SLICE_FORMAT, request->method, request->path,
                        request->headers, SLICE_ARGS(request->body));
    } else if (g_str_has_prefix(path, "/big")) {
        g_string_set_size(answer->body, MEGABYTE);
        memset(answer->body->str, 'x', MEGABYTE);
        answer->times = 100;
        answer->chunk = strstr(path, "chunked") != NULL ? 70000 : 0;
    } else if (g_str_has_prefix(path, "/mega")) {
        g_string_set_size(answer->body, MEGABYTE);
        memset(answer->body->str, 'x', MEGABYTE);
    } else if (g_str_has_prefix(path, "/garbage")) {
        g_string_assign(answer->body, "{\"a\":1}}");
    } else if (g_str_has_prefix(path, "/empty")) {
        g_string_assign(answer->body, "");
    }
}

static GString *
get(struct http *http, const char *path, GError **error)
{
    return http_fetch(http, "GET", path, (struct slice){NULL, 0}, error);
}

static void
an_error_tells_status_and_reason(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 0);
    static const int statuses[] = {301, 400, 401, 403, 404, 408, 409, 412,
                                   413, 415, 429, 500, 501, 502, 503, 599};
    for (guint i = 0; i < G_N_ELEMENTS(statuses); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = g_strdup_printf("/%d", statuses[i]);
        g_assert_null(get(http, path, &error));
        g_assert_error(error, HTTP, statuses[i]);
        g_assert_true(statuses[i] == 301 || strstr(error->message, "because: of A") != NULL);
        gboolean transient =
            statuses[i] == 408 || statuses[i] == 429 || (statuses[i] >= 500 && statuses[i] != 501);
        g_assert_true(http_is_transient(error) == transient);
        g_assert_true(http_is_refused(error) == (statuses[i] == 401 || statuses[i] == 403));
    }
}

static void
what_is_cut_is_no_answer(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 0);
    static const char *const paths[] = {
        "/cut",     "/cut-late",        "/chunked-cut", "/chunked-cut-late",
        "/garbage", "/garbage-chunked", "/empty"};
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(get(http, paths[i], &error));
        g_assert_error(error, HTTP, HTTP_TRANSPORT);
        g_assert_nonnull(strstr(error->message, paths[i]));
        g_assert_true(http_is_transient(error));
    }
    g_autoptr(GString) good = get(http, "/chunked", NULL);
    g_assert_cmpstr(good->str, ==, "{\"a\":1}\n");
}

static void
a_silent_server_is_left_after_a_while(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 1);
    static const char *const paths[] = {"/stall", "/stall-late", "/stall-drip", "/stall-drip-late"};
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(get(http, paths[i], &error));
        g_assert_error(error, HTTP, HTTP_TRANSPORT);
        g_assert_true(http_is_transient(error));
        g_assert_true(i < 2 || strstr(error->message, "nothing but blanks") != NULL);
    }
}

static void
nobody_there_is_told(void)
{
    struct http_server *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 0);
    http_server_free(server);
    g_autoptr(GError) error = NULL;
    g_assert_null(get(http, "/200", &error));
    g_assert_error(error, HTTP, HTTP_TRANSPORT);
}

static void
blanks_in_an_attachment_are_its_own(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 1);
    AUTO(http_call) *call =
        http_start(http, &(struct http_request){.path = "/stall-drip", .accept = "*/*"});
    gint64 begun = g_get_monotonic_time();
    while (g_get_monotonic_time() - begun < 2 * G_USEC_PER_SEC) {
        struct slice bytes;
        g_assert_true(http_peek(call, &bytes, NULL));
        g_assert_cmpuint(bytes.size, >, 0);
        http_skip(call, bytes.size);
    }
}

static void
a_feed_that_beats_is_not_silent(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 1);
    AUTO(http_call) *call =
        http_start(http, &(struct http_request){.path = "/stall-drip", .endless = TRUE});
    gint64 begun = g_get_monotonic_time();
    while (g_get_monotonic_time() - begun < 3 * G_USEC_PER_SEC) {
        struct slice bytes;
        g_assert_true(http_peek(call, &bytes, NULL));
        g_assert_cmpuint(bytes.size, >, 0);
        g_assert_cmpint(http_silence(call), <, 2);
        http_skip(call, bytes.size);
    }
}

static void
bytes_are_shown_as_soon_as_they_are_there(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 0);
    AUTO(http_call) *call = http_start(http, &(struct http_request){.path = "/stall-late"});
    g_autoptr(GError) error = NULL;
    guint status;
    gint64 begun = g_get_monotonic_time();
    g_assert_true(http_status(call, &status, &error));
    for (gsize seen = 0; seen < 5;) {
        struct slice bytes;
        g_assert_true(http_peek(call, &bytes, &error));
        seen += bytes.size;
        http_skip(call, bytes.size);
    }
    g_assert_cmpint(g_get_monotonic_time() - begun, <, 900 * 1000); /* a network wait lasts 1 s */
}

static void
an_answer_read_slowly_is_held_back(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 0);
    static const char *const paths[] = {"/big", "/big-chunked"};
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        AUTO(http_call) *call = http_start(http, &(struct http_request){.path = paths[i]});
        struct slice bytes;
        guint64 total = 0, before = http_server_sent(server);
        for (guint round = 0;; round++) {
            for (guint k = 0; round % 20 == 0 && k < 20;
                 k++) { /* others go on meanwhile, and so might this */
                g_autoptr(GString) other = get(http, "/200", &error);
                g_assert_cmpstr(other->str, ==, "{\"a\":1}\n");
            }
            g_assert_true(http_peek(call, &bytes, &error));
            g_assert_cmpuint(bytes.size, <=, HTTP_BUFFER + 512 * 1024);
            if (bytes.size == 0)
                break;
            gsize some = round % 2 == 0 ? bytes.size : MIN(bytes.size, 100000);
            g_assert_true(memchr(bytes.data, 'x', bytes.size) == bytes.data);
            http_skip(call, some);
            total += some;
            if (round == 10) /* kernel buffers hold some too */
                g_assert_cmpuint(http_server_sent(server) - before, <, 60 * (guint64)MEGABYTE);
        }
        g_assert_cmpuint(total, ==, 100 * (guint64)MEGABYTE);
    }
}

static void
an_answer_read_whole_has_a_limit(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 0);
    g_autoptr(GError) error = NULL;
    AUTO(http_call) *call = http_start(http, &(struct http_request){.path = "/big"});
    g_assert_null(http_read_all(call, 5 * MEGABYTE, &error));
    g_assert_error(error, HTTP, HTTP_ANSWER);
}

static void
many_calls_go_on_at_once(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 0);
    struct http_call *calls[20]; /* more than connections */
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < 20; i++)
        calls[i] =
            i % 5 == 4
                ? NULL
                : http_start(http, &(struct http_request){.path = i % 3 == 0 ? "/cut" : "/200"});
    for (guint left = 16; left > 0; left--) {
        guint i = http_wait_any(http, calls, 20);
        g_autoptr(GString) text = http_read_all(calls[i], 1000, NULL);
        g_assert_true((text == NULL) == (i % 3 == 0));
        g_clear_pointer(&calls[i], http_call_free);
    }
    AUTO(http_call) *unread = http_start(http, &(struct http_request){.path = "/big"});
    g_autoptr(GString) text = get(http, "/200", &error);
    g_assert_true(unread != NULL && text != NULL);
}

static void
requests_carry_what_they_should(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    g_autofree char *url = http_server_url(server, "a%40b:p%3Ass%25@");
    g_autofree char *longer = g_strconcat(url, "/prefix//?q=1#x", NULL);
    g_autoptr(GError) error = NULL;
    AUTO(http) *http = http_new(&(struct http_options){.url = longer}, &error);
    g_assert_no_error(error);
    g_assert_null(strstr(http_name(http), "ss"));
    g_autoptr(GString) path = g_string_new("/");
    http_escape(path, (struct slice){"a/b+c%d\0\xe6\x97\xa5 ?#&=~-._\"", 21});
    g_assert_cmpstr(path->str, ==, "/a%2Fb%2Bc%25d%00%E6%97%A5%20%3F%23%26%3D~-._%22");
    g_string_append(path, "/../echo");
    AUTO(http_call) *call = http_start(
        http, &(struct http_request){.path = path->str,
                                     .body = slice_of("{}"),
                                     .headers = (const char *const[]){"X-One: more", NULL}});
    g_autoptr(GString) text = http_read_all(call, 10000, &error);
    g_assert_no_error(error);
    g_assert_true(g_str_has_prefix(
        text->str, "POST /prefix/a%2Fb%2Bc%25d%00%E6%97%A5%20%3F%23%26%3D~-._%22/../echo\n"));
    g_assert_true(g_str_has_suffix(text->str, "{}"));
    static const char *const lines[] = {
        "\r\nAuthorization: Basic YUBiOnA6c3Ml\r\n", "\r\nContent-Type: application/json\r\n",
        "\r\nX-One: more\r\n", "\r\nAccept: application/json\r\n", "\r\nContent-Length: 2\r\n"};
    for (guint i = 0; i < G_N_ELEMENTS(lines); i++)
        if (strstr(text->str, lines[i]) == NULL)
            g_error("%s is missing in %s", lines[i], text->str);
    g_assert_null(strstr(text->str, "Expect:"));
}

static void
unusable_urls_are_refused(void)
{
    static const char *const bad[] = {
        "", "x", "127.0.0.1:5984", "ftp://x", "file:///etc/passwd", "http://", "http://a b"};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        if (http_new(&(struct http_options){.url = bad[i]}, &error) != NULL)
            g_error("accepted: %s", bad[i]);
        g_assert_error(error, FAIL, FAIL_USAGE);
    }
}

static void
credentials_are_read_from_a_private_file(void)
{
    static const char *const good[] = {"ad:pa:ss\n", "# c\n\nuser = ad\npassword = pa:ss\n",
                                       "password=pa:ss\r\nuser=ad\r\n", "ad:pa:ss"};
    static const char *const bad[] = {"", "ad\n", "user = ad\n", "# ad:pass\n"};
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *path = g_build_filename(scratch->path, "file", NULL);
    struct http_credentials credentials;
    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        scratch_write(scratch, "file", good[i], strlen(good[i]));
        g_assert_true(http_credentials_read(path, &credentials, NULL));
        g_assert_cmpstr(credentials.user, ==, "ad");
        g_assert_cmpstr(credentials.password, ==, "pa:ss");
        http_credentials_clear(&credentials);
    }
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        scratch_write(scratch, "file", bad[i], strlen(bad[i]));
        g_assert_false(http_credentials_read(path, &credentials, NULL));
        http_credentials_clear(&credentials);
    }
    g_autoptr(GError) error = NULL;
    scratch_write(scratch, "file", "a:b", 3);
    g_assert_cmpint(fchmodat(scratch->fd, "file", 0640, 0), ==, 0);
    g_assert_false(http_credentials_read(path, &credentials, &error));
    g_assert_error(error, FAIL, FAIL_USAGE);
}

/* ---- patience ---- */

static void
note_wait(void *context, guint milliseconds, const GError *cause)
{
    g_assert_true(http_is_transient(cause));
    g_array_append_val((GArray *)context, milliseconds);
}

static void
waits_grow_and_end(void)
{
    static const char *const paths[] = {"/503", "/429", "/cut", "/chunked-cut-late", "/500"};
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 0);
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GArray) waits = g_array_new(FALSE, FALSE, sizeof(guint));
        struct patience patience = {.seconds = 300, .wait = note_wait, .context = waits};
        g_autoptr(GError) error = NULL;
        for (;;) {
            GError *failure = NULL;
            g_assert_null(get(http, paths[i], &failure));
            if (!patience_again(&patience, &failure, &error))
                break;
            g_assert_true(failure == NULL && error == NULL);
        }
        guint64 total = 0;
        for (guint k = 0; k < waits->len; k++) {
            guint longest = MIN(500u << MIN(k, 10), 30000);
            guint wait = g_array_index(waits, guint, k);
            g_assert_true(wait >= longest / 2 && wait <= longest);
            total += wait;
        }
        g_test_message("%s: %u waits, then: %s", paths[i], waits->len, error->message);
        g_assert_cmpuint(total, <=, 300 * 1000);
        if (g_str_equal(paths[i], "/500")) /* it will not pass by itself, as a rule */
            g_assert_cmpuint(waits->len, ==, 5);
        else
            g_assert_cmpuint(total, >=, 270 * 1000);
        g_assert_nonnull(strstr(error->message, "attempts"));
        patience_progress(&patience);
        g_assert_true(patience.attempt == 0 && patience.waited == 0);
    }
}

static void
what_is_refused_is_asked_once(void)
{
    static const char *const paths[] = {"/401", "/403", "/404", "/413"};
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 0);
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GArray) waits = g_array_new(FALSE, FALSE, sizeof(guint));
        struct patience patience = {.seconds = 300, .wait = note_wait, .context = waits};
        g_autoptr(GError) error = NULL;
        GError *failure = NULL;
        g_assert_null(get(http, paths[i], &failure));
        g_assert_false(patience_again(&patience, &failure, &error));
        g_assert_true(failure == NULL && error != NULL && waits->len == 0);
        g_assert_cmpuint(http_server_requests(server), ==, i + 1);
    }
}

static void
a_wrong_password_is_sent_once(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 0);
    for (guint i = 0; i < 3; i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(get(http, i == 0 ? "/wrong" : "/200", &error));
        g_assert_error(error, HTTP, 401);
        g_assert_nonnull(strstr(error->message, "password is incorrect"));
    }
    g_assert_cmpuint(http_server_requests(server), ==, 1);
}

/* ---- stopping ---- */

static gboolean
stop_at_second_question(void *context)
{
    return ++*(guint *)context >= 2;
}

static void
a_call_that_waits_can_be_stopped(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 0);
    static const char *const paths[] = {"/stall", "/stall-late"};
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        guint questions = 0;
        g_autoptr(GArray) waits = g_array_new(FALSE, FALSE, sizeof(guint));
        struct patience patience = {.seconds = 300, .wait = note_wait, .context = waits};
        g_autoptr(GError) error = NULL;
        http_be_patient(http, &patience);
        http_set_stop(http, stop_at_second_question, &questions);
        g_assert_null(get(http, paths[i], &error));
        g_assert_error(error, FAIL, FAIL_LATER);
        g_assert_true(http_is_stop(error));
        http_blame_transport(&error);
        g_assert_true(http_is_stop(error));
        g_assert_cmpuint(waits->len, ==, 0);
    }
    http_set_stop(http, NULL, NULL);
    http_be_patient(http, NULL);
    g_autoptr(GString) good = get(http, "/200", NULL);
    g_assert_nonnull(good);
}

static gboolean
stop_when_waited(void *context)
{
    return ((GArray *)context)->len > 0;
}

static void
patience_ends_when_stopped(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 0);
    g_autoptr(GArray) waits = g_array_new(FALSE, FALSE, sizeof(guint));
    struct patience patience = {
        .seconds = 300, .wait = note_wait, .stopped = stop_when_waited, .context = waits};
    g_autoptr(GError) error = NULL;
    http_be_patient(http, &patience);
    g_assert_null(get(http, "/503", &error));
    g_assert_error(error, FAIL, FAIL_LATER);
    g_assert_cmpuint(http_server_requests(server), ==, 1);
}

/* Two at once of a megabyte each; in microseconds. */
static gint64
read_two(struct http *http)
{
    const struct http_request request = {.path = "/mega"};
    gint64 began = g_get_monotonic_time();
    AUTO(http_call) *one = http_start(http, &request);
    AUTO(http_call) *other = http_start(http, &request);
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) first = http_read_all(one, 2 * MEGABYTE, &error);
    g_assert_no_error(error);
    g_autoptr(GString) second = http_read_all(other, 2 * MEGABYTE, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(first->len, ==, MEGABYTE);
    g_assert_cmpuint(second->len, ==, MEGABYTE);
    return g_get_monotonic_time() - began;
}

static struct http *
limited(struct http_server *server, struct rate *rate, struct http *beside)
{
    g_autofree char *url = http_server_url(server, "");
    const struct http_options options = {.url = url, .rate = rate, .beside = beside};
    struct http *http = http_new(&options, NULL);
    g_assert_nonnull(http);
    return http;
}

/* Of all megabytes a quarter of a second's worth may come at once, whoever rests in between. */
static void
the_rate_is_of_all_transfers_together(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(rate) *rate = rate_new(4 * MEGABYTE);
    AUTO(http) *http = limited(server, rate, NULL);
    const gint64 slack = 50 * G_TIME_SPAN_MILLISECOND, began = g_get_monotonic_time();
    gint64 took = read_two(http);
    g_assert_cmpint(took, >=, G_TIME_SPAN_SECOND / 4 - slack);
    g_assert_cmpint(took, <, 20 * G_TIME_SPAN_SECOND);
    AUTO(http) *another = limited(server, rate, NULL); /* with a loop of its own */
    read_two(another);
    g_assert_cmpint(g_get_monotonic_time() - began, >=, 3 * G_TIME_SPAN_SECOND / 4 - slack);
}

static void
beside_one_with_a_rate_another_is_as_fast_as_it_goes(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(rate) *rate = rate_new(100 * 1024); /* it would take 20 s */
    AUTO(http) *http = limited(server, rate, NULL);
    AUTO(http) *other = limited(server, NULL, http);
    const struct http_request request = {.path = "/mega"};
    AUTO(http_call) *held = http_start(http, &request);
    guint status;
    g_assert_true(http_status(held, &status, NULL));
    g_assert_cmpint(read_two(other), <, 10 * G_TIME_SPAN_SECOND);
}

/* ---- ahead ---- */

static void
what_was_asked_for_ahead_is_asked_for_once(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 0);
    g_assert_true(http_ahead(http, "/echo-a"));
    g_assert_true(http_ahead(http, "/echo-a"));
    g_assert_true(http_ahead(http, "/404"));
    for (guint i = 0; i < 2; i++) { /* the second one anew */
        const struct http_request request = {.path = "/echo-a"};
        AUTO(http_call) *call = http_start(http, &request);
        g_autoptr(GString) text = http_read_all(call, HTTP_ANSWER_MAX, NULL);
        g_assert_nonnull(strstr(text->str, "/echo-a"));
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(get(http, "/404", &error));
    g_assert_error(error, HTTP, 404);
    g_assert_cmpuint(http_server_requests(server), ==, 3);
}

static void
what_is_sent_with_more_than_a_path_is_not_the_same(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 0);
    static const char *const headers[] = {"X-More: 1", NULL};
    const struct http_request requests[] = {
        {.path = "/echo-a", .body = slice_of("{}")},
        {.path = "/echo-a", .method = "PUT"},
        {.path = "/echo-a", .headers = headers},
        {.path = "/echo-a", .accept = "multipart/mixed"},
        {.path = "/echo-a", .endless = TRUE},
        {.path = "/echo-b"},
    };
    g_assert_true(http_ahead(http, "/echo-a"));
    for (guint i = 0; i < G_N_ELEMENTS(requests); i++) {
        AUTO(http_call) *call = http_start(http, &requests[i]);
        guint status;
        g_assert_true(http_status(call, &status, NULL));
    }
    g_assert_cmpuint(http_server_requests(server), ==, 1 + G_N_ELEMENTS(requests));
}

static void
no_more_than_a_few_are_asked_for_ahead(void)
{
    AUTO(http_server) *server = http_server_new(answer_by_path, NULL);
    AUTO(http) *http = http_server_client(server, 0);
    for (guint i = 0; i <= HTTP_AHEAD_MAX; i++) {
        g_autofree char *path = g_strdup_printf("/echo-%u", i);
        g_assert_true(http_ahead(http, path) == (i < HTTP_AHEAD_MAX));
    }
    http_ahead_end(http);
    http_ahead_end(http);
    g_assert_true(http_ahead(http, "/echo-again")); /* and nobody reads it */
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/http/an error tells status and reason", an_error_tells_status_and_reason);
    g_test_add_func("/http/what is cut is no answer", what_is_cut_is_no_answer);
    g_test_add_func("/http/a silent server is left after a while",
                    a_silent_server_is_left_after_a_while);
    g_test_add_func("/http/nobody there is told", nobody_there_is_told);
    g_test_add_func("/http/blanks in an attachment are its own",
                    blanks_in_an_attachment_are_its_own);
    g_test_add_func("/http/a feed that beats is not silent", a_feed_that_beats_is_not_silent);
    g_test_add_func("/http/bytes are shown as soon as they are there",
                    bytes_are_shown_as_soon_as_they_are_there);
    g_test_add_func("/http/an answer read slowly is held back", an_answer_read_slowly_is_held_back);
    g_test_add_func("/http/an answer read whole has a limit", an_answer_read_whole_has_a_limit);
    g_test_add_func("/http/many calls go on at once", many_calls_go_on_at_once);
    g_test_add_func("/http/requests carry what they should", requests_carry_what_they_should);
    g_test_add_func("/http/unusable URLs are refused", unusable_urls_are_refused);
    g_test_add_func("/http/credentials are read from a private file",
                    credentials_are_read_from_a_private_file);
    g_test_add_func("/patience/waits grow and end", waits_grow_and_end);
    g_test_add_func("/patience/what is refused is asked once", what_is_refused_is_asked_once);
    g_test_add_func("/http/a wrong password is sent once", a_wrong_password_is_sent_once);
    g_test_add_func("/http/a call that waits can be stopped", a_call_that_waits_can_be_stopped);
    g_test_add_func("/patience/it ends when stopped", patience_ends_when_stopped);
    g_test_add_func("/rate/it is of all transfers together", the_rate_is_of_all_transfers_together);
    g_test_add_func("/rate/beside one with a rate another is as fast as it goes",
                    beside_one_with_a_rate_another_is_as_fast_as_it_goes);
    g_test_add_func("/http/ahead once", what_was_asked_for_ahead_is_asked_for_once);
    g_test_add_func("/http/ahead of the same", what_is_sent_with_more_than_a_path_is_not_the_same);
    g_test_add_func("/http/ahead of a few", no_more_than_a_few_are_asked_for_ahead);
    return g_test_run();
}
