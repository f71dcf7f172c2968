#include "netsvc/failover/link/wire/session.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <linux/pkt_sched.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>

#define DRAINED 65536 /* bytes unsent: little */

struct session {
    struct session_ears ears;
    struct event_base *events;
    struct bufferevent *buffers; /* NULL: not connected yet */
    SSL *tls;                    /* the bufferevent's, once there is one */
    struct event *connecting;    /* NULL: it came in */
    int fd;                      /* until there is a bufferevent */
    struct event *limit;
    struct wire_hello own, other;
    guint8 pin[IDENTITY_PIN_SIZE];
    gboolean called, greeted, trusted, paused, ending;
    gint64 since, heard, sent;
    int refused; /* errno of a call that failed at once */
    guint busy;  /* calls of libevent's that go on */
    gboolean doomed;
};

gint64
session_now(void)
{
    return g_get_monotonic_time() / 1000;
}

/* ---- the end ---- */

static void
destroy(struct session *session)
{
    if (session->connecting != NULL)
        event_free(session->connecting);
    event_free(session->limit);
    if (session->buffers != NULL)
        bufferevent_free(session->buffers);
    else
        SSL_free(session->tls);
    if (session->fd >= 0)
        close(session->fd);
    g_free(session);
}

void
session_free(struct session *session)
{
    if (session == NULL)
        return;
    session->doomed = TRUE;
    if (session->busy == 0)
        destroy(session);
    else if (session->buffers != NULL)
        bufferevent_disable(session->buffers, EV_READ | EV_WRITE);
}

static void
leave(struct session *session)
{
    if (--session->busy == 0 && session->doomed)
        destroy(session);
}

static void
tell_gone(struct session *session, const char *why)
{
    event_del(session->limit);
    session->ending = TRUE;
    if (session->buffers != NULL)
        bufferevent_disable(session->buffers, EV_READ | EV_WRITE);
    if (!session->doomed)
        session->ears.gone(session->ears.context, session, why);
}

static void
limit_in(struct session *session, int milliseconds)
{
    const struct timeval time = {milliseconds / 1000, milliseconds % 1000 * 1000};
    event_add(session->limit, &time);
}

static void
on_limit(evutil_socket_t fd, short what, void *context)
{
    struct session *session = context;
    (void)fd;
    (void)what;
    session->busy++;
    tell_gone(session, session->ending ? NULL : "it takes too long");
    leave(session);
}

/* ---- frames that come ---- */

static void
take_hello(struct session *session, guint8 kind, const guint8 *data, gsize size)
{
    if (kind != WIRE_HELLO || !wire_read_hello(data, size, &session->other) ||
        !tls_pin(session->tls, session->pin) ||
        (session->called && session->other.purpose != session->own.purpose &&
         session->other.purpose != WIRE_REVOKED) ||
        (!session->called && session->other.purpose == WIRE_REVOKED)) {
        tell_gone(session, "it speaks no language of ours");
        return;
    }
    if (session->called)
        event_del(session->limit);
    session->greeted = TRUE;
    session->since = session->heard;
    session->ears.greeted(session->ears.context, session);
}

static void
take(struct session *session, guint8 kind, const guint8 *data, gsize size)
{
    session->heard = session_now();
    if (!session->greeted)
        take_hello(session, kind, data, size);
    else if (kind == WIRE_HELLO)
        tell_gone(session, "it greets twice");
    else if (session->ears.take != NULL)
        session->ears.take(session->ears.context, session, kind, data, size);
}

/* FALSE: there is no whole one. */
static gboolean
take_next(struct session *session)
{
    struct evbuffer *input = bufferevent_get_input(session->buffers);
    guint8 head[WIRE_HEAD], kind;
    gsize size;
    if (evbuffer_copyout(input, head, sizeof head) < WIRE_HEAD)
        return FALSE;
    if (!wire_read_head(head, session->trusted ? WIRE_MAX : WIRE_EARLY_MAX, &kind, &size)) {
        tell_gone(session, "it sends what is no frame");
        return FALSE;
    }
    if (evbuffer_get_length(input) < WIRE_HEAD + size)
        return FALSE;
    const guint8 *frame = evbuffer_pullup(input, (ev_ssize_t)(WIRE_HEAD + size));
    take(session, kind, frame + WIRE_HEAD, size);
    if (!session->doomed)
        evbuffer_drain(input, WIRE_HEAD + size);
    return !session->doomed && !session->ending;
}

static void
take_all(struct session *session)
{
    session->busy++;
    while (!session->paused && !session->ending && take_next(session))
        ;
    leave(session);
}

static void
on_read(struct bufferevent *buffers, void *context)
{
    (void)buffers;
    take_all(context);
}

static void
on_write(struct bufferevent *buffers, void *context)
{
    struct session *session = context;
    session->busy++;
    if (session->ending) {
        if (evbuffer_get_length(bufferevent_get_output(buffers)) == 0)
            tell_gone(session, NULL);
    } else if (session->greeted && session->ears.drained != NULL) {
        session->ears.drained(session->ears.context, session);
    }
    leave(session);
}

/* ---- the connection ---- */

/* As one side tells the other that it does not take its certificate (RFC 8446 section 6.2). */
static gboolean
is_refusal(int reason)
{
    return reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE ||
           reason == SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN ||
           reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA;
}

static const char *
tell_why(struct bufferevent *buffers, short what)
{
    unsigned long code = bufferevent_get_openssl_error(buffers);
    if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return "somebody else answers: its key is not the other node's";
    if (is_refusal(ERR_GET_REASON(code)))
        return "it takes this node for a stranger";
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    if (reason != NULL)
        return reason;
    return (what & BEV_EVENT_ERROR) != 0 && errno != 0 ? g_strerror(errno) : "it hung up";
}

static void
on_event(struct bufferevent *buffers, short what, void *context)
{
    struct session *session = context;
    guint8 hello[WIRE_HELLO_SIZE];
    session->busy++;
    if ((what & BEV_EVENT_CONNECTED) == 0) {
        tell_gone(session, tell_why(buffers, what));
    } else if (session->called) {
        wire_write_hello(&session->own, hello);
        session_send(session, WIRE_HELLO, hello, sizeof hello);
    }
    leave(session);
    ERR_clear_error();
}

/* A dead one is noticed within 10 s also where nobody minds its silence. */
static void
set_up_socket(int fd)
{
    static const int on = 1, idle = 4, between = 2, probes = 3, patience = 10000;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof between);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience);
}

/* On a slow cable a first copy through the tunnel must not keep the beats waiting. */
static void
set_class(int fd, enum wire_purpose purpose)
{
    static const int tos = IPTOS_LOWDELAY, priority = TC_PRIO_INTERACTIVE;
    if (purpose == WIRE_TUNNEL)
        return;
    if (setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos) != 0)
        setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
    setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority);
}

static void
begin_tls(struct session *session)
{
    session->buffers = bufferevent_openssl_socket_new(
        session->events, fd_steal(&session->fd), session->tls,
        session->called ? BUFFEREVENT_SSL_CONNECTING : BUFFEREVENT_SSL_ACCEPTING,
        BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (session->buffers == NULL)
        g_error("out of memory");
    bufferevent_setcb(session->buffers, on_read, on_write, on_event, session);
    bufferevent_setwatermark(session->buffers, EV_READ, 0, WIRE_HEAD + WIRE_MAX);
    bufferevent_setwatermark(session->buffers, EV_WRITE, DRAINED, 0);
    bufferevent_enable(session->buffers, EV_READ | EV_WRITE);
}

static void
on_connected(evutil_socket_t fd, short what, void *context)
{
    struct session *session = context;
    int cause = 0;
    socklen_t size = sizeof cause;
    session->busy++;
    if (session->refused != 0)
        tell_gone(session, g_strerror(session->refused));
    else if ((what & EV_WRITE) == 0) /* both, where this process was late */
        tell_gone(session, "no answer");
    else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &size) != 0 || cause != 0)
        tell_gone(session, g_strerror(cause));
    else
        begin_tls(session);
    leave(session);
}

static struct session *
make(const struct session_world *world, int fd, const struct session_ears *ears)
{
    struct session *session = g_new0(struct session, 1);
    session->events = world->events;
    session->ears = *ears;
    session->own = *world->hello;
    session->fd = fd;
    session->tls = tls_connection(world->tls);
    session->limit = evtimer_new(world->events, on_limit, session);
    session->heard = session->sent = session_now();
    return session;
}

/* A call that fails at once is told by on_connected, too, since the caller has no session yet. */
struct session *
session_call(const struct session_world *world, const struct config_peer *to,
             enum wire_purpose purpose, const struct session_ears *ears)
{
    static const struct timeval patience = {0, SESSION_CONNECT_MS * 1000};
    int fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct session *session = make(world, fd, ears);
    session->called = TRUE;
    session->own.purpose = purpose;
    limit_in(session, SESSION_CALL_MS);
    session->connecting =
        event_new(world->events, fd, fd < 0 ? 0 : EV_WRITE, on_connected, session);
    if (fd >= 0) {
        set_up_socket(fd);
        set_class(fd, purpose);
        if (connect(fd, (const struct sockaddr *)&to->address, to->size) == 0 ||
            errno == EINPROGRESS) {
            event_add(session->connecting, &patience);
            return session;
        }
    }
    session->refused = errno;
    event_active(session->connecting, EV_TIMEOUT, 0);
    return session;
}

struct session *
session_accept(const struct session_world *world, int fd, const struct session_ears *ears)
{
    struct session *session = make(world, fd, ears);
    set_up_socket(fd);
    limit_in(session, SESSION_ACCEPT_MS);
    begin_tls(session);
    return session;
}

void
session_set_ears(struct session *session, const struct session_ears *ears)
{
    session->ears = *ears;
}

/* ---- sending ---- */

gboolean
session_send(struct session *session, guint8 kind, const void *data, gsize size)
{
    guint8 head[WIRE_HEAD];
    if (session->doomed || session->ending || session->buffers == NULL)
        return TRUE; /* its owner is to hear of it, or knows */
    g_assert(size <= WIRE_MAX);
    struct evbuffer *output = bufferevent_get_output(session->buffers);
    if (evbuffer_get_length(output) + sizeof head + size > SESSION_UNSENT_MAX)
        return FALSE;
    wire_write_head(head, kind, size);
    evbuffer_add(output, head, sizeof head);
    if (size > 0)
        evbuffer_add(output, data, size);
    session->sent = session_now();
    return TRUE;
}

void
session_greet(struct session *session, enum wire_purpose purpose)
{
    guint8 hello[WIRE_HELLO_SIZE];
    session->own.purpose = purpose;
    set_class(bufferevent_getfd(session->buffers), purpose);
    wire_write_hello(&session->own, hello);
    session_send(session, WIRE_HELLO, hello, sizeof hello);
    event_del(session->limit);
}

gboolean
session_address(const struct session *session, struct sockaddr_storage *address)
{
    socklen_t size = sizeof *address;
    const int fd = session->buffers != NULL ? bufferevent_getfd(session->buffers) : -1;
    return fd >= 0 && getpeername(fd, (struct sockaddr *)address, &size) == 0;
}

void
session_end(struct session *session)
{
    session->ending = TRUE;
    limit_in(session, SESSION_END_MS);
    if (session->buffers == NULL)
        return;
    bufferevent_disable(session->buffers, EV_READ);
    bufferevent_setwatermark(session->buffers, EV_WRITE, 0, 0);
    if (session_unsent(session) == 0)
        bufferevent_trigger(session->buffers, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
}

/* What has come meanwhile is taken from the loop. */
void
session_pause(struct session *session, gboolean paused)
{
    if (session->paused == paused || session->buffers == NULL)
        return;
    session->paused = paused;
    if (paused) {
        bufferevent_disable(session->buffers, EV_READ);
    } else {
        bufferevent_enable(session->buffers, EV_READ);
        bufferevent_trigger(session->buffers, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
    }
}

void
session_trust(struct session *session)
{
    session->trusted = TRUE;
}

/* ---- what is known of it ---- */

gboolean
session_is_call(const struct session *session)
{
    return session->called;
}

const struct wire_hello *
session_hello(const struct session *session)
{
    return &session->other;
}

const guint8 *
session_pin(const struct session *session)
{
    return session->pin;
}

gboolean
session_export(struct session *session, guint8 out[TLS_EXPORT_SIZE])
{
    return tls_export(session->tls, out);
}

gsize
session_unsent(const struct session *session)
{
    return session->buffers == NULL ? 0
                                    : evbuffer_get_length(bufferevent_get_output(session->buffers));
}

gint64
session_since(const struct session *session)
{
    return session->since;
}

gint64
session_heard(const struct session *session)
{
    return session->heard;
}

gint64
session_sent(const struct session *session)
{
    return session->sent;
}
