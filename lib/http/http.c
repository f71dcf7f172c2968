#include "lib/http/http.h"

#include "lib/base/fail.h"
#include "lib/http/patience.h"
#include "lib/http/rate.h"
#include "lib/json/json.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <sys/socket.h>

#define CONNECT_SECONDS 20L
#define STALL_SECONDS 120
#define CONNECTIONS_MAX 8L
#define POLL_MILLISECONDS 1000 /* between two questions whether to stop */
#define GATHER_MICROSECONDS 1000

/* What several servers may share, so that a wait for one lets the calls of all go on. */
struct loop {
    CURLM *multi;
    guint users;
    struct rate *rate;  /* of one of the servers; NULL: none has one */
    gboolean streaming; /* bytes of an answer came the last time, and no call ended */
};

struct http {
    struct loop *loop;
    char *base; /* scheme://host:port/prefix without credentials or a slash at the end */
    char *user, *password;
    const char *login_option;
    char *ca_file;
    char *signature; /* CURLOPT_AWS_SIGV4; NULL: requests are not signed */
    guint64 bytes_per_second;
    guint stall_seconds;
    struct rate *rate;         /* NULL: as fast as it goes */
    struct patience *patience; /* of http_fetch; NULL: none */
    http_stop stop;
    void *stop_context;
    GError *wrong_password; /* what the server said; NULL: nothing of the kind */
};

struct http_call {
    struct http *http;
    CURL *easy;
    struct curl_slist *headers;
    char *what; /* "GET /db/_changes", for messages */
    char curl_error[CURL_ERROR_SIZE];
    guint status;
    GHashTable *answer_headers;
    gsize header_bytes;
    GByteArray *buffer;
    gsize consumed; /* bytes of the buffer already read */
    gboolean paused, head_done, ended;
    gboolean unsent;  /* for the password is known to be wrong */
    gboolean json;    /* blanks in the answer say nothing */
    gint64 blank;     /* since when nothing else has come, monotonic; 0: something has */
    gboolean endless; /* a feed, whose blanks say that it lives */
    gint64 heard;     /* when the last bytes came, monotonic */
    CURLcode result;
    http_source source;
    void *source_context;
    GError *own_error; /* what a callback of ours gave up for */
};

/* ---- server ---- */

static char *
url_part(CURLU *url, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    if (curl_url_get(url, part, &text, flags) != CURLUE_OK)
        return NULL;
    char *copy = g_strdup(text);
    curl_free(text);
    return copy;
}

static gboolean
url_take_apart(struct http *http, const char *text, GError **error)
{
    CURLU *url = curl_url();
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, 0);
    g_autofree char *scheme = url_part(url, CURLUPART_SCHEME, 0);
    gboolean usable = code == CURLUE_OK && scheme != NULL &&
                      (g_str_equal(scheme, "http") || g_str_equal(scheme, "https"));
    if (usable) {
        http->user = url_part(url, CURLUPART_USER, CURLU_URLDECODE);
        http->password = url_part(url, CURLUPART_PASSWORD, CURLU_URLDECODE);
        curl_url_set(url, CURLUPART_USER, NULL, 0);
        curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
        curl_url_set(url, CURLUPART_QUERY, NULL, 0);
        curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
        http->base = url_part(url, CURLUPART_URL, 0);
        for (gsize end = strlen(http->base); end > 0 && http->base[end - 1] == '/'; end--)
            http->base[end - 1] = '\0';
    }
    curl_url_cleanup(url);
    if (!usable)
        return fail_set(error, FAIL_USAGE,
                        "the server's address is not a URL that begins with http:// or https://\n"
                        "hint: for example http://127.0.0.1:5984");
    return TRUE;
}

static struct loop *
loop_new(guint connections)
{
    struct loop *loop = g_new0(struct loop, 1);
    loop->multi = curl_multi_init();
    curl_multi_setopt(loop->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                      connections != 0 ? (long)connections : CONNECTIONS_MAX);
    curl_multi_setopt(loop->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    return loop;
}

struct http *
http_new(const struct http_options *options, GError **error)
{
    static gsize once;
    if (g_once_init_enter(&once)) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        http_error_register();
        g_once_init_leave(&once, 1);
    }
    AUTO(http) *http = g_new0(struct http, 1);
    if (!url_take_apart(http, options->url, error))
        return NULL;
    if (options->credentials != NULL) {
        g_free(http->user);
        g_free(http->password);
        http->user = g_strdup(options->credentials->user);
        http->password = g_strdup(options->credentials->password);
    }
    http->login_option = options->login_option != NULL ? options->login_option : "--credentials";
    http->ca_file = g_strdup(options->ca_file);
    http->bytes_per_second = options->bytes_per_second;
    if (options->sign_for_region != NULL)
        http->signature = g_strdup_printf("aws:amz:%s:s3", options->sign_for_region);
    http->stall_seconds = options->stall_seconds != 0 ? options->stall_seconds : STALL_SECONDS;
    http->loop = options->beside != NULL ? options->beside->loop : loop_new(options->connections);
    http->loop->users++;
    http->rate = options->rate;
    if (http->rate != NULL)
        http->loop->rate = http->rate;
    return g_steal_pointer(&http);
}

struct http *
http_connect(const struct http_options *how, const char *credentials_file, GError **error)
{
    struct http_credentials credentials = {NULL, NULL};
    struct http_options options = *how;
    if (credentials_file != NULL) {
        if (!http_credentials_read(credentials_file, &credentials, error))
            return NULL;
        options.credentials = &credentials;
    }
    struct http *http = http_new(&options, error);
    http_credentials_clear(&credentials);
    return http;
}

void
http_free(struct http *http)
{
    if (http == NULL)
        return;
    if (http->loop != NULL && --http->loop->users == 0) {
        curl_multi_cleanup(http->loop->multi);
        g_free(http->loop);
    }
    if (http->password != NULL)
        OPENSSL_cleanse(http->password, strlen(http->password));
    g_free(http->base);
    g_free(http->user);
    g_free(http->password);
    g_free(http->ca_file);
    g_free(http->signature);
    g_clear_error(&http->wrong_password);
    g_free(http);
}

void
http_set_stop(struct http *http, http_stop stop, void *context)
{
    http->stop = stop;
    http->stop_context = context;
}

const char *
http_name(const struct http *http)
{
    return http->base;
}

gboolean
http_same_login(const struct http *a, const struct http *b)
{
    return g_strcmp0(a->user, b->user) == 0 && g_strcmp0(a->password, b->password) == 0;
}

void
http_escape(GString *out, struct slice text)
{
    for (gsize i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (g_ascii_isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~')
            g_string_append_c(out, c);
        else
            g_string_append_printf(out, "%%%02X", (guint8)c);
    }
}

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
    struct http_call *call = g_new0(struct http_call, 1);
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

GString *
http_read_all(struct http_call *call, gsize cap, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (;;) {
        struct slice bytes;
        if (!http_peek(call, &bytes, error))
            return NULL;
        if (bytes.size == 0)
            return g_steal_pointer(&text);
        if (text->len + bytes.size > cap) {
            http_bad_answer(error, "%s: the answer is larger than %" G_GSIZE_FORMAT " bytes",
                            call->what, cap);
            return NULL;
        }
        g_string_append_len(text, bytes.data, (gssize)bytes.size);
        http_skip(call, bytes.size);
    }
}

/* CouchDB says this of the password alone; other refusals of 401 and 403 do not count towards its
 * lock. */
static gboolean
is_wrong_password(guint status, const char *reason)
{
    return reason != NULL && ((status == 401 && strstr(reason, "password is incorrect") != NULL) ||
                              (status == 403 && strstr(reason, "temporarily locked") != NULL));
}

static char *
hint_at_login(const struct http *http, guint status)
{
    if (status != 401 && status != 403)
        return NULL;
    return http->user != NULL
               ? g_strdup("\nhint: check the credentials; the account must be a server admin")
               : g_strdup_printf("\nhint: give %s FILE, with the USER:PASSWORD of a server admin",
                                 http->login_option);
}

gboolean
http_expect_success(struct http_call *call, GError **error)
{
    guint status;
    if (!http_status(call, &status, error))
        return FALSE;
    if (status >= 200 && status < 300)
        return TRUE;
    g_autoptr(GString) text = http_read_all(call, 65536, NULL);
    g_autofree char *name = NULL;
    g_autofree char *reason = NULL;
    struct slice answer = {text != NULL ? text->str : "", text != NULL ? text->len : 0};
    if (json_check(answer, NULL)) {
        json_member_text(answer, "error", &name);
        json_member_text(answer, "reason", &reason);
    }
    g_autofree char *hint = hint_at_login(call->http, status);
    GError *failure =
        g_error_new(HTTP, (int)status, "%s: status %u%s%s%s%s%s", call->what, status,
                    name != NULL ? ", " : "", name != NULL ? name : "", reason != NULL ? ": " : "",
                    reason != NULL ? reason : "", hint != NULL ? hint : "");
    if (is_wrong_password(status, reason) && call->http->wrong_password == NULL)
        call->http->wrong_password = g_error_copy(failure);
    g_propagate_error(error, failure);
    return FALSE;
}

static GString *
fetch_once(struct http *http, const struct http_request *request, GError **error)
{
    AUTO(http_call) *call = http_start(http, request);
    if (!http_expect_success(call, error))
        return NULL;
    g_autoptr(GString) text = http_read_all(call, HTTP_ANSWER_MAX, error);
    if (text == NULL)
        return NULL;
    if (!json_check((struct slice){text->str, text->len}, error)) {
        http_blame_transport(error);
        g_prefix_error(error, "%s: ", call->what);
        return NULL;
    }
    return g_steal_pointer(&text);
}

void
http_be_patient(struct http *http, struct patience *patience)
{
    http->patience = patience;
}

gboolean
http_again(struct http *http, GError **failure, GError **error)
{
    if (http->patience != NULL)
        return patience_again(http->patience, failure, error);
    g_propagate_error(error, g_steal_pointer(failure));
    return FALSE;
}

GString *
http_fetch(struct http *http, const char *method, const char *path, struct slice body,
           GError **error)
{
    struct http_request request = {.method = method, .path = path, .body = body};
    GError *failure = NULL;
    GString *answer;
    while ((answer = fetch_once(http, &request, &failure)) == NULL)
        if (!http_again(http, &failure, error))
            return NULL;
    if (http->patience != NULL)
        patience_progress(http->patience);
    return answer;
}
