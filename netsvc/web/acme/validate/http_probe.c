#include "netsvc/web/acme/validate/http_probe.h"

#include "netsvc/web/acme/validate/addresses.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <openssl/ssl.h>

#define PLACE "/.well-known/acme-challenge/"
#define HEADERS_MAX 16384
#define PATH_MAX_TEXT 2048
#define HTTPS_PORT 443

struct http_probe {
    const struct world *world;
    char *host, *path; /* where it is looked for now */
    guint16 port;
    gboolean tls;
    char *expected;
    guint redirects;
    struct addresses *addresses;
    GArray *places; /* struct config_peer */
    guint place;
    struct evhttp_connection *connection;
    char *location; /* where the answer sends us */
    struct event *ended, *next, *limit;
    GError *error;
    probe_done done;
    gpointer context;
};

static void find(struct http_probe *probe);
static void ask(struct http_probe *probe);

/* ---- the end of a step, outside of libevent's own callbacks ---- */

static void
on_ended(evutil_socket_t fd, short what, void *context)
{
    struct http_probe *probe = context;
    (void)fd;
    (void)what;
    probe->done(probe->context, probe->error);
}

static void
end(struct http_probe *probe)
{
    evtimer_del(probe->limit);
    event_active(probe->ended, EV_TIMEOUT, 0);
}

static gboolean
is_ended(const struct http_probe *probe)
{
    return event_pending(probe->ended, EV_TIMEOUT, NULL) != 0;
}

static void
hang_up(struct http_probe *probe)
{
    if (probe->connection != NULL)
        evhttp_connection_free(g_steal_pointer(&probe->connection));
}

static void
on_limit(evutil_socket_t fd, short what, void *context)
{
    struct http_probe *probe = context;
    (void)fd;
    (void)what;
    g_clear_error(&probe->error);
    problem_set(&probe->error, PROBLEM_CONNECTION, "%s:%u did not answer within %d s", probe->host,
                probe->port, WORLD_SECONDS);
    end(probe);
}

/* ---- where it goes on ---- */

static gboolean
take_location(struct http_probe *probe, const struct evhttp_uri *uri, GError **error)
{
    const char *scheme = evhttp_uri_get_scheme(uri), *host = evhttp_uri_get_host(uri);
    const char *path = evhttp_uri_get_path(uri), *query = evhttp_uri_get_query(uri);
    const int port = evhttp_uri_get_port(uri);
    if (scheme != NULL) {
        probe->tls = g_ascii_strcasecmp(scheme, "https") == 0;
        if (!probe->tls && g_ascii_strcasecmp(scheme, "http") != 0)
            return problem_set(error, PROBLEM_CONNECTION, "it redirects to neither HTTP nor HTTPS");
        probe->port = probe->tls ? HTTPS_PORT : probe->world->http_port;
        if (host == NULL || *host == '\0' || (port != -1 && port != probe->port))
            return problem_set(error, PROBLEM_CONNECTION, "it redirects to port %d", port);
        g_free(probe->host);
        probe->host = *host == '[' ? g_strndup(host + 1, strlen(host) - 2) : g_strdup(host);
    }
    if (path == NULL || *path != '/')
        path = "/";
    g_free(probe->path);
    probe->path = g_strconcat(path, query != NULL ? "?" : "", query, NULL);
    return TRUE;
}

static gboolean
follow(struct http_probe *probe, GError **error)
{
    g_autofree char *location = g_steal_pointer(&probe->location);
    if (++probe->redirects > HTTP_PROBE_REDIRECTS)
        return problem_set(error, PROBLEM_CONNECTION, "it redirects more than %d times",
                           HTTP_PROBE_REDIRECTS);
    struct evhttp_uri *uri = strlen(location) <= PATH_MAX_TEXT ? evhttp_uri_parse(location) : NULL;
    if (uri == NULL)
        return problem_set(error, PROBLEM_CONNECTION, "it redirects to what is no URL");
    gboolean good = take_location(probe, uri, error);
    evhttp_uri_free(uri);
    return good;
}

/* Whatever happened to the last request: the next place, the next address, or the end. */
static void
on_next(evutil_socket_t fd, short what, void *context)
{
    struct http_probe *probe = context;
    (void)fd;
    (void)what;
    hang_up(probe);
    if (probe->location != NULL) {
        if (follow(probe, &probe->error))
            find(probe);
        else
            end(probe);
    } else if (probe->error != NULL && problem_of(probe->error) == PROBLEM_CONNECTION &&
               probe->place + 1 < probe->places->len) {
        g_clear_error(&probe->error);
        probe->place++;
        ask(probe);
    } else {
        end(probe);
    }
}

/* ---- an answer ---- */

/* White space behind it is fine (RFC 8555, 8.3). */
static gboolean
is_expected(const struct http_probe *probe, struct evhttp_request *answer)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(answer);
    char text[HTTP_PROBE_BODY_MAX + 1] = "";
    evbuffer_remove(body, text, HTTP_PROBE_BODY_MAX);
    g_strchomp(text);
    return strcmp(text, probe->expected) == 0;
}

static void
judge(struct http_probe *probe, struct evhttp_request *answer)
{
    const int status = evhttp_request_get_response_code(answer);
    const char *location = evhttp_find_header(evhttp_request_get_input_headers(answer), "Location");
    if ((status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
        location != NULL)
        probe->location = g_strdup(location);
    else if (status != 200)
        problem_set(&probe->error, PROBLEM_INCORRECT_RESPONSE, "http%s://%s%s: status %d",
                    probe->tls ? "s" : "", probe->host, probe->path, status);
    else if (!is_expected(probe, answer))
        problem_set(&probe->error, PROBLEM_INCORRECT_RESPONSE,
                    "http%s://%s%s: that is not the token with the account's key",
                    probe->tls ? "s" : "", probe->host, probe->path);
}

static void
on_answer(struct evhttp_request *answer, void *context)
{
    struct http_probe *probe = context;
    if (is_ended(probe))
        return;
    if (answer == NULL || evhttp_request_get_response_code(answer) == 0)
        problem_set(&probe->error, PROBLEM_CONNECTION, "%s:%u does not answer", probe->host,
                    probe->port);
    else
        judge(probe, answer);
    event_active(probe->next, EV_TIMEOUT, 0);
}

/* ---- asking ---- */

static struct bufferevent *
tls_stream(const struct http_probe *probe)
{
    struct in6_addr ignored;
    SSL *ssl = SSL_new(probe->world->tls);
    if (inet_pton(AF_INET, probe->host, &ignored) != 1 &&
        inet_pton(AF_INET6, probe->host, &ignored) != 1)
        SSL_set_tlsext_host_name(ssl, probe->host);
    struct bufferevent *stream = bufferevent_openssl_socket_new(
        probe->world->events, -1, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
    return stream;
}

static void
ask(struct http_probe *probe)
{
    const struct config_peer *peer =
        &g_array_index(probe->places, struct config_peer, probe->place);
    const struct sockaddr_in *in = (const void *)&peer->address;
    const struct sockaddr_in6 *in6 = (const void *)&peer->address;
    const int family = peer->address.ss_family;
    char text[INET6_ADDRSTRLEN];
    inet_ntop(family, family == AF_INET ? (const void *)&in->sin_addr : &in6->sin6_addr, text,
              sizeof text);
    probe->connection = evhttp_connection_base_bufferevent_new(
        probe->world->events, NULL, probe->tls ? tls_stream(probe) : NULL, text, probe->port);
    evhttp_connection_set_timeout(probe->connection, WORLD_SECONDS);
    evhttp_connection_set_max_headers_size(probe->connection, HEADERS_MAX);
    evhttp_connection_set_max_body_size(probe->connection, HTTP_PROBE_BODY_MAX);
    struct evhttp_request *request = evhttp_request_new(on_answer, probe);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    g_autofree char *host = strchr(probe->host, ':') != NULL ? g_strdup_printf("[%s]", probe->host)
                                                             : g_strdup(probe->host);
    evhttp_add_header(headers, "Host", host);
    evhttp_add_header(headers, "User-Agent", "Lifeboat (ACME)");
    evhttp_add_header(headers, "Accept", "*/*");
    evhttp_add_header(headers, "Connection", "close");
    if (evhttp_make_request(probe->connection, request, EVHTTP_REQ_GET, probe->path) != 0) {
        problem_set(&probe->error, PROBLEM_CONNECTION, "%s:%u cannot be reached", probe->host,
                    probe->port);
        event_active(probe->next, EV_TIMEOUT, 0);
    }
}

static void
found(gpointer context, const GArray *places, const GError *error)
{
    struct http_probe *probe = context;
    if (error != NULL) {
        g_clear_error(&probe->error);
        probe->error = g_error_copy(error);
    } else {
        g_array_set_size(probe->places, 0);
        g_array_append_vals(probe->places, places->data, places->len);
        probe->place = 0;
    }
    addresses_free(g_steal_pointer(&probe->addresses));
    if (error != NULL)
        end(probe);
    else
        ask(probe);
}

static void
find(struct http_probe *probe)
{
    const struct timeval limit = {.tv_sec = WORLD_SECONDS};
    evtimer_add(probe->limit, &limit);
    probe->addresses = addresses_start(probe->world, probe->host, probe->port, found, probe);
}

struct http_probe *
http_probe_start(const struct world *world, const char *host, const char *token,
                 const char *key_authorization, probe_done done, gpointer context)
{
    struct http_probe *probe = g_new0(struct http_probe, 1);
    probe->world = world;
    probe->host = g_strdup(host);
    probe->path = g_strconcat(PLACE, token, NULL);
    probe->port = world->http_port;
    probe->expected = g_strdup(key_authorization);
    probe->places = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    probe->done = done;
    probe->context = context;
    probe->ended = evtimer_new(world->events, on_ended, probe);
    probe->next = evtimer_new(world->events, on_next, probe);
    probe->limit = evtimer_new(world->events, on_limit, probe);
    find(probe);
    return probe;
}

void
http_probe_free(struct http_probe *probe)
{
    if (probe == NULL)
        return;
    hang_up(probe);
    addresses_free(probe->addresses);
    event_free(probe->ended);
    event_free(probe->next);
    event_free(probe->limit);
    g_array_unref(probe->places);
    g_clear_error(&probe->error);
    g_free(probe->location);
    g_free(probe->expected);
    g_free(probe->host);
    g_free(probe->path);
    g_free(probe);
}
