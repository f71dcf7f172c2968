#include "netsvc/dns/serve/tcp_inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>

#define ACCEPTS 16 /* in a row, then others have their turn */

static gint64
system_seconds(void)
{
    return g_get_monotonic_time() / G_USEC_PER_SEC;
}

/* ---- new connections ---- */

static void
client_of(const struct sockaddr_storage *address, guint8 client[TCP_CLIENT])
{
    memset(client, 0, TCP_CLIENT);
    if (address->ss_family == AF_INET6)
        memcpy(client, &((const struct sockaddr_in6 *)address)->sin6_addr, TCP_CLIENT);
    else if (address->ss_family == AF_INET)
        memcpy(client, &((const struct sockaddr_in *)address)->sin_addr, sizeof(struct in_addr));
}

/* Of what may make room the one that has been idle longer: one that has asked for a second at
 * least, one that has not yet at any time. */
static struct connection *
longer_idle(struct connection *connection, struct connection *than)
{
    gboolean rests = !connection->asked || connection->active < connection->tcp->now;
    if (!rests || tcp_is_busy(connection) || connection->serving)
        return than;
    if (than == NULL || connection->active != than->active)
        return than == NULL || connection->active < than->active ? connection : than;
    return connection->asker.connection < than->asker.connection ? connection : than;
}

/* A place for this client, perhaps that of one that has been idle: one of its own where it has as
 * many as it may have. NULL: none. */
static struct connection *
make_room(struct tcp *tcp, const guint8 client[TCP_CLIENT])
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
        if (memcmp(connection->client, client, TCP_CLIENT) == 0) {
            idle_same = longer_idle(connection, idle_same);
            same++;
        }
    }
    if (same < tcp->role.per_client && unused != NULL)
        return unused;
    struct connection *leaves = same < tcp->role.per_client ? idle : idle_same;
    if (leaves != NULL)
        tcp_connection_cut(leaves);
    return leaves;
}

/* Its descriptor, and what the kernel holds for it, are for another. FALSE: none is idle. */
static gboolean
cut_idlest(struct tcp *tcp)
{
    struct connection *idle = NULL;
    for (guint i = 0; i < tcp->role.connections; i++)
        if (tcp->connections[i].fd >= 0)
            idle = longer_idle(&tcp->connections[i], idle);
    if (idle != NULL)
        tcp_connection_cut(idle);
    return idle != NULL;
}

void
tcp_adopt(struct tcp *tcp, int fd, const struct sockaddr_storage *address, socklen_t size)
{
    guint8 client[TCP_CLIENT];
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
        .in.held = &tcp->held,
        .out.held = &tcp->held,
        .active = tcp->now,
        .drained = tcp->now,
    };
    memcpy(connection->client, client, TCP_CLIENT);
    tcp->counts.connections++;
    tcp->counts.accepted++;
    tcp_connection_begin(connection);
}

static gboolean
is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
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
        const int cause = errno;
        if (is_shortage(cause) && cut_idlest(tcp))
            continue;
        /* Out of something: it would be told again at once, for ever. */
        if (is_shortage(cause)) {
            tcp->deaf = TRUE;
            for (guint j = 0; j < tcp->listener_count; j++)
                event_del(tcp->listeners[j]);
        }
        if (cause != ECONNABORTED && cause != EINTR)
            return;
    }
}

void
tcp_listen(struct tcp *tcp, int fd)
{
    int on = 1;
    g_assert(tcp->listener_count < TCP_LISTENERS);
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
        guint patience = tcp_is_busy(connection) ? tcp->role.idle : idle;
        gboolean waits = backlog_size(&connection->out) > 0;
        if (tcp->now - connection->active >= patience ||
            (waits && tcp->now - connection->drained >= TCP_DRAIN))
            tcp_connection_cut(connection);
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
    if (role->held == 0)
        tcp->role.held = TCP_HELD;
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
            tcp_connection_take(connection);
        } while (tcp->counts.queries > before);
        connection->ended = TRUE;
        tcp_connection_settle(connection);
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
            tcp_connection_drop(&tcp->connections[i]);
    event_del(&tcp->tick);
    g_free(tcp->connections);
    g_free(tcp);
}

void
tcp_count(const struct tcp *tcp, struct tcp_counts *counts)
{
    *counts = tcp->counts;
}
