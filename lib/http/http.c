#include "lib/http/http.h"

#include "lib/base/fail.h"
#include "lib/http/http_inside.h"

#include <openssl/crypto.h>

#define STALL_SECONDS 120
#define CONNECTIONS_MAX 8L

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
    http_ahead_end(http);
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
