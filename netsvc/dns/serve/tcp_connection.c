#include "netsvc/bytes.h"
#include "netsvc/dns/serve/tcp_inside.h"

#include <errno.h>
#include <sys/uio.h>

#define HEADER_SIZE 12   /* bytes of a message at least (RFC 1035, 4.1.1) */
#define FLAG_ANSWER 0x80 /* QR, in the header's third byte */

/* ---- the end of a connection ---- */

static void
pop_stream(struct connection *connection)
{
    struct stream *stream = connection->streams;
    connection->streams = stream->next;
    connection->outstanding--;
    stream->role.end(stream->role.context);
    g_free(stream);
}

void
tcp_connection_drop(struct connection *connection)
{
    g_assert(!connection->serving);
    event_del(&connection->readable);
    event_del(&connection->writable);
    close(connection->fd);
    connection->fd = -1;
    connection->asker.connection = 0;
    backlog_clear(&connection->in);
    backlog_clear(&connection->out);
    while (connection->streams != NULL)
        pop_stream(connection);
    connection->tcp->counts.connections--;
}

void
tcp_connection_cut(struct connection *connection)
{
    connection->tcp->counts.cut++;
    tcp_connection_drop(connection);
}

static gboolean
is_held_back(const struct connection *connection)
{
    return backlog_size(&connection->out) > 0 ||
           connection->outstanding >= connection->tcp->role.outstanding;
}

static void
await(struct event *event, gboolean *awaited, gboolean wanted)
{
    if (*awaited == wanted)
        return;
    *awaited = wanted;
    if (wanted)
        event_add(event, NULL);
    else
        event_del(event);
}

/* ---- what comes next ---- */

/* The size of the whole message that `data` begins with; 0: there is none. */
static gsize
whole_message(const guint8 *data, gsize size)
{
    if (size < TCP_PREFIX)
        return 0;
    gsize message = TCP_PREFIX + bytes_get16(data);
    return message <= size ? message : 0;
}

static gboolean
has_query(const struct connection *connection)
{
    const struct backlog *in = &connection->in;
    return backlog_size(in) > 0 && whole_message(backlog_bytes(in), backlog_size(in)) > 0;
}

/* After anything that happened to it. It may be gone then. */
void
tcp_connection_settle(struct connection *connection)
{
    gboolean waiting = has_query(connection);
    if (connection->broken)
        tcp_connection_cut(connection);
    else if (connection->ended && !tcp_is_busy(connection) && !waiting)
        tcp_connection_drop(connection);
    else {
        await(&connection->readable, &connection->reads,
              !connection->ended && !is_held_back(connection));
        await(&connection->writable, &connection->writes,
              backlog_size(&connection->out) > 0 || connection->streams != NULL);
        if (waiting && !is_held_back(connection))
            event_active(&connection->readable, EV_READ, 0);
    }
}

/* Whoever would have all hold too much is cut. */
static void
check_held(struct connection *connection)
{
    const struct tcp *tcp = connection->tcp;
    if (tcp->held > tcp->role.held && (connection->in.room > 0 || connection->out.room > 0))
        connection->broken = TRUE;
}

/* ---- answers ---- */

/* What waits already, then `data`; what the socket does not take waits. */
static void
write_out(struct connection *connection, const struct iovec *data, int count)
{
    struct backlog *out = &connection->out;
    struct iovec parts[3] = {{(void *)(out->data + out->start), backlog_size(out)}};
    gsize waiting = backlog_size(out);
    g_assert(count <= 2);
    for (int i = 0; i < count; i++)
        parts[1 + i] = data[i];
    struct iovec *first = waiting > 0 ? parts : parts + 1;
    struct msghdr message = {.msg_iov = first,
                             .msg_iovlen = (gsize)(count + (waiting > 0 ? 1 : 0))};
    ssize_t sent = sendmsg(connection->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        connection->broken = TRUE;
        return;
    }
    gsize gone = sent > 0 ? (gsize)sent : 0;
    if (gone > 0)
        connection->active = connection->tcp->now;
    gsize off = MIN(gone, waiting);
    backlog_drop(out, off);
    gone -= off;
    for (int i = 0; i < count; i++) {
        off = MIN(gone, data[i].iov_len);
        backlog_add(out, (const guint8 *)data[i].iov_base + off, data[i].iov_len - off);
        gone -= off;
    }
    if (backlog_size(out) == 0)
        connection->drained = connection->tcp->now;
    if (backlog_size(out) > TCP_BUFFERED)
        connection->broken = TRUE;
    check_held(connection);
}

static void
put_prefix(guint8 *at, gsize size)
{
    bytes_put16(at, (guint)size);
}

static struct connection *
find(const struct tcp *tcp, guint64 number)
{
    struct connection *connection = &tcp->connections[number % tcp->role.connections];
    return number != 0 && connection->fd >= 0 && connection->asker.connection == number ? connection
                                                                                        : NULL;
}

void
tcp_send(struct tcp *tcp, guint64 number, const guint8 *wire, gsize size)
{
    struct connection *connection = find(tcp, number);
    guint8 prefix[TCP_PREFIX];
    if (connection == NULL || connection->broken)
        return;
    g_assert(size <= DNS_TCP_MAX && connection->outstanding > 0);
    connection->outstanding--;
    put_prefix(prefix, size);
    if (connection->serving) {
        backlog_add(&connection->out, prefix, TCP_PREFIX);
        backlog_add(&connection->out, wire, size);
        return;
    }
    const struct iovec data[] = {{prefix, TCP_PREFIX}, {(void *)wire, size}};
    write_out(connection, data, G_N_ELEMENTS(data));
    /* Who is told of it may be in the middle of something: the loop goes on with what waits. */
    if (connection->broken || connection->ended || backlog_size(&connection->in) > 0)
        event_active(&connection->readable, EV_READ, 0);
    else
        tcp_connection_settle(connection);
}

/* ---- queries ---- */

/* Serves one; gives the bytes that its answer takes at `out`, prefix and all. */
static gsize
serve(struct connection *connection, const guint8 *wire, gsize size, guint8 *out)
{
    struct tcp *tcp = connection->tcp;
    if (size < HEADER_SIZE || (wire[2] & FLAG_ANSWER) != 0) {
        connection->broken = TRUE;
        return 0;
    }
    connection->outstanding++;
    tcp->counts.queries++;
    gsize answer =
        tcp->role.serve(tcp->role.context, &connection->asker, wire, size, out + TCP_PREFIX);
    g_assert(answer <= DNS_TCP_MAX);
    if (answer == 0)
        return 0;
    connection->outstanding--;
    put_prefix(out, answer);
    return TCP_PREFIX + answer;
}

/* All that can be served of `in`'s first `size` bytes; the rest waits. */
static void
work(struct connection *connection, gsize size)
{
    struct tcp *tcp = connection->tcp;
    gsize used = 0, filled = 0, message;
    connection->serving = TRUE;
    while (!connection->broken && !is_held_back(connection) &&
           (message = whole_message(tcp->in + used, size - used)) > 0) {
        filled +=
            serve(connection, tcp->in + used + TCP_PREFIX, message - TCP_PREFIX, tcp->out + filled);
        used += message;
        if (TCP_OUT - filled < TCP_MESSAGE_ROOM) {
            write_out(connection, &(struct iovec){tcp->out, filled}, 1);
            filled = 0;
        }
    }
    connection->serving = FALSE;
    if (used > 0) {
        connection->active = tcp->now;
        connection->asked = TRUE;
    }
    /* Who is cut for what he sent still gets the answers to what went before. */
    if (filled > 0 || backlog_size(&connection->out) > 0)
        write_out(connection, &(struct iovec){tcp->out, filled}, 1);
    if (!connection->broken)
        backlog_add(&connection->in, tcp->in + used, size - used);
    check_held(connection);
}

/* What it kept comes first; more is read only where that holds no whole query. */
void
tcp_connection_take(struct connection *connection)
{
    struct tcp *tcp = connection->tcp;
    gsize kept = backlog_size(&connection->in);
    ssize_t got = 0;
    if (connection->broken || is_held_back(connection))
        return;
    if (kept > 0)
        memcpy(tcp->in, backlog_bytes(&connection->in), kept);
    if (!connection->ended && !has_query(connection)) {
        got = recv(connection->fd, tcp->in + kept, TCP_READ, MSG_DONTWAIT);
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            connection->broken = TRUE;
        else if (got == 0)
            connection->ended = TRUE;
    }
    if (connection->broken || (got <= 0 && !has_query(connection)))
        return;
    backlog_clear(&connection->in);
    work(connection, kept + (got > 0 ? (gsize)got : 0));
}

static void
on_readable(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;
    (void)fd;
    (void)what;
    tcp_connection_take(connection);
    tcp_connection_settle(connection);
}

/* ---- streams ---- */

/* A buffer full of messages; then others have their turn, for the socket stays writable. */
static void
run_streams(struct connection *connection)
{
    struct tcp *tcp = connection->tcp;
    gsize filled = 0;
    while (connection->streams != NULL && TCP_OUT - filled >= TCP_MESSAGE_ROOM) {
        struct tcp_stream *stream = &connection->streams->role;
        gssize size = stream->next(stream->context, tcp->out + filled + TCP_PREFIX);
        g_assert(size <= DNS_TCP_MAX);
        if (size < 0) {
            connection->broken = TRUE;
            return;
        }
        if (size == TCP_STREAM_END) {
            pop_stream(connection);
            continue;
        }
        put_prefix(tcp->out + filled, (gsize)size);
        filled += TCP_PREFIX + (gsize)size;
    }
    if (filled > 0)
        write_out(connection, &(struct iovec){tcp->out, filled}, 1);
}

static void
on_writable(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;
    (void)fd;
    (void)what;
    if (!connection->broken && backlog_size(&connection->out) > 0)
        write_out(connection, NULL, 0);
    /* Other queries have their turn between the messages of a stream. */
    if (connection->streams != NULL)
        tcp_connection_take(connection);
    if (!connection->broken && connection->streams != NULL && backlog_size(&connection->out) == 0)
        run_streams(connection);
    tcp_connection_settle(connection);
}

void
tcp_stream(const struct asker *asker, struct tcp_stream stream)
{
    struct connection *connection = find(asker->tcp, asker->connection);
    if (connection == NULL || connection->broken) {
        stream.end(stream.context);
        return;
    }
    /* Each is a query without an answer yet, so they are not many. */
    struct stream **last = &connection->streams;
    while (*last != NULL)
        last = &(*last)->next;
    *last = g_new(struct stream, 1);
    **last = (struct stream){stream, NULL};
    if (!connection->serving)
        event_active(&connection->readable, EV_READ, 0);
}

void
tcp_connection_begin(struct connection *connection)
{
    struct event_base *events = connection->tcp->events;
    event_assign(&connection->readable, events, connection->fd, EV_READ | EV_PERSIST, on_readable,
                 connection);
    event_assign(&connection->writable, events, connection->fd, EV_WRITE | EV_PERSIST, on_writable,
                 connection);
    tcp_connection_settle(connection);
}
