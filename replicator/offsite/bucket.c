/* bucket: see the header. */
#include "replicator/offsite/bucket.h"

#include "lib/base/fail.h"
#include "lib/crypt/base64.h"
#include "replicator/offsite/xml.h"

#define ERROR_TEXT_MAX 65536 /* bytes of an error's XML that are looked at */

/* ---- opening ---- */

static const char url_hint[] = "hint: https://HOST/BUCKET, or https://HOST/BUCKET/FOLDER";

/* Takes "/BUCKET/FOLDER" apart. */
static gboolean
take_path(struct bucket *bucket, const char *path, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", 0);
    g_autoptr(GString) escaped = g_string_new("/");
    g_autoptr(GString) prefix = g_string_new(NULL);
    const char *name = NULL;
    for (guint i = 0; parts[i] != NULL; i++) {
        if (*parts[i] == '\0')
            continue;
        if (name == NULL)
            name = parts[i];
        else
            g_string_append_printf(prefix, "%s/", parts[i]);
    }
    if (name == NULL)
        return fail_set(error, FAIL_USAGE, "the bucket's address names no bucket\n%s", url_hint);
    http_escape(escaped, slice_of(name));
    bucket->path = g_string_free(g_steal_pointer(&escaped), FALSE);
    bucket->prefix = g_string_free(g_steal_pointer(&prefix), FALSE);
    return TRUE;
}

static gboolean
take_url(struct bucket *bucket, const char *url, char **server, GError **error)
{
    g_autofree char *scheme = NULL, *user = NULL, *host = NULL, *path = NULL, *query = NULL;
    int port = -1;
    if (!g_uri_split(url, G_URI_FLAGS_HAS_PASSWORD, &scheme, &user, &host, &port, &path, &query,
                     NULL, NULL) ||
        scheme == NULL || host == NULL || *host == '\0' || query != NULL)
        return fail_set(error, FAIL_USAGE, "the bucket's address is no URL of one\n%s", url_hint);
    if (user != NULL)
        return fail_set(error, FAIL_USAGE,
                        "the bucket's address holds credentials: a file is the "
                        "place for them, which others cannot read");
    *server = g_uri_join(G_URI_FLAGS_NONE, scheme, NULL, host, port, "", NULL, NULL);
    bucket->url = g_strdup(url);
    for (gsize end = strlen(url); end > 0 && url[end - 1] == '/'; end--)
        bucket->url[end - 1] = '\0';
    return take_path(bucket, path, error);
}

struct bucket *
bucket_open(const struct bucket_options *options, GError **error)
{
    AUTO(bucket) *bucket = g_new0(struct bucket, 1);
    g_autofree char *server = NULL;
    if (!take_url(bucket, options->url, &server, error))
        return NULL;
    const struct http_options how = {
        .url = server,
        .ca_file = options->ca,
        .stall_seconds = options->stall_seconds,
        .bytes_per_second = options->bytes_per_second,
        .sign_for_region = options->region,
    };
    bucket->http = http_connect(&how, options->credentials, error);
    bucket->patience = options->patience;
    return bucket->http != NULL ? g_steal_pointer(&bucket) : NULL;
}

void
bucket_free(struct bucket *bucket)
{
    if (bucket == NULL)
        return;
    http_free(bucket->http);
    g_free(bucket->url);
    g_free(bucket->path);
    g_free(bucket->prefix);
    g_free(bucket);
}

/* ---- what went wrong ---- */

struct failure {
    char *code, *message;
};

static void
failure_clear(struct failure *failure)
{
    g_free(failure->code);
    g_free(failure->message);
}

/* Without what could steer a terminal. */
static void
take_word(char **word, const char *text)
{
    g_free(*word);
    *word = g_strdelimit(g_utf8_make_valid(text, -1), "\r\n\t\033", ' ');
}

static gboolean
take_failure(void *context, const char *path, const char *text, GError **error)
{
    struct failure *failure = context;
    (void)error;
    if (g_str_equal(path, "Error/Code"))
        take_word(&failure->code, text);
    else if (g_str_equal(path, "Error/Message"))
        take_word(&failure->message, text);
    return TRUE;
}

static struct slice
trimmed(const GString *text)
{
    const char *begin = text->str;
    while (g_ascii_isspace(*begin))
        begin++;
    return (struct slice){begin, text->len - (gsize)(begin - text->str)};
}

/* What an operator can do about one of S3's codes. */
static const char *
hint_of(guint status, const char *code)
{
    static const struct {
        const char *code, *hint;
    } hints[] = {
        {"RequestTimeTooSkewed",
         "\nhint: this server's clock and the bucket's differ too much; set this one (`date`)"},
        {"SignatureDoesNotMatch", "\nhint: check the secret in the credentials, and the region"},
        {"InvalidAccessKeyId", "\nhint: check the key in the credentials: KEY:SECRET"},
        {"AuthorizationHeaderMalformed", "\nhint: check `region` in [offsite]"},
        {"PermanentRedirect", "\nhint: the bucket is in another region: check its address and "
                              "`region` in [offsite]"},
        {"NoSuchBucket", "\nhint: make the bucket first, or check its name in the address"},
        {"AccessDenied", "\nhint: the credentials must allow to list the bucket, and to get, put "
                         "and delete objects in it"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(hints); i++)
        if (g_strcmp0(code, hints[i].code) == 0)
            return hints[i].hint;
    return status == 401 || status == 403 ? "\nhint: check the credentials and what they allow"
           : status == 301 || status == 307
               ? "\nhint: check the bucket's address and `region` in [offsite]"
               : "";
}

/* The error's code: the status, or one that may pass where S3 says so with another status. */
static int
code_of(guint status, const char *code)
{
    static const char *const passing[] = {"RequestTimeout", "OperationAborted", "InternalError",
                                          "SlowDown", "ServiceUnavailable"};
    for (gsize i = 0; i < G_N_ELEMENTS(passing); i++)
        if (g_strcmp0(code, passing[i]) == 0)
            return status >= 500 ? (int)status : 503;
    return status >= 300 ? (int)status : HTTP_ANSWER;
}

static gboolean
fail_with(const char *what, guint status, const GString *text, GError **error)
{
    struct failure failure = {NULL, NULL};
    if (text != NULL)
        xml_read(trimmed(text), take_failure, &failure, NULL);
    g_set_error(error, HTTP, code_of(status, failure.code), "%s: status %u%s%s%s%s%s", what, status,
                failure.code != NULL ? ", " : "", failure.code != NULL ? failure.code : "",
                failure.message != NULL ? ": " : "", failure.message != NULL ? failure.message : "",
                hint_of(status, failure.code));
    failure_clear(&failure);
    return FALSE;
}

/* Whether a text is XML and tells of no failure. */
static gboolean
check_xml(const char *what, const GString *text, GError **error)
{
    struct failure failure = {NULL, NULL};
    g_autoptr(GError) cause = NULL;
    gboolean read = xml_read(trimmed(text), take_failure, &failure, &cause);
    gboolean failed = failure.code != NULL;
    failure_clear(&failure);
    if (!read) {
        g_set_error(error, HTTP, HTTP_TRANSPORT, "%s: the answer is no XML that can be used: %s",
                    what, cause->message);
        return FALSE;
    }
    return !failed || fail_with(what, 200, text, error);
}

/* ---- a request ---- */

void
bucket_add_query(GString *query, const char *name, const char *value)
{
    if (query->len > 0)
        g_string_append_c(query, '&');
    g_string_append_printf(query, "%s=", name);
    http_escape(query, slice_of(value));
}

static char *
path_of(const struct bucket *bucket, const struct bucket_request *request)
{
    g_autoptr(GString) path = g_string_new(bucket->path);
    if (request->key != NULL) {
        g_autofree char *key = g_strconcat(bucket->prefix, request->key, NULL);
        g_auto(GStrv) parts = g_strsplit(key, "/", 0);
        for (guint i = 0; parts[i] != NULL; i++) {
            g_string_append_c(path, '/');
            http_escape(path, slice_of(parts[i]));
        }
    }
    if (request->query != NULL)
        g_string_append_printf(path, "?%s", request->query);
    return g_string_free(g_steal_pointer(&path), FALSE);
}

static char *
header_of(const char *name, const guint8 *digest, gsize size)
{
    g_autoptr(GString) line = g_string_new(name);
    g_autofree char *text = g_base64_encode(digest, size);
    g_string_append_printf(line, ": %s", text);
    return g_string_free(g_steal_pointer(&line), FALSE);
}

/* What goes along with the request: the hash that is signed, and those that the server compares. */
static char **
headers_of(const struct bucket_request *request)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new();
    guint8 sha256[HASH_SHA256_SIZE];
    hash_sha256(request->body.data, request->body.size, sha256);
    g_autofree char *hex = hash_hex(sha256, sizeof sha256);
    g_ptr_array_add(lines, g_strconcat("x-amz-content-sha256: ", hex, NULL));
    if (request->checked) {
        guint8 md5[HASH_MAX];
        AUTO(hash) *hash = hash_new(HASH_MD5);
        hash_add(hash, request->body.data, request->body.size);
        gsize size = hash_take(hash, md5);
        g_ptr_array_add(lines, header_of("Content-MD5", md5, size));
    }
    if (request->kept)
        g_ptr_array_add(lines, header_of("x-amz-checksum-sha256", sha256, sizeof sha256));
    if (request->header != NULL)
        g_ptr_array_add(lines, g_strdup(request->header));
    g_ptr_array_add(lines, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&lines), FALSE);
}

struct http_call *
bucket_start(struct bucket *bucket, const struct bucket_request *request, GError **error)
{
    g_autofree char *path = path_of(bucket, request);
    g_auto(GStrv) headers = headers_of(request);
    const struct http_request plain = {
        .method = request->method,
        .path = path,
        .body = request->body,
        .content_type = "application/octet-stream",
        .accept = "*/*",
        .headers = (const char *const *)headers,
    };
    guint status = 0;
    AUTO(http_call) *call = http_start(bucket->http, &plain);
    if (!http_status(call, &status, error))
        return NULL;
    if (status >= 200 && status < 300)
        return g_steal_pointer(&call);
    g_autoptr(GString) text = http_read_all(call, ERROR_TEXT_MAX, NULL);
    fail_with(http_what(call), status, text, error);
    return NULL;
}

gboolean
bucket_again(struct bucket *bucket, GError **failure, GError **error)
{
    return patience_again(&bucket->patience, failure, error);
}

void
bucket_answer_clear(struct bucket_answer *answer)
{
    if (answer->text != NULL)
        g_string_free(answer->text, TRUE);
    g_free(answer->etag);
    g_free(answer->sha256);
    *answer = (struct bucket_answer){NULL, NULL, NULL};
}

char *
bucket_bare_etag(const char *etag)
{
    char *copy = etag != NULL ? g_strstrip(g_strdup(etag)) : NULL;
    gsize size = copy != NULL ? strlen(copy) : 0;
    if (size < 2 || copy[0] != '"' || copy[size - 1] != '"')
        return copy;
    memmove(copy, copy + 1, size - 2);
    copy[size - 2] = '\0';
    return copy;
}

static gboolean
ask_once(struct bucket *bucket, const struct bucket_request *request, struct bucket_answer *answer,
         GError **error)
{
    AUTO(http_call) *call = bucket_start(bucket, request, error);
    g_autoptr(GString) text = call != NULL ? http_read_all(call, BUCKET_ANSWER_MAX, error) : NULL;
    if (text == NULL || (request->xml && !check_xml(http_what(call), text, error)))
        return FALSE;
    if (answer != NULL) {
        answer->text = g_steal_pointer(&text);
        answer->etag = bucket_bare_etag(http_header(call, "etag"));
        answer->sha256 = g_strdup(http_header(call, "x-amz-checksum-sha256"));
    }
    return TRUE;
}

gboolean
bucket_ask(struct bucket *bucket, const struct bucket_request *request,
           struct bucket_answer *answer, GError **error)
{
    GError *failure = NULL;
    while (!ask_once(bucket, request, answer, &failure))
        if (!bucket_again(bucket, &failure, error))
            return FALSE;
    patience_progress(&bucket->patience);
    return TRUE;
}
