#include "netsvc/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define CONTROL_FDS 2    /* that fit where one does: the kernel fills what is rounded up */
#define TAKEN_AT_ONCE 64 /* packets, before others have their turn */

struct kept {
    guint8 *packet;
    gsize size;
    int fd;
};

struct channel {
    int fd;
    struct event *readable, *writable;
    GQueue kept; /* struct kept */
    gsize kept_size;
    channel_take take;
    channel_closed closed;
    void *context;
    gboolean is_closed;
    gboolean *freed; /* while a packet is taken: whether that freed the channel */
};

static void
kept_free(struct kept *kept)
{
    if (kept->fd >= 0)
        close(kept->fd);
    g_free(kept->packet);
    g_free(kept);
}

static void
close_it(struct channel *channel)
{
    if (channel->is_closed)
        return;
    channel->is_closed = TRUE;
    event_del(channel->readable);
    event_del(channel->writable);
    channel->closed(channel->context);
}

/* ---- sending ---- */

/* 0: sent. EAGAIN: it does not fit. */
static int
send_packet(int socket, const guint8 *packet, gsize size, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = (void *)packet, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &fd, sizeof fd);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent >= 0 ? 0 : errno == ENOBUFS ? EAGAIN : errno;
}

static void
send_kept(struct channel *channel)
{
    struct kept *kept;
    int error = 0;
    while ((kept = g_queue_peek_head(&channel->kept)) != NULL &&
           (error = send_packet(channel->fd, kept->packet, kept->size, kept->fd)) == 0) {
        channel->kept_size -= kept->size;
        kept_free(g_queue_pop_head(&channel->kept));
    }
    if (kept == NULL)
        event_del(channel->writable);
    else if (error != EAGAIN)
        close_it(channel);
}

static void
can_send(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    send_kept(context);
}

static void
keep(struct channel *channel, guint8 *packet, gsize size, int fd)
{
    struct kept *kept = g_new0(struct kept, 1);
    *kept = (struct kept){packet, size, fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1};
    g_queue_push_tail(&channel->kept, kept);
    channel->kept_size += size;
    if (channel->kept_size > CHANNEL_KEPT_MAX)
        close_it(channel);
    else
        event_add(channel->writable, NULL);
}

void
channel_send(struct channel *channel, enum message_kind kind, const void *data, gsize size, int fd)
{
    const struct message head = {.kind = kind, .size = (guint32)size};
    g_assert(sizeof head + size <= MESSAGE_MAX);
    if (channel->is_closed)
        return;
    g_autofree guint8 *packet = g_malloc(sizeof head + size);
    memcpy(packet, &head, sizeof head);
    if (size > 0)
        memcpy(packet + sizeof head, data, size);
    int error = g_queue_is_empty(&channel->kept)
                    ? send_packet(channel->fd, packet, sizeof head + size, fd)
                    : EAGAIN;
    if (error == EAGAIN)
        keep(channel, g_steal_pointer(&packet), sizeof head + size, fd);
    else if (error != 0)
        event_active(channel->readable, EV_READ, 0); /* which finds that it is closed */
}

void
channel_flush(struct channel *channel, int milliseconds)
{
    const gint64 until = g_get_monotonic_time() + milliseconds * (gint64)1000;
    while (!channel->is_closed && !g_queue_is_empty(&channel->kept)) {
        struct pollfd ready = {.fd = channel->fd, .events = POLLOUT};
        gint64 left = (until - g_get_monotonic_time() + 999) / 1000; /* rounded up */
        if (left <= 0 || poll(&ready, 1, (int)left) <= 0)
            return;
        send_kept(channel);
    }
}

/* ---- receiving ---- */

/* The one descriptor of a packet; -1: none. FALSE: there are more, all of which are closed. */
static gboolean
take_descriptor(struct msghdr *message, int *fd)
{
    int found[CONTROL_FDS];
    *fd = -1;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL;
         head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        const gsize count = MIN((head->cmsg_len - CMSG_LEN(0)) / sizeof(int), CONTROL_FDS);
        memcpy(found, CMSG_DATA(head), count * sizeof(int));
        if (count == 1 && *fd < 0) {
            *fd = found[0];
            continue;
        }
        for (gsize i = 0; i < count; i++)
            close(found[i]);
        return FALSE;
    }
    return TRUE;
}

/* -1: there is no more for now; 0: closed, or nonsense; else its size. */
static ssize_t
receive(int socket, guint8 *packet, int *fd)
{
    union {
        char bytes[CMSG_SPACE(CONTROL_FDS * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = packet, .iov_len = MESSAGE_MAX};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t size;
    do
        size = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == EAGAIN ? -1 : 0;
    const gboolean has_one = take_descriptor(&message, fd);
    const struct message *head = (const void *)packet;
    if (has_one && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
        (gsize)size >= sizeof *head && head->size == (gsize)size - sizeof *head &&
        head->kind < MESSAGE_KINDS)
        return size;
    if (*fd >= 0)
        close(*fd);
    return 0;
}

static void
has_come(evutil_socket_t socket, short what, void *context)
{
    struct channel *channel = context;
    gboolean freed = FALSE;
    g_autofree guint8 *packet = g_malloc(MESSAGE_MAX);
    (void)what;
    channel->freed = &freed;
    for (int i = 0; i < TAKEN_AT_ONCE; i++) {
        int fd = -1;
        ssize_t size = receive(socket, packet, &fd);
        const struct message *head = (const void *)packet;
        if (size < 0)
            break;
        if (size == 0)
            close_it(channel);
        else
            channel->take(channel->context, head->kind, head + 1, head->size, fd);
        if (freed)
            return;
        if (channel->is_closed)
            break;
    }
    channel->freed = NULL;
}

/* ---- the whole ---- */

struct channel *
channel_new(struct event_base *events, int fd, channel_take take, channel_closed closed,
            void *context)
{
    struct channel *channel = g_new0(struct channel, 1);
    channel->fd = fd;
    channel->take = take;
    channel->closed = closed;
    channel->context = context;
    g_queue_init(&channel->kept);
    channel->readable = event_new(events, fd, EV_READ | EV_PERSIST, has_come, channel);
    channel->writable = event_new(events, fd, EV_WRITE | EV_PERSIST, can_send, channel);
    event_add(channel->readable, NULL);
    return channel;
}

void
channel_free(struct channel *channel)
{
    if (channel == NULL)
        return;
    if (channel->freed != NULL)
        *channel->freed = TRUE;
    event_free(channel->readable);
    event_free(channel->writable);
    while (!g_queue_is_empty(&channel->kept))
        kept_free(g_queue_pop_head(&channel->kept));
    close(channel->fd);
    g_free(channel);
}
