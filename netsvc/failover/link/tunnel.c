#include "netsvc/failover/link/tunnel.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOW 65536 /* bytes that wait: it goes on */

struct pipe {
    struct tunnel *tunnel;
    struct session *session;
    struct bufferevent *local;
    gboolean open;                   /* both ends are there */
    gboolean local_ended, far_ended; /* no more comes from there */
};

struct tunnel {
    struct link *link;
    GPtrArray *listeners;
    GPtrArray *pipes;
    guint opening;
};

/* ---- how many at once ---- */

static void
count_opening(struct tunnel *tunnel, int change)
{
    const guint before = tunnel->opening;
    tunnel->opening += (guint)change;
    for (guint i = 0; i < tunnel->listeners->len; i++)
        if (tunnel->opening >= TUNNEL_OPENING_MAX)
            evconnlistener_disable(tunnel->listeners->pdata[i]);
        else if (before >= TUNNEL_OPENING_MAX)
            evconnlistener_enable(tunnel->listeners->pdata[i]);
}

/* ---- the end ---- */

static void
reset_at_close(int fd)
{
    const struct linger at_once = {1, 0};
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void
forget(struct pipe *pipe)
{
    g_ptr_array_remove_fast(pipe->tunnel->pipes, pipe);
    if (!pipe->open)
        count_opening(pipe->tunnel, -1);
    session_free(pipe->session);
    bufferevent_free(pipe->local);
    g_free(pipe);
}

static void
break_off(struct pipe *pipe)
{
    reset_at_close(bufferevent_getfd(pipe->local));
    forget(pipe);
}

static gsize
unsent(const struct pipe *pipe)
{
    return evbuffer_get_length(bufferevent_get_output(pipe->local));
}

/* Both have said all, and it is on its way. */
static void
end_if_done(struct pipe *pipe)
{
    struct link *link = pipe->tunnel->link;
    if (!pipe->local_ended || !pipe->far_ended || unsent(pipe) > 0)
        return;
    if (pipe->session != NULL)
        link_let_leave(link, g_steal_pointer(&pipe->session));
    forget(pipe);
}

/* ---- from here to there ---- */

/* Whether all is sent. Else no more is read, and the end is not seen, before it is. */
static gboolean
send_all(struct pipe *pipe)
{
    struct evbuffer *input = bufferevent_get_input(pipe->local);
    gsize size;
    while ((size = evbuffer_get_length(input)) > 0) {
        if (session_unsent(pipe->session) > TUNNEL_HIGH) {
            bufferevent_disable(pipe->local, EV_READ);
            return FALSE;
        }
        size = MIN(size, WIRE_MAX);
        session_send(pipe->session, WIRE_DATA, evbuffer_pullup(input, (ev_ssize_t)size), size);
        evbuffer_drain(input, size);
    }
    return TRUE;
}

static void
on_local_read(struct bufferevent *buffers, void *context)
{
    (void)buffers;
    send_all(context);
}

static void
on_drained(void *context, struct session *session)
{
    struct pipe *pipe = context;
    (void)session;
    if (pipe->open && !pipe->local_ended && send_all(pipe))
        bufferevent_enable(pipe->local, EV_READ);
}

/* ---- from there to here ---- */

static void
on_take(void *context, struct session *session, guint8 kind, const guint8 *data, gsize size)
{
    struct pipe *pipe = context;
    if (kind == WIRE_DATA && !pipe->far_ended) {
        bufferevent_write(pipe->local, data, size);
        session_pause(session, unsent(pipe) > TUNNEL_HIGH);
    } else if (kind == WIRE_END && !pipe->far_ended) {
        pipe->far_ended = TRUE;
        if (unsent(pipe) == 0)
            bufferevent_trigger(pipe->local, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
    } else {
        break_off(pipe);
    }
}

static void
on_local_write(struct bufferevent *buffers, void *context)
{
    struct pipe *pipe = context;
    if (pipe->session != NULL)
        session_pause(pipe->session, FALSE);
    if (!pipe->far_ended || unsent(pipe) > 0)
        return;
    shutdown(bufferevent_getfd(buffers), SHUT_WR);
    end_if_done(pipe);
}

/* ---- the two ends ---- */

static void
on_gone(void *context, struct session *session, const char *why)
{
    struct pipe *pipe = context;
    (void)why;
    if (!pipe->local_ended || !pipe->far_ended) {
        break_off(pipe);
        return;
    }
    session_free(session);
    pipe->session = NULL;
    end_if_done(pipe);
}

static void
on_local_event(struct bufferevent *buffers, short what, void *context)
{
    struct pipe *pipe = context;
    (void)buffers;
    if ((what & BEV_EVENT_CONNECTED) != 0)
        return;
    if ((what & BEV_EVENT_EOF) == 0 || !pipe->open) {
        break_off(pipe);
        return;
    }
    pipe->local_ended = TRUE;
    session_send(pipe->session, WIRE_END, NULL, 0);
    end_if_done(pipe);
}

static void
open_pipe(struct pipe *pipe)
{
    pipe->open = TRUE;
    count_opening(pipe->tunnel, -1);
    session_trust(pipe->session);
    bufferevent_enable(pipe->local, EV_READ | EV_WRITE);
}

static void
on_greeted(void *context, struct session *session)
{
    struct pipe *pipe = context;
    if (session_hello(session)->purpose == WIRE_TUNNEL &&
        pairing_whose(&pipe->tunnel->link->pairing, session_pin(session)) == PAIRING_PEER)
        open_pipe(pipe);
    else
        break_off(pipe);
}

/* The session is still to come. */
static struct pipe *
make(struct tunnel *tunnel, int fd)
{
    struct pipe *pipe = g_new0(struct pipe, 1);
    pipe->tunnel = tunnel;
    pipe->local = bufferevent_socket_new(tunnel->link->world.events, fd,
                                         BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (pipe->local == NULL)
        g_error("out of memory");
    bufferevent_setcb(pipe->local, on_local_read, on_local_write, on_local_event, pipe);
    bufferevent_set_max_single_read(pipe->local, WIRE_MAX);
    bufferevent_set_max_single_write(pipe->local, WIRE_MAX * 4);
    bufferevent_setwatermark(pipe->local, EV_READ, 0, TUNNEL_HIGH);
    bufferevent_setwatermark(pipe->local, EV_WRITE, LOW, 0);
    bufferevent_disable(pipe->local, EV_READ);
    g_ptr_array_add(tunnel->pipes, pipe);
    count_opening(tunnel, 1);
    return pipe;
}

static struct session_ears
ears_of(struct pipe *pipe)
{
    return (struct session_ears){.greeted = on_greeted,
                                 .take = on_take,
                                 .drained = on_drained,
                                 .gone = on_gone,
                                 .context = pipe};
}

void
tunnel_take(struct tunnel *tunnel, struct session *session)
{
    const struct config_peer *source = &tunnel->link->config->source.address;
    if (source->size == 0 || tunnel->pipes->len >= TUNNEL_MAX || !link_is_up(tunnel->link)) {
        session_free(session);
        return;
    }
    struct pipe *pipe = make(tunnel, -1);
    const struct session_ears ears = ears_of(pipe);
    pipe->session = session;
    session_set_ears(session, &ears);
    session_greet(session, WIRE_TUNNEL);
    open_pipe(pipe);
    if (bufferevent_socket_connect(pipe->local, (const struct sockaddr *)&source->address,
                                   (int)source->size) != 0)
        break_off(pipe);
}

/* By the path in use; the other node may have fewer addresses. */
static const struct config_peer *
path_of(const struct link *link)
{
    gint64 since;
    const GArray *other = link->config->other->addresses;
    const int place = paths_place(link->paths, &since);
    return &g_array_index(other, struct config_peer,
                          place >= 0 && (guint)place < other->len ? (guint)place : 0);
}

/* A user who may not. */
static void
refuse(int fd)
{
    reset_at_close(fd);
    close(fd);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int size,
          void *context)
{
    struct tunnel *tunnel = context;
    (void)listener;
    (void)from;
    (void)size;
    if (tunnel->link->callers == NULL || !callers_admit(tunnel->link->callers, fd)) {
        refuse(fd);
        return;
    }
    struct pipe *pipe = make(tunnel, fd);
    if (tunnel->pipes->len > TUNNEL_MAX || !link_is_up(tunnel->link)) {
        break_off(pipe);
        return;
    }
    const struct session_ears ears = ears_of(pipe);
    pipe->session = session_call(&tunnel->link->world, path_of(tunnel->link), WIRE_TUNNEL, &ears);
}

/* ---- the whole ---- */

/* Where the other node follows this one through it. */
static void
tell_problem(struct link *link)
{
    const struct config_source *source = &link->config->source;
    const gboolean needed = link->config->own->couchdb == NULL && source->address.size == 0;
    if (needed)
        child_alert(link->child, "tunnel",
                    "the other node cannot follow this one through the link: of [source] url, %s",
                    source->problem != NULL ? source->problem : "there is none");
    else
        child_alert(link->child, "tunnel", "%s", "");
}

struct tunnel *
tunnel_new(struct link *link)
{
    struct tunnel *tunnel = g_new0(struct tunnel, 1);
    const GArray *sockets = child_sockets(link->child);
    tunnel->link = link;
    tunnel->listeners = g_ptr_array_new_with_free_func((GDestroyNotify)evconnlistener_free);
    tunnel->pipes = g_ptr_array_new();
    tell_problem(link);
    for (guint i = 0; i < sockets->len; i++) {
        const struct child_socket *socket = &g_array_index(sockets, struct child_socket, i);
        if (socket->what.kind == MESSAGE_TUNNEL)
            g_ptr_array_add(tunnel->listeners,
                            evconnlistener_new(link->world.events, on_accept, tunnel,
                                               LEV_OPT_CLOSE_ON_EXEC, 0, socket->fd));
    }
    return tunnel;
}

void
tunnel_cut(struct tunnel *tunnel)
{
    while (tunnel->pipes->len > 0)
        break_off(tunnel->pipes->pdata[0]);
}

void
tunnel_free(struct tunnel *tunnel)
{
    if (tunnel == NULL)
        return;
    tunnel_cut(tunnel);
    g_ptr_array_unref(tunnel->listeners);
    g_ptr_array_unref(tunnel->pipes);
    g_free(tunnel);
}

guint
tunnel_count(const struct tunnel *tunnel)
{
    return tunnel->pipes->len;
}
