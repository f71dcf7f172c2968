/* Whatever the two paths between two nodes do, what one sends comes there in order and without a
 * gap, until it has lost the other: between them are proxies that stop and break at random. */
#include "tests/unit/two_nodes.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#define SECONDS 6
#define FRAME 16 /* bytes: epoch and number of the sender, in hex */

struct wire { /* one connection through a proxy */
    struct proxy *proxy;
    struct bufferevent *ends[2];
};

struct proxy {
    struct event_base *events;
    struct evconnlistener *listener;
    struct sockaddr_in to;
    GPtrArray *wires;
    gboolean stopped[2]; /* from the caller, to the caller */
};

/* ---- proxies ---- */

static void
wire_free(struct wire *wire)
{
    g_ptr_array_remove_fast(wire->proxy->wires, wire);
    bufferevent_free(wire->ends[0]);
    bufferevent_free(wire->ends[1]);
    g_free(wire);
}

static void
on_read(struct bufferevent *buffers, void *context)
{
    struct wire *wire = context;
    const gsize from = buffers == wire->ends[0] ? 0 : 1;
    if (!wire->proxy->stopped[from])
        bufferevent_write_buffer(wire->ends[1 - from], bufferevent_get_input(buffers));
}

static void
on_event(struct bufferevent *buffers, short what, void *context)
{
    (void)buffers;
    if ((what & BEV_EVENT_CONNECTED) == 0)
        wire_free(context);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int size,
          void *context)
{
    struct proxy *proxy = context;
    struct wire *wire = g_new0(struct wire, 1);
    (void)listener;
    (void)from;
    (void)size;
    wire->proxy = proxy;
    for (gsize i = 0; i < 2; i++) {
        wire->ends[i] =
            bufferevent_socket_new(proxy->events, i == 0 ? fd : -1, BEV_OPT_CLOSE_ON_FREE);
        bufferevent_setcb(wire->ends[i], on_read, NULL, on_event, wire);
        bufferevent_enable(wire->ends[i], EV_READ | EV_WRITE);
    }
    g_ptr_array_add(proxy->wires, wire);
    bufferevent_socket_connect(wire->ends[1], (const struct sockaddr *)&proxy->to,
                               sizeof proxy->to);
}

static struct proxy *
proxy_new(struct event_base *events, struct sockaddr_in to, struct config_peer *at)
{
    struct proxy *proxy = g_new0(struct proxy, 1);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    proxy->events = events;
    proxy->to = to;
    proxy->wires = g_ptr_array_new();
    proxy->listener = evconnlistener_new_bind(events, on_accept, proxy, LEV_OPT_CLOSE_ON_FREE, -1,
                                              (const struct sockaddr *)&address, (int)size);
    g_assert_nonnull(proxy->listener);
    getsockname(evconnlistener_get_fd(proxy->listener), (struct sockaddr *)&address, &size);
    memcpy(&at->address, &address, sizeof address);
    at->size = size;
    return proxy;
}

static void
proxy_free(struct proxy *proxy)
{
    while (proxy->wires->len > 0)
        wire_free(proxy->wires->pdata[0]);
    g_ptr_array_unref(proxy->wires);
    evconnlistener_free(proxy->listener);
    g_free(proxy);
}

/* What was held back is lost with its connection, as it is where TCP gave it up. */
static void
set(struct proxy *proxy, gboolean from, gboolean to)
{
    if ((proxy->stopped[0] && !from) || (proxy->stopped[1] && !to))
        while (proxy->wires->len > 0)
            wire_free(proxy->wires->pdata[0]);
    proxy->stopped[0] = from;
    proxy->stopped[1] = to;
}

/* ---- what is sent, and what comes ---- */

struct side {
    struct node *node;
    guint sent_epoch, sent;   /* by this one */
    guint heard_epoch, heard; /* from the other one */
    gsize total;
};

static void
send_next(struct side *side)
{
    char text[FRAME + 1];
    if (side->node->met != side->sent_epoch) {
        side->sent_epoch = side->node->met;
        side->sent = 0;
    }
    g_snprintf(text, sizeof text, "%08x%08x", side->sent_epoch, side->sent + 1);
    if (link_send(side->node->link, LINK_RELAY, text, FRAME))
        side->sent++;
}

static void
check_heard(struct side *side)
{
    const char *text = side->node->heard->str;
    for (gsize at = 0; at < side->node->heard->len; at += FRAME + 1) {
        guint epoch, number;
        g_assert_cmpint(text[at], ==, 'B');
        g_assert_cmpint(sscanf(text + at + 1, "%8x%8x", &epoch, &number), ==, 2);
        g_assert_cmpuint(epoch, >=, side->heard_epoch);
        g_assert_cmpuint(number, ==, epoch == side->heard_epoch ? side->heard + 1 : 1);
        side->heard_epoch = epoch;
        side->heard = number;
        side->total++;
    }
    g_string_truncate(side->node->heard, 0);
    g_assert_true(side->node->met == side->node->lost + (link_is_up(side->node->link) ? 1 : 0));
}

static void
step(struct two_nodes *both, struct side sides[2])
{
    for (guint i = 0; i < 2; i++)
        send_next(&sides[i]);
    two_nodes_turn(both);
    for (guint i = 0; i < 2; i++)
        check_heard(&sides[i]);
}

/* ---- the test ---- */

static void
put_between(struct two_nodes *both, struct node *caller, struct node *called,
            struct config_node *seen, struct proxy *proxies[TWO_NODES_PATHS])
{
    *seen = (struct config_node){.name = called->self.name,
                                 .addresses = g_array_new(FALSE, TRUE, sizeof(struct config_peer))};
    for (guint i = 0; i < TWO_NODES_PATHS; i++) {
        struct config_peer peer = {0};
        proxies[i] = proxy_new(both->events, node_address(called, i), &peer);
        g_array_append_val(seen->addresses, peer);
    }
    caller->config.other = seen;
}

static void
test_order(void)
{
    struct config_node seen[2];
    struct proxy *proxies[2][TWO_NODES_PATHS];
    struct two_nodes *both = two_nodes_new(TWO_NODES_PATHS);
    struct side sides[2] = {{.node = &both->a}, {.node = &both->b}};
    put_between(both, &both->a, &both->b, &seen[0], proxies[0]);
    put_between(both, &both->b, &both->a, &seen[1], proxies[1]);
    two_nodes_introduce(both);
    node_on(&both->a);
    node_on(&both->b);
    TURN_UNTIL(both, both->a.met == 1 && both->b.met == 1);
    const gint64 end = g_get_monotonic_time() + SECONDS * G_USEC_PER_SEC;
    while (g_get_monotonic_time() < end) {
        if (g_test_rand_int_range(0, 100) == 0) { /* a path as a whole, in one direction or both */
            const int path = g_test_rand_int_range(0, TWO_NODES_PATHS);
            const gboolean from_a = g_test_rand_int_range(0, 3) == 0,
                           from_b = g_test_rand_int_range(0, 3) == 0;
            set(proxies[0][path], from_a, from_b);
            set(proxies[1][path], from_b, from_a);
        }
        step(both, sides);
    }
    for (guint i = 0; i < 2 * TWO_NODES_PATHS; i++)
        set(proxies[i / TWO_NODES_PATHS][i % TWO_NODES_PATHS], FALSE, FALSE);
    const gsize before[2] = {sides[0].total, sides[1].total};
    const gint64 patience = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    while (sides[0].total == before[0] || sides[1].total == before[1]) {
        g_assert_cmpint(g_get_monotonic_time(), <, patience);
        step(both, sides);
    }
    g_test_message("%u and %u times met; %zu and %zu frames", both->a.met, both->b.met,
                   sides[0].total, sides[1].total);
    for (guint i = 0; i < 2; i++) {
        for (guint k = 0; k < TWO_NODES_PATHS; k++)
            proxy_free(proxies[i][k]);
        g_array_unref(seen[i].addresses);
    }
    two_nodes_free(both);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/paths/what is sent comes in order until the other is lost", test_order);
    return g_test_run();
}
