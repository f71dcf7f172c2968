/* asked: an answer that is too long for a packet is told as one that is not there. */
#include "netsvc/child/asked.h"

#include "netsvc/message.h"
#include "netsvc/task.h"

#include <string.h>
#include <sys/socket.h>

struct asking {
    struct event_base *events;
    struct channel *channel;
    guint32 done;
    gsize size;
};

static void
take(void *context, enum message_kind kind, const void *data, gsize size, int fd)
{
    struct asking *asking = context;
    struct task_done head;
    g_assert_cmpint(kind, ==, MESSAGE_DONE);
    g_assert_cmpint(fd, <, 0);
    memcpy(&head, data, sizeof head);
    g_assert_cmpuint(head.number, ==, 7);
    asking->done = head.done;
    asking->size = size - sizeof head;
}

static void
closed(void *context)
{
    (void)context;
    g_assert_not_reached();
}

static void
answer(struct asking *asking, gsize size)
{
    g_autofree char *text = g_strnfill(size, ' ');
    asked_done(asking->channel, 7, TRUE, text, size);
    event_base_loop(asking->events, EVLOOP_ONCE);
}

static void
test_too_long(void)
{
    int pair[2];
    struct asking asking = {.events = event_base_new()};
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
    asking.channel = channel_new(asking.events, pair[0], take, closed, &asking);
    struct channel *other = channel_new(asking.events, pair[1], take, closed, &asking);
    answer(&asking, TASK_BODY_MAX);
    g_assert_true(asking.done);
    g_assert_cmpuint(asking.size, ==, TASK_BODY_MAX);
    answer(&asking, TASK_BODY_MAX + 1);
    g_assert_false(asking.done);
    g_assert_cmpuint(asking.size, <, 100);
    channel_free(asking.channel);
    channel_free(other);
    event_base_free(asking.events);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/asked/too long", test_too_long);
    return g_test_run();
}
