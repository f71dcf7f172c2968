#include "netsvc/dns/forward/ask.h"

#include "netsvc/bytes.h"
#include "netsvc/dns/dns.h"
#include "netsvc/dns/forward/relay.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define DATAGRAM_MAX 4096 /* we ask for QUERY_UDP_MAX at most */
#define STRANGERS_MAX 16  /* answers that do not match, after which UDP is not trusted */
#define READS_MAX 64      /* datagrams in one go */
#define LENGTH_SIZE 2     /* before each message by TCP, RFC 1035 4.2.2 */

struct ask {
    struct event_base *events;
    struct sockaddr_storage address;
    socklen_t address_size;
    guint8 wire[ASK_SIZE_MAX];
    gsize size, end;
    gboolean fold;
    ask_done *done;
    void *context;

    int fd; /* UDP; -1: by TCP */
    struct event *event;
    struct bufferevent *tcp;
    guint strangers;
    enum ask_outcome outcome; /* of what ended it before it began */
};

static void
close_udp(struct ask *ask)
{
    g_clear_pointer(&ask->event, event_free);
    if (ask->fd >= 0)
        close(fd_steal(&ask->fd));
}

void
ask_free(struct ask *ask)
{
    if (ask == NULL)
        return;
    close_udp(ask);
    g_clear_pointer(&ask->tcp, bufferevent_free);
    g_free(ask);
}

/* ---- TCP ---- */

static void
on_tcp_data(struct bufferevent *tcp, void *context)
{
    struct ask *ask = context;
    struct evbuffer *input = bufferevent_get_input(tcp);
    guint8 head[LENGTH_SIZE];
    if (evbuffer_copyout(input, head, sizeof head) < LENGTH_SIZE)
        return;
    gsize size = bytes_get16(head);
    if (evbuffer_get_length(input) < LENGTH_SIZE + size)
        return;
    const guint8 *wire = evbuffer_pullup(input, (ev_ssize_t)(LENGTH_SIZE + size)) + LENGTH_SIZE;
    gboolean matches = relay_matches(ask->wire, ask->end, wire, size, ask->fold);
    bufferevent_disable(tcp, EV_READ);
    ask->done(ask->context, matches ? ASK_ANSWERED : ASK_FAILED, matches ? wire : NULL,
              matches ? size : 0);
}

static void
on_tcp_event(struct bufferevent *tcp, short what, void *context)
{
    struct ask *ask = context;
    if ((what & BEV_EVENT_CONNECTED) != 0)
        return;
    bufferevent_disable(tcp, EV_READ | EV_WRITE);
    ask->done(ask->context, ASK_FAILED, NULL, 0);
}

/* FALSE: that cannot even be begun. */
static gboolean
begin_tcp(struct ask *ask)
{
    guint8 head[LENGTH_SIZE];
    bytes_put16(head, (guint)ask->size);
    close_udp(ask);
    ask->tcp =
        bufferevent_socket_new(ask->events, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (ask->tcp == NULL)
        return FALSE;
    bufferevent_setcb(ask->tcp, on_tcp_data, NULL, on_tcp_event, ask);
    bufferevent_setwatermark(ask->tcp, EV_READ, 0, LENGTH_SIZE + DNS_TCP_MAX);
    bufferevent_write(ask->tcp, head, sizeof head);
    bufferevent_write(ask->tcp, ask->wire, ask->size);
    bufferevent_enable(ask->tcp, EV_READ | EV_WRITE);
    return bufferevent_socket_connect(ask->tcp, (struct sockaddr *)&ask->address,
                                      (int)ask->address_size) == 0;
}

/* ---- UDP ---- */

static gboolean
is_unreachable(int errnum)
{
    return errnum == ECONNREFUSED || errnum == ENETUNREACH || errnum == EHOSTUNREACH ||
           errnum == ENETDOWN || errnum == EHOSTDOWN || errnum == EADDRNOTAVAIL;
}

/* What ends it before it began is told from the loop. */
static void
on_end(evutil_socket_t fd, short what, void *context)
{
    struct ask *ask = context;
    (void)fd;
    (void)what;
    ask->done(ask->context, ask->outcome, NULL, 0);
}

static void
end_later(struct ask *ask, enum ask_outcome outcome)
{
    static const struct timeval at_once = {0, 0};
    close_udp(ask);
    ask->outcome = outcome;
    ask->event = event_new(ask->events, -1, EV_TIMEOUT, on_end, ask);
    event_add(ask->event, &at_once);
}

static void
go_on_by_tcp(struct ask *ask)
{
    if (!begin_tcp(ask)) {
        g_clear_pointer(&ask->tcp, bufferevent_free);
        end_later(ask, ASK_FAILED);
    }
}

/* FALSE: it is over, or goes on by TCP. */
static gboolean
take_datagram(struct ask *ask, const guint8 *wire, gsize size)
{
    if (!relay_matches(ask->wire, ask->end, wire, MIN(size, DATAGRAM_MAX), ask->fold)) {
        if (++ask->strangers < STRANGERS_MAX)
            return TRUE;
        go_on_by_tcp(ask);
        return FALSE;
    }
    if (size > DATAGRAM_MAX || (wire[2] & FLAG_TC >> 8) != 0)
        go_on_by_tcp(ask);
    else
        ask->done(ask->context, ASK_ANSWERED, wire, size);
    return FALSE;
}

static void
on_datagram(evutil_socket_t fd, short what, void *context)
{
    struct ask *ask = context;
    guint8 wire[DATAGRAM_MAX];
    (void)what;
    for (guint i = 0; i < READS_MAX; i++) {
        ssize_t size = recv(fd, wire, sizeof wire, MSG_TRUNC);
        if (size < 0 && is_unreachable(errno)) {
            ask->done(ask->context, ASK_UNREACHABLE, NULL, 0);
            return;
        }
        if (size < 0 || !take_datagram(ask, wire, (gsize)size))
            return;
    }
}

static gboolean
begin_udp(struct ask *ask)
{
    ask->fd =
        socket(ask->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
    if (ask->fd < 0 || connect(ask->fd, (struct sockaddr *)&ask->address, ask->address_size) != 0 ||
        send(ask->fd, ask->wire, ask->size, 0) < 0)
        return FALSE;
    ask->event = event_new(ask->events, ask->fd, EV_READ | EV_PERSIST, on_datagram, ask);
    event_add(ask->event, NULL);
    return TRUE;
}

struct ask *
ask_new(struct event_base *events, const struct ask_to *to, const guint8 *wire, gsize size,
        gsize end, gboolean fold, ask_done *done, void *context)
{
    struct ask *ask = g_new0(struct ask, 1);
    g_assert(size <= sizeof ask->wire && end <= size && to->size <= sizeof ask->address);
    *ask = (struct ask){.events = events,
                        .address_size = to->size,
                        .size = size,
                        .end = end,
                        .fold = fold,
                        .done = done,
                        .context = context,
                        .fd = -1};
    memcpy(&ask->address, to->address, to->size);
    memcpy(ask->wire, wire, size);
    if (!begin_udp(ask))
        end_later(ask, is_unreachable(errno) ? ASK_UNREACHABLE : ASK_FAILED);
    return ask;
}
