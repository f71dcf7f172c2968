#include "netsvc/web/serve/web_server.h"

#include "netsvc/web/serve/guests.h"
#include "netsvc/web/serve/web_tls.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event_struct.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define ACCEPTS 64   /* in a row, then others have their turn */
#define LISTENERS 32 /* sockets */
#define NO_CONTENT 204
#define EVERY_METHOD G_MAXUINT16

struct listener {
    struct web_server *server;
    struct event *closed;           /* what comes is closed; NULL: not */
    struct evconnlistener *accepts; /* NULL: not yet */
    struct evhttp *http;
    guint fresh; /* accepted, and not admitted yet */
    gboolean tls;
};

struct web_server {
    struct event_base *events;
    struct guests *guests;
    struct event admits, tick;
    struct ssl_ctx_st *tls; /* NULL: there is no certificate */
    struct listener listeners[LISTENERS];
    guint n_listeners;
    web_handler handler;
    void *context;
    void (*ended)(void *context); /* NULL: it serves on */
    void *whose;
};

struct web_answer {
    struct web_server *server;
    struct evhttp_request *request;
    gboolean head;
};

/* ---- answers ---- */

void
web_answer_field(struct web_answer *answer, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(answer->request), name, value);
}

static void
add_default(struct web_answer *answer, const char *name, const char *value)
{
    if (evhttp_find_header(evhttp_request_get_output_headers(answer->request), name) == NULL)
        web_answer_field(answer, name, value);
}

static struct guest *
guest_of(struct web_server *server, struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    return connection != NULL
               ? guests_find(server->guests, evhttp_connection_get_bufferevent(connection))
               : NULL;
}

/* What has one request only, by its own word (RFC 9112, 9.3). */
static gboolean
is_last(const struct evhttp_request *request)
{
    const char *wish = evhttp_find_header(request->input_headers, "Connection");
    if (request->major < 1 || (request->major == 1 && request->minor < 1))
        return wish == NULL || g_ascii_strcasecmp(wish, "keep-alive") != 0;
    return wish != NULL && g_ascii_strcasecmp(wish, "close") == 0;
}

/* evhttp closes it now, but says nothing of that in TLS. */
static void
say_end(struct evhttp_request *request, struct guest *guest)
{
    if (guest->tls && evhttp_find_header(request->output_headers, "Connection") != NULL &&
        strcmp(evhttp_find_header(request->output_headers, "Connection"), "close") == 0)
        web_tls_end(bufferevent_openssl_get_ssl(guest->connection));
}

static void
was_sent(struct evhttp_request *request, void *context)
{
    struct web_server *server = context;
    struct guest *guest = guest_of(server, request);
    if (guest == NULL)
        return;
    say_end(request, guest);
    if (evhttp_request_get_command(request) == EVHTTP_REQ_CONNECT)
        guests_cut(guest); /* evhttp takes it for a tunnel */
    guests_note(server->guests, guest, GUEST_READS);
}

static void
add_fields(struct web_answer *answer, int status, const char *type, gsize size)
{
    char length[32];
    const struct guest *guest = guest_of(answer->server, answer->request);
    g_snprintf(length, sizeof length, "%" G_GSIZE_FORMAT, size);
    if (status != NO_CONTENT) {
        web_answer_field(answer, "Content-Type", type);
        web_answer_field(answer, "Content-Length", length);
    }
    add_default(answer, "Cache-Control", "no-store");
    add_default(answer, "X-Content-Type-Options", "nosniff");
    add_default(answer, "Referrer-Policy", "no-referrer");
    add_default(answer, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    if (guest == NULL || guest->requests >= WEB_SERVER_REQUESTS_MAX || is_last(answer->request) ||
        answer->server->ended != NULL)
        web_answer_field(answer, "Connection", "close");
}

void
web_answer_send(struct web_answer *answer, int status, const char *type, const void *body,
                gsize size)
{
    g_autofree struct web_answer *own = answer;
    struct evbuffer *buffer = evbuffer_new();
    struct guest *guest = guest_of(own->server, own->request);
    add_fields(own, status, type, size);
    if (!own->head && status != NO_CONTENT)
        evbuffer_add(buffer, body, size);
    if (guest != NULL)
        guests_note(own->server->guests, guest, GUEST_WRITES);
    evhttp_request_set_on_complete_cb(own->request, was_sent, own->server);
    evhttp_send_reply(own->request, status, NULL, buffer);
    evbuffer_free(buffer);
}

void
web_answer_refuse(struct web_answer *answer, int status, const char *text)
{
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    web_answer_send(answer, status, "text/plain; charset=utf-8", line, strlen(line));
}

/* ---- requests ---- */

static gboolean
method_of(struct evhttp_request *request, enum web_method *method)
{
    switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET:
        *method = WEB_GET;
        return TRUE;
    case EVHTTP_REQ_HEAD:
        *method = WEB_HEAD;
        return TRUE;
    case EVHTTP_REQ_POST:
        *method = WEB_POST;
        return TRUE;
    default:
        return FALSE;
    }
}

/* Of "http://NAME/PATH", as one asks a proxy, what is behind the name (RFC 9112, 3.2.2). */
static const char *
path_of(const char *target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (gsize i = 0; i < G_N_ELEMENTS(schemes); i++)
        if (g_ascii_strncasecmp(target, schemes[i], strlen(schemes[i])) == 0) {
            const char *slash = strchr(target + strlen(schemes[i]), '/');
            return slash != NULL ? slash : "/";
        }
    return target;
}

/* evhttp takes whatever stands between the first and the last space of the line. */
static gboolean
is_path(const char *path)
{
    for (const char *at = path; *at != '\0'; at++)
        if (!g_ascii_isgraph(*at))
            return FALSE;
    return path[0] == '/';
}

static const char *
header(struct evhttp_request *request, const char *name)
{
    const char *value = evhttp_find_header(evhttp_request_get_input_headers(request), name);
    return value != NULL ? value : "";
}

static void
handle(struct web_server *server, struct evhttp_request *request, const struct guest *guest,
       struct web_answer *answer, enum web_method method)
{
    g_autofree char *path = g_strdup(path_of(evhttp_request_get_uri(request)));
    char *mark = strchr(path, '?');
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    const gsize size = evbuffer_get_length(body);
    if (mark != NULL)
        *mark = '\0';
    const struct web_request whole = {
        .method = method,
        .path = path,
        .query = mark != NULL ? mark + 1 : NULL,
        .host = header(request, "Host"),
        .type = header(request, "Content-Type"),
        .agent = header(request, "User-Agent"),
        .body = {size > 0 ? (const char *)evbuffer_pullup(body, -1) : "", size},
        .from = &guest->from,
        .tls = guest->tls,
    };
    if (!server->handler(server->context, &whole, answer))
        web_answer_refuse(answer, 404, "There is nothing here. Try the page at /");
}

static void
on_request(struct evhttp_request *request, void *context)
{
    struct web_server *server = context;
    enum web_method method = WEB_GET;
    struct guest *guest = guest_of(server, request);
    struct web_answer *answer = g_new0(struct web_answer, 1);
    const char *path = path_of(evhttp_request_get_uri(request));
    const gboolean known = method_of(request, &method);
    *answer = (struct web_answer){server, request, method == WEB_HEAD};
    if (guest == NULL || guest->cut) {
        web_answer_refuse(answer, 503, "Too many are connected. Try again in a moment.");
        return;
    }
    guest->requests++;
    guests_note(server->guests, guest, GUEST_WAITS);
    if (!known) {
        web_answer_field(answer, "Allow", "GET, HEAD, POST");
        web_answer_refuse(answer, 405, "Only GET, HEAD and POST are served here.");
    } else if (strlen(path) > WEB_PATH_MAX)
        web_answer_refuse(answer, 414, "That address is too long.");
    else if (!is_path(path))
        web_answer_refuse(answer, 400, "A path begins with '/' and has no spaces.");
    else
        handle(server, request, guest, answer, method);
}

/* ---- connections ---- */

/* By then evhttp has given the new ones their sockets. */
static void
on_new_ones(evutil_socket_t fd, short what, void *context)
{
    struct web_server *server = context;
    (void)fd;
    (void)what;
    guests_admit(server->guests);
    for (guint i = 0; i < server->n_listeners; i++) {
        server->listeners[i].fresh = 0;
        if (server->listeners[i].accepts != NULL && server->ended == NULL)
            evconnlistener_enable(server->listeners[i].accepts);
    }
}

/* evhttp asks for what a connection is to go through. */
static struct bufferevent *
new_guest(struct event_base *events, void *context)
{
    struct listener *listener = context;
    struct web_server *server = listener->server;
    struct bufferevent *connection =
        listener->tls
            ? bufferevent_openssl_socket_new(events, -1, web_tls_session(server->tls),
                                             BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
            : bufferevent_socket_new(events, -1, BEV_OPT_CLOSE_ON_FREE);
    if (connection == NULL)
        g_error("no memory for a connection");
    guests_add(server->guests, connection, listener->tls);
    event_active(&server->admits, EV_TIMEOUT, 0);
    if (++listener->fresh >= ACCEPTS)
        evconnlistener_disable(listener->accepts);
    return connection;
}

/* Out of something: it would be told again at once, for ever. The next tick tries again. */
static void
on_shortage(struct evconnlistener *listener, void *context)
{
    (void)context;
    evconnlistener_disable(listener);
}

static void
on_tick(evutil_socket_t fd, short what, void *context)
{
    struct web_server *server = context;
    (void)fd;
    (void)what;
    guests_sweep(server->guests);
    event_active(&server->admits, EV_TIMEOUT, 0);
    if (server->ended != NULL && guests_dismiss(server->guests) == 0)
        server->ended(server->whose);
}

/* ---- sockets ---- */

static void
close_what_comes(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    (void)context;
    for (guint i = 0; i < ACCEPTS; i++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (accepted >= 0)
            close(accepted);
        else if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

static struct evhttp *
new_http(struct listener *listener)
{
    struct evhttp *http = evhttp_new(listener->server->events);
    g_assert(http != NULL);
    evhttp_set_bevcb(http, new_guest, listener);
    evhttp_set_gencb(http, on_request, listener->server);
    evhttp_set_allowed_methods(http, EVERY_METHOD);
    evhttp_set_max_headers_size(http, WEB_SERVER_HEAD_MAX);
    evhttp_set_max_body_size(http, WEB_BODY_MAX);
    evhttp_set_default_content_type(http, NULL);
    evhttp_set_timeout(http, WEB_SECONDS * 2); /* guests.h has the ones that count */
    return http;
}

static void
begin_listener(struct listener *listener)
{
    struct web_server *server = listener->server;
    evutil_socket_t fd = event_get_fd(listener->closed);
    event_free(listener->closed);
    listener->closed = NULL;
    listener->accepts =
        evconnlistener_new(server->events, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    g_assert(listener->accepts != NULL);
    evconnlistener_set_error_cb(listener->accepts, on_shortage);
    listener->http = new_http(listener);
    evhttp_bind_listener(listener->http, listener->accepts);
}

void
web_server_listen(struct web_server *server, int fd, gboolean tls)
{
    int on = 1;
    g_assert(server->n_listeners < LISTENERS);
    /* Those that are accepted here have it too: an answer in several records does not wait for the
     * first to be acknowledged. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct listener *listener = &server->listeners[server->n_listeners++];
    *listener = (struct listener){.server = server, .tls = tls};
    listener->closed =
        event_new(server->events, fd, EV_READ | EV_PERSIST, close_what_comes, listener);
    event_add(listener->closed, NULL);
    if (!tls || server->tls != NULL)
        begin_listener(listener);
}

gboolean
web_server_certificate(struct web_server *server, const char *chain, const char *key,
                       GError **error)
{
    struct ssl_ctx_st *tls = web_tls_new(chain, key, error);
    if (tls == NULL)
        return FALSE;
    web_tls_free(server->tls);
    server->tls = tls;
    for (guint i = 0; i < server->n_listeners; i++)
        if (server->listeners[i].tls && server->listeners[i].closed != NULL)
            begin_listener(&server->listeners[i]);
    return TRUE;
}

void
web_server_close(struct web_server *server, void (*ended)(void *context), void *context)
{
    server->ended = ended;
    server->whose = context;
    for (guint i = 0; i < server->n_listeners; i++)
        if (server->listeners[i].closed != NULL)
            event_del(server->listeners[i].closed);
        else
            evconnlistener_disable(server->listeners[i].accepts);
}

void
web_server_prepare(void)
{
    web_tls_prepare();
}

/* ---- the whole ---- */

struct web_server *
web_server_new(struct event_base *events, web_handler handler, void *context)
{
    const struct timeval second = {.tv_sec = 1};
    struct web_server *server = g_new0(struct web_server, 1);
    *server = (struct web_server){.events = events, .handler = handler, .context = context};
    server->guests = guests_new(NULL);
    event_assign(&server->admits, events, -1, 0, on_new_ones, server);
    event_assign(&server->tick, events, -1, EV_PERSIST, on_tick, server);
    event_add(&server->tick, &second);
    return server;
}

void
web_server_free(struct web_server *server)
{
    if (server == NULL)
        return;
    for (guint i = 0; i < server->n_listeners; i++)
        if (server->listeners[i].closed != NULL)
            event_free(server->listeners[i].closed);
        else
            evhttp_free(server->listeners[i].http); /* and what accepts for it */
    event_del(&server->admits);
    event_del(&server->tick);
    guests_free(server->guests);
    web_tls_free(server->tls);
    g_free(server);
}

guint
web_server_clients(const struct web_server *server)
{
    return guests_count(server->guests);
}
