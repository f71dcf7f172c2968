/* http_call: calls, and the wait in which all of them go on (http.h). */
#include "lib/http/http_inside.h"

#include "lib/base/fail.h"
#include "lib/http/rate.h"

#include <sys/socket.h>

#define CONNECT_SECONDS 20L
#define POLL_MILLISECONDS 1000 /* between two questions whether to stop */
#define GATHER_MICROSECONDS 1000

/* ---- curl's callbacks ---- */

static size_t
on_header(char *data, size_t one, size_t size, void *context)
{
    struct http_call *call = context;
    (void)one;
    call->header_bytes += size;
    if (call->header_bytes > HTTP_HEADERS_MAX)
        return 0;
    if (size >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        g_hash_table_remove_all(call->answer_headers);
        return size;
    }
    const char *colon = memchr(data, ':', size);
    if (colon != NULL) {
        g_autofree char *name = g_ascii_strdown(data, colon - data);
        char *value = g_strstrip(g_strndup(colon + 1, size - (gsize)(colon + 1 - data)));
        g_hash_table_insert(call->answer_headers, g_steal_pointer(&name), value);
    } else if (size <= 2) { /* the empty line; after a 100 Continue another head follows */
        long status = 0;
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        call->head_done = status >= 200;
        call->status = (guint)status;
    }
    return size;
}

/* Line ends between the values of a JSON text keep a connection alive, but bring nobody forward. */
static gboolean
is_blank(const struct http_call *call, const char *data, gsize size)
{
    if (!call->json)
        return FALSE;
    while (size > 0 && g_ascii_isspace(data[size - 1]))
        size--;
    return size == 0;
}

/* A feed's few bytes count, and are not held back. */
static gboolean
is_too_early(struct http_call *call, gsize size)
{
    struct rate *rate = call->http->rate;
    if (rate != NULL && call->endless)
        rate_pays(rate, size);
    return rate != NULL && !call->endless && !rate_admits(rate, call->easy, size);
}

static size_t
on_body(char *data, size_t one, size_t size, void *context)
{
    struct http_call *call = context;
    (void)one;
    call->heard = g_get_monotonic_time();
    if (call->buffer->len - call->consumed >= HTTP_BUFFER) {
        call->paused = TRUE;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (!is_blank(call, data, size)) {
        call->blank = 0;
    } else if (call->blank == 0) {
        call->blank = g_get_monotonic_time();
    } else if (g_get_monotonic_time() - call->blank > call->http->stall_seconds * G_USEC_PER_SEC) {
        g_set_error(&call->own_error, HTTP, HTTP_TRANSPORT, "%s: nothing but blanks for %u s",
                    call->what, call->http->stall_seconds);
        return 0;
    }
    if (is_too_early(call, size))
        return CURL_WRITEFUNC_PAUSE;
    call->http->loop->streaming = TRUE;
    g_byte_array_append(call->buffer, (const guint8 *)data, (guint)size);
    return size;
}

static int
on_socket(void *context, curl_socket_t fd, curlsocktype purpose)
{
    const int size = RATE_SOCKET_BUFFER;
    (void)context;
    (void)purpose;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size); /* else bursts are larger */
    return CURL_SOCKOPT_OK;
}

static size_t
on_source(char *data, size_t one, size_t size, void *context)
{
    struct http_call *call = context;
    gsize got = 0;
    if (!call->source(call->source_context, data, one * size, &got, &call->own_error))
        return CURL_READFUNC_ABORT;
    return got;
}

/* ---- calls ---- */

static void
set_headers(struct http_call *call, const struct http_request *request, gboolean has_body)
{
    static const char no_expect[] = "Expect:"; /* no second's wait for a 100 Continue, … */
    const char *type = request->content_type != NULL ? request->content_type : "application/json";
    g_autofree char *accept = g_strdup_printf(
        "Accept: %s", request->accept != NULL ? request->accept : "application/json");
    call->headers = curl_slist_append(call->headers, accept);
    if (call->http->signature == NULL)
        call->headers = curl_slist_append(call->headers, no_expect);
    else /* … which curl 7.88 would sign, though it is not sent */
        curl_easy_setopt(call->easy, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L);
    if (has_body) {
        g_autofree char *line = g_strdup_printf("Content-Type: %s", type);
        call->headers = curl_slist_append(call->headers, line);
    }
    for (guint i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
        call->headers = curl_slist_append(call->headers, request->headers[i]);
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void
set_body(struct http_call *call, const struct http_request *request)
{
    CURL *easy = call->easy;
    if (request->source != NULL) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_source);
        curl_easy_setopt(easy, CURLOPT_READDATA, call);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->source_size);
        curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
    } else if (request->body.data != NULL) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.data);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
    }
    if (request->method != NULL && g_str_equal(request->method, "HEAD"))
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (request->method != NULL)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void
set_options(struct http_call *call, const char *url)
{
    struct http *http = call->http;
    CURL *easy = call->easy;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "lifeboat");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    if (http->rate != NULL)
        curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
    if (!call->endless) {
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)http->stall_seconds);
    }
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L * 1024);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    if (http->ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file);
    curl_easy_setopt(easy, CURLOPT_MAX_SEND_SPEED_LARGE, (curl_off_t)http->bytes_per_second);
    curl_easy_setopt(easy, CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)http->bytes_per_second);
    if (http->signature != NULL)
        curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, http->signature);
    if (http->user != NULL) {
        if (http->signature == NULL)
            curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERNAME, http->user);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, http->password != NULL ? http->password : "");
    }
}

struct http_call *
http_start(struct http *http, const struct http_request *request)
{
    struct http_call *call = http_ahead_take(http, request);
    if (call != NULL)
        return call;
    call = g_new0(struct http_call, 1);
    gboolean has_body = request->body.data != NULL || request->source != NULL;
    const char *method = request->method != NULL ? request->method : has_body ? "POST" : "GET";
    call->http = http;
    call->what = g_strdup_printf("%s %s%s", method, http->base, request->path);
    call->answer_headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    call->buffer = g_byte_array_new();
    call->endless = request->endless;
    call->json = request->accept == NULL && !call->endless;
    call->heard = g_get_monotonic_time();
    call->source = request->source;
    call->source_context = request->source_context;
    call->easy = curl_easy_init();
    g_autofree char *url = g_strconcat(http->base, request->path, NULL);
    set_options(call, url);
    set_headers(call, request, has_body);
    set_body(call, request);
    call->unsent = call->ended = http->wrong_password != NULL;
    if (call->unsent)
        return call;
    curl_multi_add_handle(http->loop->multi, call->easy);
    int running;
    curl_multi_perform(http->loop->multi, &running);
    return call;
}

void
http_call_free(struct http_call *call)
{
    if (call == NULL)
        return;
    if (call->http->rate != NULL)
        rate_forget(call->http->rate, call->easy);
    curl_multi_remove_handle(call->http->loop->multi, call->easy);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    g_hash_table_unref(call->answer_headers);
    g_byte_array_unref(call->buffer);
    g_clear_error(&call->own_error);
    g_free(call->what);
    g_free(call);
}

/* ---- the wait ---- */

/* Takes note of the calls that have ended; whether there were any. */
static gboolean
note_ended(struct http *http)
{
    gboolean some = FALSE;
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(http->loop->multi, &left)) != NULL;) {
        struct http_call *call;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        call->ended = TRUE;
        call->result = message->data.result;
        some = TRUE;
    }
    return some;
}

static gboolean
is_stopped(const struct http *http)
{
    return http->stop != NULL && http->stop(http->stop_context);
}

/* Waits for the network and lets every call of the server go on; FALSE when asked to stop. The wait
 * comes first: behind it, the caller would not learn what has come before more comes. CouchDB sends
 * each document of an answer by itself; waiting a moment for more saves waking up for every one. */
static gboolean
drive(struct http *http, guint milliseconds)
{
    int running;
    if (note_ended(http))
        return TRUE;
    if (is_stopped(http))
        return FALSE;
    struct rate *rate = http->loop->rate;
    guint wait = rate != NULL ? rate_wait(rate, milliseconds) : milliseconds;
    curl_multi_poll(http->loop->multi, NULL, 0, (int)wait, NULL);
    if (http->loop->streaming)
        g_usleep(GATHER_MICROSECONDS);
    http->loop->streaming = FALSE;
    if (rate != NULL)
        rate_let_go_on(rate);
    curl_multi_perform(http->loop->multi, &running);
    if (note_ended(http))
        http->loop->streaming = FALSE;
    return TRUE;
}

/* ---- reading ---- */

static gsize
available(const struct http_call *call)
{
    return call->buffer->len - call->consumed;
}

/* Lets a held-back answer go on when its reader has caught up. */
static void
let_go_on(struct http_call *call)
{
    if (call->paused && available(call) < HTTP_BUFFER / 2) {
        call->paused = FALSE;
        curl_easy_pause(call->easy, CURLPAUSE_CONT);
    }
}

static gboolean
call_stopped(GError **error)
{
    fail_set(error, FAIL_LATER, "stopped");
    return FALSE;
}

static gboolean
call_failed(struct http_call *call, GError **error)
{
    if (call->unsent) {
        g_propagate_error(error, g_error_copy(call->http->wrong_password));
        return FALSE;
    }
    if (call->own_error != NULL) {
        g_propagate_error(error, g_steal_pointer(&call->own_error));
        return FALSE;
    }
    const char *cause = call->result == CURLE_SEND_FAIL_REWIND
                            ? "the server closed the connection while it was sent"
                        : call->curl_error[0] != '\0' ? call->curl_error
                                                      : curl_easy_strerror(call->result);
    g_set_error(error, HTTP, HTTP_TRANSPORT, "%s: %s", call->what, cause);
    return FALSE;
}

gboolean
http_status(struct http_call *call, guint *status, GError **error)
{
    while (!call->head_done && !call->ended)
        if (!drive(call->http, POLL_MILLISECONDS))
            return call_stopped(error);
    if (!call->head_done)
        return call_failed(call, error);
    *status = call->status;
    return TRUE;
}

const char *
http_what(const struct http_call *call)
{
    return call->what;
}

const char *
http_header(const struct http_call *call, const char *name)
{
    return g_hash_table_lookup(call->answer_headers, name);
}

gboolean
http_peek(struct http_call *call, struct slice *bytes, GError **error)
{
    let_go_on(call);
    while (available(call) == 0 && !call->ended)
        if (!drive(call->http, POLL_MILLISECONDS))
            return call_stopped(error);
    *bytes = (struct slice){"", 0};
    if (available(call) > 0) {
        *bytes = (struct slice){(const char *)call->buffer->data + call->consumed, available(call)};
        return TRUE;
    }
    return call->result == CURLE_OK && call->own_error == NULL && !call->unsent
               ? TRUE
               : call_failed(call, error);
}

void
http_skip(struct http_call *call, gsize size)
{
    g_assert(size <= available(call));
    call->consumed += size;
    if (call->consumed == call->buffer->len) {
        g_byte_array_set_size(call->buffer, 0);
        call->consumed = 0;
    } else if (call->consumed > HTTP_BUFFER) {
        g_byte_array_remove_range(call->buffer, 0, (guint)call->consumed);
        call->consumed = 0;
    }
}

gboolean
http_ready(struct http_call *call)
{
    return available(call) > 0 || call->ended;
}

guint
http_wait_any(struct http *http, struct http_call *const *calls, guint n_calls)
{
    for (gboolean stopped = FALSE;; stopped = !drive(http, POLL_MILLISECONDS))
        for (guint i = 0; i < n_calls; i++)
            if (calls[i] != NULL && (stopped || http_ready(calls[i])))
                return i;
}

guint
http_wait_while(struct http *http, struct http_call *const *calls, guint n_calls,
                guint milliseconds)
{
    gint64 end = g_get_monotonic_time() + (gint64)milliseconds * 1000;
    gint64 left = milliseconds; /* with none, what has come is taken note of all the same */
    for (gboolean last = FALSE;; last |= left <= 0) {
        for (guint i = 0; i < n_calls; i++)
            if (calls[i] != NULL && http_ready(calls[i]))
                return i;
        if (last)
            return n_calls;
        last = !drive(http, (guint)CLAMP(left, 0, POLL_MILLISECONDS));
        left = (end - g_get_monotonic_time() + 999) / 1000;
    }
}

gint64
http_silence(const struct http_call *call)
{
    return (g_get_monotonic_time() - call->heard) / G_USEC_PER_SEC;
}
