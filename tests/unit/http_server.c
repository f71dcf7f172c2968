#include "tests/unit/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#define DRIP_MILLISECONDS 50

struct http_server {
    server_callback callback;
    void *context;
    int listener;
    guint16 port;
    GThread *accepter;
    GMutex lock; /* of all below, and around the callback */
    GPtrArray *threads;
    GArray *sockets; /* int, open ones; each is closed by its thread */
    guint requests;
    guint64 sent;
    gboolean ending;
};

struct connection {
    struct http_server *server;
    int fd;
    GString *input;
};

/* ---- sending ---- */

static gboolean
send_all(int fd, const char *data, gsize size, gsize piece)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, piece != 0 ? MIN(size, piece) : size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return FALSE;
        data += sent;
        size -= (gsize)sent;
    }
    return TRUE;
}

static gboolean
send_data(struct connection *connection, const struct server_answer *answer, const char *data,
          gsize size)
{
    char head[32];
    int length = g_snprintf(head, sizeof head, "%" G_GSIZE_MODIFIER "x\r\n", size);
    gboolean chunked = answer->chunk != 0;
    gboolean done = (!chunked || send_all(connection->fd, head, (gsize)length, 0)) &&
                    send_all(connection->fd, data, size, answer->piece) &&
                    (!chunked || send_all(connection->fd, "\r\n", 2, 0));
    g_mutex_lock(&connection->server->lock);
    connection->server->sent += size;
    g_mutex_unlock(&connection->server->lock);
    return done;
}

/* TRUE when the connection may be used again. */
static gboolean
send_body(struct connection *connection, const struct server_answer *answer)
{
    gsize total = answer->body->len * MAX(answer->times, 1);
    gsize to = answer->cut || answer->stall ? MIN(answer->cut_at, total) : total;
    for (gsize at = 0; at < to;) {
        gsize inside = at % answer->body->len;
        gsize size = MIN(answer->body->len - inside, to - at);
        if (answer->chunk != 0)
            size = MIN(size, answer->chunk);
        if (!send_data(connection, answer, answer->body->str + inside, size))
            return FALSE;
        at += size;
    }
    if (answer->stall) {
        struct pollfd hung_up = {.fd = connection->fd, .events = POLLIN};
        while (poll(&hung_up, 1, answer->drip ? DRIP_MILLISECONDS : -1) == 0)
            if (!send_all(connection->fd, "\n", 1, 0))
                return FALSE;
    }
    if (answer->stall || answer->cut)
        return FALSE;
    return answer->chunk == 0 || send_all(connection->fd, "0\r\n\r\n", 5, 0);
}

static gboolean
send_answer(struct connection *connection, const struct server_answer *answer)
{
    g_autoptr(GString) head = g_string_new(NULL);
    g_string_append_printf(head, "HTTP/1.1 %u Status\r\nContent-Type: %s\r\n",
                           answer->status != 0 ? answer->status : 200, answer->type);
    if (answer->chunk != 0)
        g_string_append(head, "Transfer-Encoding: chunked\r\n");
    else
        g_string_append_printf(head, "Content-Length: %" G_GSIZE_FORMAT "\r\n",
                               answer->body->len * MAX(answer->times, 1));
    g_string_append_printf(head, "%s\r\n", answer->headers != NULL ? answer->headers : "");
    return send_all(connection->fd, head->str, head->len, 0) && send_body(connection, answer);
}

/* ---- receiving ---- */

/* Makes at least `size` bytes available. */
static gboolean
receive(struct connection *connection, gsize size)
{
    char buffer[65536];
    while (connection->input->len < size) {
        ssize_t got = recv(connection->fd, buffer, sizeof buffer, 0);
        if (got <= 0)
            return FALSE;
        g_string_append_len(connection->input, buffer, got);
    }
    return TRUE;
}

static gsize
body_size(const char *head)
{
    g_autofree char *lower = g_ascii_strdown(head, -1);
    const char *length = strstr(lower, "\r\ncontent-length:");
    return length != NULL
               ? (gsize)g_ascii_strtoull(length + strlen("\r\ncontent-length:"), NULL, 10)
               : 0;
}

static gboolean
serve_one(struct connection *connection)
{
    struct http_server *server = connection->server;
    char *end;
    while ((end = strstr(connection->input->str, "\r\n\r\n")) == NULL)
        if (!receive(connection, connection->input->len + 1))
            return FALSE;
    g_autofree char *head =
        g_strndup(connection->input->str, (gsize)(end + 2 - connection->input->str));
    gsize size = body_size(head), head_size = (gsize)(end + 4 - connection->input->str);
    if (!receive(connection, head_size + size))
        return FALSE;
    g_auto(GStrv) words = g_strsplit_set(head, " \r", 3);
    g_autoptr(GString) body = g_string_new(NULL);
    struct server_request request = {.method = words[0],
                                     .path = words[1],
                                     .headers = head,
                                     .body = {connection->input->str + head_size, size}};
    struct server_answer answer = {.type = "application/json", .body = body};
    g_mutex_lock(&server->lock);
    request.number = server->requests++;
    server->callback(server->context, &request, &answer);
    g_mutex_unlock(&server->lock);
    g_string_erase(connection->input, 0, (gssize)(head_size + size));
    return send_answer(connection, &answer);
}

static gpointer
serve(gpointer context)
{
    struct connection *connection = context;
    struct http_server *server = connection->server;
    while (serve_one(connection))
        ;
    g_mutex_lock(&server->lock);
    for (guint i = 0; i < server->sockets->len; i++)
        if (g_array_index(server->sockets, int, i) == connection->fd) {
            g_array_remove_index_fast(server->sockets, i);
            break;
        }
    close(connection->fd);
    g_mutex_unlock(&server->lock);
    g_string_free(connection->input, TRUE);
    g_free(connection);
    return NULL;
}

static gpointer
accept_all(gpointer context)
{
    struct http_server *server = context;
    for (int fd; (fd = accept(server->listener, NULL, NULL)) >= 0;) {
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *connection = g_new0(struct connection, 1);
        connection->server = server;
        connection->fd = fd;
        connection->input = g_string_new(NULL);
        g_mutex_lock(&server->lock);
        g_array_append_val(server->sockets, fd);
        if (server->ending)
            shutdown(fd, SHUT_RDWR);
        g_ptr_array_add(server->threads, g_thread_new("connection", serve, connection));
        g_mutex_unlock(&server->lock);
    }
    return NULL;
}

/* ---- the server ---- */

struct http_server *
http_server_new(server_callback callback, void *context)
{
    struct http_server *server = g_new0(struct http_server, 1);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    server->callback = callback;
    server->context = context;
    g_mutex_init(&server->lock);
    server->threads = g_ptr_array_new();
    server->sockets = g_array_new(FALSE, FALSE, sizeof(int));
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(server->listener, (struct sockaddr *)&address, size), ==, 0);
    g_assert_cmpint(listen(server->listener, 64), ==, 0);
    g_assert_cmpint(getsockname(server->listener, (struct sockaddr *)&address, &size), ==, 0);
    server->port = ntohs(address.sin_port);
    server->accepter = g_thread_new("accept", accept_all, server);
    return server;
}

void
http_server_free(struct http_server *server)
{
    if (server == NULL)
        return;
    g_mutex_lock(&server->lock);
    server->ending = TRUE;
    shutdown(server->listener, SHUT_RDWR);
    for (guint i = 0; i < server->sockets->len; i++)
        shutdown(g_array_index(server->sockets, int, i), SHUT_RDWR);
    g_mutex_unlock(&server->lock);
    g_thread_join(server->accepter);
    for (guint i = 0; i < server->threads->len; i++)
        g_thread_join(server->threads->pdata[i]);
    close(server->listener);
    g_ptr_array_unref(server->threads);
    g_array_free(server->sockets, TRUE);
    g_mutex_clear(&server->lock);
    g_free(server);
}

char *
http_server_url(struct http_server *server, const char *credentials)
{
    return g_strdup_printf("http://%s127.0.0.1:%u", credentials, server->port);
}

struct http *
http_server_client(struct http_server *server, guint stall_seconds)
{
    g_autofree char *url = http_server_url(server, "");
    g_autoptr(GError) error = NULL;
    struct http *http =
        http_new(&(struct http_options){.url = url, .stall_seconds = stall_seconds}, &error);
    g_assert_no_error(error);
    return http;
}

guint
http_server_requests(struct http_server *server)
{
    g_mutex_lock(&server->lock);
    guint requests = server->requests;
    g_mutex_unlock(&server->lock);
    return requests;
}

guint64
http_server_sent(struct http_server *server)
{
    g_mutex_lock(&server->lock);
    guint64 sent = server->sent;
    g_mutex_unlock(&server->lock);
    return sent;
}
