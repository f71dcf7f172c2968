#include "netsvc/dns/serve/tcp.h"

#include "netsvc/dns/dns.h"
#include "netsvc/dns/serve/backlog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event_struct.h>
#include <netinet/tcp.h>
#include <sys/uio.h>

#define PREFIX 2 /* bytes of a message's length (RFC 1035, 4.2.2) */
#define MESSAGE_ROOM (PREFIX + DNS_TCP_MAX)
#define HEADER_SIZE 12       /* bytes of a message at least (RFC 1035, 4.1.1) */
#define FLAG_ANSWER 0x80     /* QR, in the header's third byte */
#define READ_SIZE (16 << 10) /* at once: a few hundred queries, a millisecond's work */
#define IN_SIZE (MESSAGE_ROOM + READ_SIZE)
#define OUT_SIZE (2 * MESSAGE_ROOM) /* written when no answer of any size fits any more */
#define ACCEPTS 16                  /* in a row, then others have their turn */
#define LISTENERS 64
#define CLIENT_SIZE 16

struct stream {
    struct tcp_stream role;
    struct stream *next;
};

struct connection {
    struct tcp *tcp;
    int fd; /* -1: nobody has it */
    struct asker asker;
    guint8 client[CLIENT_SIZE]; /* address, without the port */
    struct event readable, writable;
    gboolean reads, writes; /* which of them is awaited */
    struct backlog in;      /* a query in part, or such as have to wait */
    struct backlog out;
    struct stream *streams; /* the first one runs */
    guint outstanding;      /* streams are among them */
    gint64 active;          /* second of the last whole query, or when answers went out */
    gint64 drained;         /* second in which `out` was empty last */
    gboolean ended;         /* the peer sends no more */
    gboolean serving;       /* `serve` runs for it */
    gboolean broken;        /* is cut when it is safe to */
};

struct tcp {
    struct event_base *events;
    struct tcp_role role;
    struct event tick;
    struct event *listeners[LISTENERS];
    guint listener_count;
    gboolean deaf; /* out of descriptors: accepts nothing until the next tick */
    gint64 now;    /* the second of the last tick */
    guint64 next_number;
    struct tcp_counts counts;
    struct connection *connections; /* role.connections of them */
    guint8 in[IN_SIZE], out[OUT_SIZE];
};

static gint64
system_seconds(void)
{
    return g_get_monotonic_time() / G_USEC_PER_SEC;
}

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

static void
drop(struct connection *connection)
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

static void
cut(struct connection *connection)
{
    connection->tcp->counts.cut++;
    drop(connection);
}

static gboolean
is_busy(const struct connection *connection)
{
    return connection->outstanding > 0 || backlog_size(&connection->out) > 0;
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
    if (size < PREFIX)
        return 0;
    gsize message = PREFIX + ((gsize)data[0] << 8 | data[1]);
    return message <= size ? message : 0;
}

static gboolean
has_query(const struct connection *connection)
{
    const struct backlog *in = &connection->in;
    return backlog_size(in) > 0 && whole_message(backlog_bytes(in), backlog_size(in)) > 0;
}

/* After anything that happened to it. It may be gone then. */
static void
settle(struct connection *connection)
{
    gboolean waiting = has_query(connection);
    if (connection->broken)
        cut(connection);
    else if (connection->ended && !is_busy(connection) && !waiting)
        drop(connection);
    else {
        await(&connection->readable, &connection->reads,
              !connection->ended && !is_held_back(connection));
        await(&connection->writable, &connection->writes,
              backlog_size(&connection->out) > 0 || connection->streams != NULL);
        if (waiting && !is_held_back(connection))
            event_active(&connection->readable, EV_READ, 0);
    }
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
}

static void
put_prefix(guint8 *at, gsize size)
{
    at[0] = (guint8)(size >> 8);
    at[1] = (guint8)size;
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
    guint8 prefix[PREFIX];
    if (connection == NULL || connection->broken)
        return;
    g_assert(size <= DNS_TCP_MAX && connection->outstanding > 0);
    connection->outstanding--;
    put_prefix(prefix, size);
    if (connection->serving) {
        backlog_add(&connection->out, prefix, PREFIX);
        backlog_add(&connection->out, wire, size);
        return;
    }
    const struct iovec data[] = {{prefix, PREFIX}, {(void *)wire, size}};
    write_out(connection, data, G_N_ELEMENTS(data));
    /* Who is told of it may be in the middle of something: the loop goes on with what waits. */
    if (connection->broken || connection->ended || backlog_size(&connection->in) > 0)
        event_active(&connection->readable, EV_READ, 0);
    else
        settle(connection);
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
    gsize answer = tcp->role.serve(tcp->role.context, &connection->asker, wire, size, out + PREFIX);
    g_assert(answer <= DNS_TCP_MAX);
    if (answer == 0)
        return 0;
    connection->outstanding--;
    put_prefix(out, answer);
    return PREFIX + answer;
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
        filled += serve(connection, tcp->in + used + PREFIX, message - PREFIX, tcp->out + filled);
        used += message;
        if (OUT_SIZE - filled < MESSAGE_ROOM) {
            write_out(connection, &(struct iovec){tcp->out, filled}, 1);
            filled = 0;
        }
    }
    connection->serving = FALSE;
    if (used > 0)
        connection->active = tcp->now;
    /* Who is cut for what he sent still gets the answers to what went before. */
    if (filled > 0 || backlog_size(&connection->out) > 0)
        write_out(connection, &(struct iovec){tcp->out, filled}, 1);
    if (!connection->broken)
        backlog_add(&connection->in, tcp->in + used, size - used);
}

/* What it kept comes first; more is read only where that holds no whole query. */
static void
take(struct connection *connection)
{
    struct tcp *tcp = connection->tcp;
    gsize kept = backlog_size(&connection->in);
    ssize_t got = 0;
    if (kept > 0)
        memcpy(tcp->in, backlog_bytes(&connection->in), kept);
    if (!connection->ended && !has_query(connection)) {
        got = recv(connection->fd, tcp->in + kept, READ_SIZE, MSG_DONTWAIT);
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
    if (!connection->broken && !is_held_back(connection))
        take(connection);
    settle(connection);
}

/* ---- streams ---- */

/* A buffer full of messages; then others have their turn, for the socket stays writable. */
static void
run_streams(struct connection *connection)
{
    struct tcp *tcp = connection->tcp;
    gsize filled = 0;
    while (connection->streams != NULL && OUT_SIZE - filled >= MESSAGE_ROOM) {
        struct tcp_stream *stream = &connection->streams->role;
        gssize size = stream->next(stream->context, tcp->out + filled + PREFIX);
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
        filled += PREFIX + (gsize)size;
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
    if (!connection->broken && connection->streams != NULL && !is_held_back(connection))
        take(connection);
    if (!connection->broken && connection->streams != NULL && backlog_size(&connection->out) == 0)
        run_streams(connection);
    settle(connection);
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

/* ---- new connections ---- */

static void
client_of(const struct sockaddr_storage *address, guint8 client[CLIENT_SIZE])
{
    memset(client, 0, CLIENT_SIZE);
    if (address->ss_family == AF_INET6)
        memcpy(client, &((const struct sockaddr_in6 *)address)->sin6_addr, CLIENT_SIZE);
    else if (address->ss_family == AF_INET)
        memcpy(client, &((const struct sockaddr_in *)address)->sin_addr, sizeof(struct in_addr));
}

/* Of what may make room the one that has been idle longer. */
static struct connection *
longer_idle(struct connection *connection, struct connection *than)
{
    if (is_busy(connection) || connection->serving || connection->active >= connection->tcp->now ||
        (than != NULL && than->active <= connection->active))
        return than;
    return connection;
}

/* A place for this client, perhaps that of one that has been idle: one of its own where it has as
 * many as it may have. NULL: none. */
static struct connection *
make_room(struct tcp *tcp, const guint8 client[CLIENT_SIZE])
{
    struct connection *unused = NULL, *idle = NULL, *idle_same = NULL;
    guint same = 0;
    for (guint i = 0; i < tcp->role.connections; i++) {
        struct connection *connection = &tcp->connections[i];
        if (connection->fd < 0) {
            unused = connection;
            continue;
        }
        idle = longer_idle(connection, idle);
        if (memcmp(connection->client, client, CLIENT_SIZE) == 0) {
            idle_same = longer_idle(connection, idle_same);
            same++;
        }
    }
    if (same < tcp->role.per_client && unused != NULL)
        return unused;
    struct connection *leaves = same < tcp->role.per_client ? idle : idle_same;
    if (leaves != NULL)
        cut(leaves);
    return leaves;
}

void
tcp_adopt(struct tcp *tcp, int fd, const struct sockaddr_storage *address, socklen_t size)
{
    guint8 client[CLIENT_SIZE];
    client_of(address, client);
    if (tcp->counts.connections == 0)
        tcp->now = tcp->role.seconds();
    struct connection *connection = make_room(tcp, client);
    if (connection == NULL) {
        tcp->counts.refused++;
        close(fd);
        return;
    }
    /* Numbers of one place differ by the number of places, so that a number says which it is. */
    guint64 place = (guint64)(connection - tcp->connections);
    guint64 number = ++tcp->next_number * tcp->role.connections + place;
    *connection = (struct connection){
        .tcp = tcp,
        .fd = fd,
        .asker = {.fd = -1, .address = *address, .size = size, .tcp = tcp, .connection = number},
        .active = tcp->now,
        .drained = tcp->now,
    };
    memcpy(connection->client, client, CLIENT_SIZE);
    event_assign(&connection->readable, tcp->events, fd, EV_READ | EV_PERSIST, on_readable,
                 connection);
    event_assign(&connection->writable, tcp->events, fd, EV_WRITE | EV_PERSIST, on_writable,
                 connection);
    tcp->counts.connections++;
    tcp->counts.accepted++;
    settle(connection);
}

static void
on_connection(evutil_socket_t fd, short what, void *context)
{
    struct tcp *tcp = context;
    (void)what;
    for (guint i = 0; i < ACCEPTS; i++) {
        struct sockaddr_storage address = {0};
        socklen_t size = sizeof address;
        int accepted =
            accept4(fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0) {
            tcp_adopt(tcp, accepted, &address, size);
            continue;
        }
        /* Out of something: it would be told again at once, for ever. */
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            tcp->deaf = TRUE;
            for (guint j = 0; j < tcp->listener_count; j++)
                event_del(tcp->listeners[j]);
        }
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

void
tcp_listen(struct tcp *tcp, int fd)
{
    int on = 1;
    g_assert(tcp->listener_count < LISTENERS);
    /* Those that are accepted here have it too: an answer does not wait for the one before it to be
     * acknowledged. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct event *listener = event_new(tcp->events, fd, EV_READ | EV_PERSIST, on_connection, tcp);
    event_add(listener, NULL);
    tcp->listeners[tcp->listener_count++] = listener;
}

static void
close_listeners(struct tcp *tcp)
{
    for (; tcp->listener_count > 0; tcp->listener_count--)
        event_free(tcp->listeners[tcp->listener_count - 1]);
}

/* ---- time ---- */

guint
tcp_idle(const struct tcp *tcp)
{
    guint all = tcp->role.connections, spare = all - tcp->counts.connections;
    return spare >= all / 2 ? tcp->role.idle : MAX(1, tcp->role.idle * spare / MAX(1, all / 2));
}

void
tcp_sweep(struct tcp *tcp)
{
    guint idle = tcp_idle(tcp);
    tcp->now = tcp->role.seconds();
    for (guint i = 0; i < tcp->role.connections; i++) {
        struct connection *connection = &tcp->connections[i];
        if (connection->fd < 0)
            continue;
        guint patience = is_busy(connection) ? tcp->role.idle : idle;
        gboolean waits = backlog_size(&connection->out) > 0;
        if (tcp->now - connection->active >= patience ||
            (waits && tcp->now - connection->drained >= TCP_DRAIN))
            cut(connection);
    }
    for (guint i = 0; tcp->deaf && i < tcp->listener_count; i++)
        event_add(tcp->listeners[i], NULL);
    tcp->deaf = FALSE;
}

static void
on_tick(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    tcp_sweep(context);
}

/* ---- all ---- */

struct tcp *
tcp_new(struct event_base *events, const struct tcp_role *role)
{
    const struct timeval second = {.tv_sec = 1};
    struct tcp *tcp = g_new0(struct tcp, 1);
    tcp->events = events;
    tcp->role = *role;
    if (role->seconds == NULL)
        tcp->role.seconds = system_seconds;
    if (role->connections == 0)
        tcp->role.connections = TCP_CONNECTIONS;
    if (role->per_client == 0)
        tcp->role.per_client = TCP_PER_CLIENT;
    if (role->outstanding == 0)
        tcp->role.outstanding = TCP_OUTSTANDING;
    if (role->idle == 0)
        tcp->role.idle = TCP_IDLE;
    tcp->now = tcp->role.seconds();
    tcp->connections = g_new0(struct connection, tcp->role.connections);
    for (guint i = 0; i < tcp->role.connections; i++)
        tcp->connections[i].fd = -1;
    event_assign(&tcp->tick, events, -1, EV_PERSIST, on_tick, tcp);
    event_add(&tcp->tick, &second);
    return tcp;
}

void
tcp_close(struct tcp *tcp)
{
    close_listeners(tcp);
    for (guint i = 0; i < tcp->role.connections; i++) {
        struct connection *connection = &tcp->connections[i];
        if (connection->fd < 0)
            continue;
        guint64 before;
        do {
            before = tcp->counts.queries;
            if (!connection->broken && !is_held_back(connection))
                take(connection);
        } while (tcp->counts.queries > before);
        connection->ended = TRUE;
        settle(connection);
    }
}

void
tcp_free(struct tcp *tcp)
{
    if (tcp == NULL)
        return;
    close_listeners(tcp);
    for (guint i = 0; i < tcp->role.connections; i++)
        if (tcp->connections[i].fd >= 0)
            drop(&tcp->connections[i]);
    event_del(&tcp->tick);
    g_free(tcp->connections);
    g_free(tcp);
}

void
tcp_count(const struct tcp *tcp, struct tcp_counts *counts)
{
    *counts = tcp->counts;
}
