/* channel: packets arrive whole and in order, however slow the other side is, and nonsense ends it.
 */
#include "netsvc/channel.h"

#include "lib/base/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#define MANY 5000

struct side {
    struct channel *channel;
    struct event_base *events;
    guint taken, closed, wanted;
    guint32 last;
    gboolean frees; /* itself, when it takes a packet */
    int fd;
};

static void
take(void *context, enum message_kind kind, const void *data, gsize size, int fd)
{
    struct side *side = context;
    g_assert_cmpint(kind, ==, MESSAGE_NAMES);
    side->taken++;
    if (size >= sizeof side->last)
        memcpy(&side->last, data, sizeof side->last);
    if (fd >= 0 && side->fd >= 0)
        close(side->fd);
    if (fd >= 0)
        side->fd = fd;
    if (side->frees)
        g_clear_pointer(&side->channel, channel_free);
    if (side->taken == side->wanted)
        event_base_loopbreak(side->events);
}

static void
closed(void *context)
{
    struct side *side = context;
    side->closed++;
    event_base_loopbreak(side->events);
}

static void
begin(struct side *side, int *other)
{
    int pair[2];
    *side = (struct side){.fd = -1};
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
    side->events = event_base_new();
    side->channel = channel_new(side->events, pair[0], take, closed, side);
    *other = pair[1];
}

static void
end(struct side *side)
{
    channel_free(side->channel);
    event_base_free(side->events);
    if (side->fd >= 0)
        close(side->fd);
}

/* Much more than a socket holds, to one that does not listen until all is sent. */
static void
test_order(void)
{
    struct side sender;
    int other;
    begin(&sender, &other);
    struct side taker = {.events = sender.events, .wanted = MANY, .fd = -1};
    g_autofree guint8 *packet = g_malloc0(MESSAGE_MAX - sizeof(struct message));
    for (guint32 i = 0; i < MANY; i++) {
        memcpy(packet, &i, sizeof i);
        channel_send(sender.channel, MESSAGE_NAMES, packet, 4 + i % 8000, -1);
    }
    g_assert_cmpuint(sender.closed, ==, 0);
    taker.channel = channel_new(taker.events, other, take, closed, &taker);
    event_base_dispatch(taker.events);
    g_assert_cmpuint(taker.taken, ==, MANY);
    g_assert_cmpuint(taker.last, ==, MANY - 1);
    channel_free(taker.channel);
    end(&sender);
}

static void
test_largest(void)
{
    struct side sender;
    int other;
    begin(&sender, &other);
    struct side taker = {.events = sender.events, .wanted = 2, .fd = -1};
    const gsize size = MESSAGE_MAX - sizeof(struct message);
    g_autofree guint8 *packet = g_malloc0(size);
    channel_send(sender.channel, MESSAGE_NAMES, packet, size, -1);
    channel_send(sender.channel, MESSAGE_NAMES, NULL, 0, -1);
    taker.channel = channel_new(taker.events, other, take, closed, &taker);
    event_base_dispatch(taker.events);
    g_assert_cmpuint(taker.taken, ==, 2);
    channel_free(taker.channel);
    end(&sender);
}

/* Also one that had to wait, and that its sender has closed since. */
static void
test_descriptors(void)
{
    struct side sender;
    int other, pipes[2];
    char byte = 'x';
    begin(&sender, &other);
    struct side taker = {.events = sender.events, .wanted = 1000, .fd = -1};
    g_autofree guint8 *packet = g_malloc0(8000);
    for (guint i = 0; i < 999; i++)
        channel_send(sender.channel, MESSAGE_NAMES, packet, 8000, -1);
    g_assert_cmpint(pipe2(pipes, O_CLOEXEC), ==, 0);
    channel_send(sender.channel, MESSAGE_NAMES, packet, 8000, pipes[1]);
    close(pipes[1]);
    taker.channel = channel_new(taker.events, other, take, closed, &taker);
    event_base_dispatch(taker.events);
    g_assert_cmpint(taker.fd, >=, 0);
    g_assert_cmpint(fcntl(taker.fd, F_GETFD) & FD_CLOEXEC, !=, 0);
    g_assert_cmpint(write(taker.fd, &byte, 1), ==, 1);
    g_assert_cmpint(read(pipes[0], &byte, 1), ==, 1);
    close(pipes[0]);
    close(taker.fd);
    channel_free(taker.channel);
    end(&sender);
}

static guint
count_open(void)
{
    guint count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void
send_with(int socket, const int *fds, guint n)
{
    struct message head = {.kind = MESSAGE_NAMES};
    union {
        char bytes[CMSG_SPACE(8 * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = &head, .iov_len = sizeof head};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(rights), fds, n * sizeof(int));
    g_assert_cmpint(sendmsg(socket, &message, 0), ==, sizeof head);
}

/* A child that sends more than one at once would fill the parent's table, until nothing is started
 * any more. */
static void
test_many_descriptors(void)
{
    for (guint n = 2; n <= 8; n++) {
        struct side side;
        int other, fds[8];
        begin(&side, &other);
        for (guint i = 0; i < n; i++)
            fds[i] = other;
        const guint before = count_open();
        send_with(other, fds, n);
        event_base_loop(side.events, EVLOOP_ONCE);
        g_assert_cmpuint(side.closed, ==, 1);
        g_assert_cmpuint(side.taken, ==, 0);
        g_assert_cmpuint(count_open(), ==, before);
        end(&side);
        close(other);
    }
}

static void
test_nonsense(void)
{
    static const struct {
        struct message head;
        gsize size; /* that is sent */
    } cases[] = {
        {{MESSAGE_NAMES, 0}, 1},
        {{MESSAGE_NAMES, 0}, 7},
        {{MESSAGE_NAMES, 8}, 8},
        {{MESSAGE_NAMES, 0}, 9},
        {{MESSAGE_NAMES, 0xffffffff}, 16},
        {{MESSAGE_KINDS, 0}, 8},
        {{0xffffffff, 0}, 8},
        {{MESSAGE_NAMES, MESSAGE_MAX}, MESSAGE_MAX + 8},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct side side;
        int other;
        g_autofree guint8 *packet = g_malloc0(MESSAGE_MAX + 8);
        begin(&side, &other);
        memcpy(packet, &cases[i].head, sizeof cases[i].head);
        g_assert_cmpint(send(other, packet, cases[i].size, 0), ==, (gssize)cases[i].size);
        event_base_dispatch(side.events);
        g_assert_cmpuint(side.closed, ==, 1);
        g_assert_cmpuint(side.taken, ==, 0);
        /* nothing is taken, and sending is of no use */
        channel_send(side.channel, MESSAGE_NAMES, NULL, 0, -1);
        end(&side);
        close(other);
    }
}

static void
test_gone(void)
{
    struct side side;
    int other;
    begin(&side, &other);
    close(other);
    channel_send(side.channel, MESSAGE_NAMES, NULL, 0, -1);
    event_base_dispatch(side.events);
    g_assert_cmpuint(side.closed, ==, 1);
    end(&side);
}

/* One that listens never again is given up, with what was kept for it. */
static void
test_full(void)
{
    struct side side;
    int other;
    guint sent = 0;
    begin(&side, &other);
    g_autofree guint8 *packet = g_malloc0(60000);
    for (; side.closed == 0 && sent < 2 * CHANNEL_KEPT_MAX / 60000; sent++)
        channel_send(side.channel, MESSAGE_NAMES, packet, 60000, -1);
    g_assert_cmpuint(side.closed, ==, 1);
    g_assert_cmpuint(sent, >=, CHANNEL_KEPT_MAX / 60000);
    end(&side);
    close(other);
}

static void
test_frees(void)
{
    struct side side;
    int other;
    const struct message head = {MESSAGE_NAMES, 0};
    begin(&side, &other);
    side.frees = TRUE;
    side.wanted = 1;
    for (guint i = 0; i < 3; i++)
        g_assert_cmpint(send(other, &head, sizeof head, 0), ==, sizeof head);
    event_base_dispatch(side.events);
    g_assert_cmpuint(side.taken, ==, 1);
    end(&side);
    close(other);
}

static void
test_flush(void)
{
    struct side side;
    int other;
    begin(&side, &other);
    g_autofree guint8 *packet = g_malloc0(60000);
    for (guint i = 0; i < 20; i++)
        channel_send(side.channel, MESSAGE_NAMES, packet, 60000, -1);
    const gint64 began = g_get_monotonic_time();
    channel_flush(side.channel, 50); /* nobody listens: it gives up */
    g_assert_cmpint(g_get_monotonic_time() - began, >=, 50 * 1000);
    close(other);
    channel_flush(side.channel, 10 * 1000); /* nobody is there: at once */
    g_assert_cmpuint(side.closed, ==, 1);
    end(&side);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/channel/what does not fit waits, and comes in order", test_order);
    g_test_add_func("/channel/the largest packet comes whole, and the smallest", test_largest);
    g_test_add_func("/channel/descriptors come with their packets", test_descriptors);
    g_test_add_func("/channel/several descriptors at once end it, and none stays open",
                    test_many_descriptors);
    g_test_add_func("/channel/nonsense ends it", test_nonsense);
    g_test_add_func("/channel/so does the other side's end", test_gone);
    g_test_add_func("/channel/one that never listens is given up", test_full);
    g_test_add_func("/channel/it may be freed by who takes a packet", test_frees);
    g_test_add_func("/channel/a flush waits as long as it may", test_flush);
    return g_test_run();
}
