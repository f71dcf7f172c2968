/* Two nodes' links over loopback. */
#include "tests/unit/two_nodes.h"

#include "netsvc/failover/link/keys/tls.h"
#include "netsvc/failover/link/wire/wire.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>

static struct two_nodes *
two_met(guint paths)
{
    struct two_nodes *both = two_nodes_new(paths);
    two_nodes_introduce(both);
    node_on(&both->a);
    node_on(&both->b);
    TURN_UNTIL(both, both->a.met == 1 && both->b.met == 1);
    return both;
}

static void
test_they_meet_and_talk(void)
{
    AUTO(two_nodes) *both = two_met(1);
    g_assert_true(link_is_up(both->a.link));
    g_assert_true(link_send(both->a.link, LINK_PROTOCOL, "one", 3));
    g_assert_true(link_send(both->a.link, LINK_RELAY, "", 0));
    g_assert_true(link_send(both->b.link, LINK_NOTE, "two", 3));
    TURN_UNTIL(both, both->b.heard->len == 5 && both->a.heard->len == 4);
    g_assert_cmpstr(both->b.heard->str, ==, "AoneB");
    g_assert_cmpstr(both->a.heard->str, ==, "Ctwo");
    g_assert_cmpuint(both->a.paired, ==, 1); /* they had not talked before */
    g_assert_cmpuint(both->a.lost + both->b.lost, ==, 0);
}

static void
test_who_ends_is_lost_and_met_again(void)
{
    AUTO(two_nodes) *both = two_met(2);
    for (guint i = 1; i <= 5; i++) {
        node_off(&both->b);
        TURN_UNTIL(both, both->a.lost == i);
        g_assert_false(link_is_up(both->a.link));
        g_assert_false(link_send(both->a.link, LINK_PROTOCOL, "x", 1));
        node_on(&both->b);
        TURN_UNTIL(both, both->a.met == i + 1 && both->b.met == i + 1);
    }
    g_assert_cmpuint(both->a.paired, ==, 1);
    g_assert_cmpuint(both->b.paired, ==, 1);
}

static void
test_another_key_is_a_stranger(void)
{
    AUTO(two_nodes) *both = two_met(1);
    node_off(&both->b);
    TURN_UNTIL(both, both->a.lost == 1);
    g_assert_cmpint(unlinkat(both->b.scratch->fd, "identity.pem", 0), ==, 0);
    g_assert_cmpint(unlinkat(both->b.scratch->fd, "pairing", 0), ==, 0);
    node_on(&both->b);
    g_autoptr(GString) status = g_string_new(NULL);
    while (strstr(status->str, "its key is not the other node's") == NULL) {
        g_string_assign(status, "{");
        link_append(both->a.link, status);
        two_nodes_turn(both);
    }
    g_assert_cmpuint(both->a.met, ==, 1);
}

/* ---- somebody with b's key who does not do as he should ---- */

struct rogue {
    struct two_nodes *both; /* b is off */
    struct identity *identity;
    struct tls *tls;
    struct bufferevent *buffers;
    struct event *beat;
    gboolean open, over, silent;
    gsize got;
};

static gboolean
anybody(void *context, const guint8 pin[IDENTITY_PIN_SIZE])
{
    (void)context;
    (void)pin;
    return TRUE;
}

static void
rogue_read(struct bufferevent *buffers, void *context)
{
    struct rogue *rogue = context;
    struct evbuffer *input = bufferevent_get_input(buffers);
    rogue->got += evbuffer_get_length(input);
    evbuffer_drain(input, evbuffer_get_length(input));
}

static void
rogue_event(struct bufferevent *buffers, short what, void *context)
{
    struct rogue *rogue = context;
    (void)buffers;
    if ((what & BEV_EVENT_CONNECTED) != 0)
        rogue->open = TRUE;
    else
        rogue->over = TRUE;
}

static void
rogue_send(struct rogue *rogue, guint8 kind, guint32 size, const void *data, gsize given)
{
    guint8 head[WIRE_HEAD];
    wire_write_head(head, kind, size);
    bufferevent_write(rogue->buffers, head, sizeof head);
    bufferevent_write(rogue->buffers, data, given);
}

static void
rogue_beat(evutil_socket_t fd, short what, void *context)
{
    static const guint8 beat[WIRE_BEAT_SIZE];
    struct rogue *rogue = context;
    (void)fd;
    (void)what;
    if (!rogue->silent)
        rogue_send(rogue, WIRE_BEAT, sizeof beat, beat, sizeof beat);
}

static void
rogue_hello(struct rogue *rogue)
{
    guint8 hello[WIRE_HELLO_SIZE];
    struct wire_hello said = {.purpose = WIRE_LINK, .incarnation = 7, .name = "b"};
    memcpy(said.id, rogue->identity->id, sizeof said.id);
    static const struct timeval often = {0, 50000};
    wire_write_hello(&said, hello);
    rogue_send(rogue, WIRE_HELLO, sizeof hello, hello, sizeof hello);
    event_add(rogue->beat, &often);
}

static struct rogue *
rogue_new(void)
{
    struct rogue *rogue = g_new0(struct rogue, 1);
    rogue->both = two_nodes_new(1);
    two_nodes_introduce(rogue->both);
    node_on(&rogue->both->a);
    const struct sockaddr_in address = node_address(&rogue->both->a, 0);
    rogue->identity = identity_load(rogue->both->b.scratch->fd, NULL);
    rogue->tls = tls_new(rogue->identity, anybody, NULL, NULL);
    rogue->buffers =
        bufferevent_openssl_socket_new(rogue->both->events, -1, tls_connection(rogue->tls),
                                       BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(rogue->buffers, rogue_read, NULL, rogue_event, rogue);
    bufferevent_enable(rogue->buffers, EV_READ | EV_WRITE);
    g_assert_cmpint(bufferevent_socket_connect(rogue->buffers, (const struct sockaddr *)&address,
                                               sizeof address),
                    ==, 0);
    rogue->beat = event_new(rogue->both->events, -1, EV_PERSIST, rogue_beat, rogue);
    TURN_UNTIL(rogue->both, rogue->open);
    return rogue;
}

static void
rogue_free(struct rogue *rogue)
{
    event_free(rogue->beat);
    bufferevent_free(rogue->buffers);
    tls_free(rogue->tls);
    identity_free(rogue->identity);
    two_nodes_free(rogue->both);
    g_free(rogue);
}

static void
test_what_is_no_frame_ends_it(void)
{
    static const struct {
        guint8 kind;
        guint32 size;
    } wrong[] = {
        {LINK_NOTE, WIRE_MAX + 1}, {LINK_NOTE, G_MAXUINT32}, {WIRE_KINDS, 0}, {255, 10},
        {LINK_KINDS, 0},           {WIRE_BEAT, 0},           {WIRE_HELLO, 0}, {WIRE_DATA, 0}};
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        struct rogue *rogue = rogue_new();
        rogue_hello(rogue);
        TURN_UNTIL(rogue->both, rogue->both->a.met == 1);
        g_assert_false(rogue->over);
        rogue_send(rogue, wrong[i].kind, wrong[i].size, "", 0);
        TURN_UNTIL(rogue->both, rogue->over && rogue->both->a.lost == 1);
        rogue_free(rogue);
    }
}

static void
test_who_does_not_greet_is_nobody(void)
{
    static const char zeros[WIRE_MAX];
    for (guint i = 0; i < 3; i++) {
        struct rogue *rogue = rogue_new();
        if (i == 0)
            rogue_send(rogue, LINK_PROTOCOL, 3, "one", 3);
        else if (i == 1)
            rogue_send(rogue, WIRE_HELLO, WIRE_HELLO_SIZE, zeros, WIRE_HELLO_SIZE);
        else
            rogue_send(rogue, WIRE_HELLO, WIRE_EARLY_MAX + 1, zeros, WIRE_EARLY_MAX + 1);
        TURN_UNTIL(rogue->both, rogue->over);
        g_assert_cmpuint(rogue->both->a.met, ==, 0);
        g_assert_cmpuint(rogue->both->a.heard->len, ==, 0);
        rogue_free(rogue);
    }
}

static void
test_a_whole_frame_is_taken(void)
{
    g_autofree char *data = g_malloc0(WIRE_MAX);
    struct rogue *rogue = rogue_new();
    rogue_hello(rogue);
    TURN_UNTIL(rogue->both, rogue->both->a.met == 1);
    rogue_send(rogue, LINK_RELAY, WIRE_MAX, data, WIRE_MAX);
    rogue_send(rogue, LINK_RELAY, 0, data, 0);
    TURN_UNTIL(rogue->both, rogue->both->a.bytes == WIRE_MAX);
    rogue_free(rogue);
}

static void
test_who_is_silent_is_lost(void)
{
    struct rogue *rogue = rogue_new();
    rogue_hello(rogue);
    TURN_UNTIL(rogue->both, rogue->both->a.met == 1);
    const gint64 begun = g_get_monotonic_time();
    rogue->silent = TRUE;
    TURN_UNTIL(rogue->both, rogue->both->a.lost == 1);
    g_assert_cmpint(g_get_monotonic_time() - begun, >, 800000);
    rogue_free(rogue);
}

/* He hears nothing, as he says: what is sent does not come there. */
static void
test_who_hears_nothing_is_lost(void)
{
    guint8 beat[WIRE_BEAT_SIZE];
    struct rogue *rogue = rogue_new();
    rogue_hello(rogue);
    TURN_UNTIL(rogue->both, rogue->both->a.met == 1);
    rogue->silent = TRUE;
    wire_write_beat(LINK_SILENT_MS, beat);
    rogue_send(rogue, WIRE_BEAT, sizeof beat, beat, sizeof beat);
    const gint64 begun = g_get_monotonic_time();
    TURN_UNTIL(rogue->both, rogue->both->a.lost == 1);
    g_assert_cmpint(g_get_monotonic_time() - begun, <, 900000);
    rogue_free(rogue);
}

static void
test_who_does_not_read_is_lost(void)
{
    static const char block[WIRE_MAX];
    gsize sent = 0;
    struct rogue *rogue = rogue_new();
    rogue_hello(rogue);
    TURN_UNTIL(rogue->both, rogue->both->a.met == 1);
    bufferevent_disable(rogue->buffers, EV_READ);
    while (link_send(rogue->both->a.link, LINK_RELAY, block, sizeof block)) {
        sent += sizeof block;
        g_assert_cmpuint(sent, <, 64 * 1024 * 1024);
        if (sent % (1024 * 1024) == 0)
            two_nodes_turn(rogue->both);
    }
    g_assert_cmpuint(sent, >=, 8 * 1024 * 1024 - 2 * sizeof block);
    TURN_UNTIL(rogue->both, rogue->both->a.lost == 1);
    rogue_free(rogue);
}

/* Both call at once, on both paths: they meet once, and do not lose each other for it. */
static void
test_they_meet_once(void)
{
    for (guint i = 0; i < 8; i++) {
        AUTO(two_nodes) *both = two_met(2);
        for (guint k = 1; k <= 10; k++) { /* long enough for all calls to be settled */
            g_assert_true(link_send(both->a.link, LINK_NOTE, "k", 1));
            TURN_UNTIL(both, both->b.bytes == k);
            g_assert_true(link_send(both->b.link, LINK_NOTE, "k", 1));
            TURN_UNTIL(both, both->a.bytes == k);
            two_nodes_turn(both);
        }
        g_assert_cmpuint(both->a.lost + both->b.lost, ==, 0);
        g_assert_cmpuint(both->a.met, ==, 1);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/link/they meet and talk", test_they_meet_and_talk);
    g_test_add_func("/link/who ends is lost and met again", test_who_ends_is_lost_and_met_again);
    g_test_add_func("/link/another key is a stranger", test_another_key_is_a_stranger);
    g_test_add_func("/link/what is no frame ends it", test_what_is_no_frame_ends_it);
    g_test_add_func("/link/who does not greet is nobody", test_who_does_not_greet_is_nobody);
    g_test_add_func("/link/a whole frame is taken", test_a_whole_frame_is_taken);
    g_test_add_func("/link/who is silent is lost", test_who_is_silent_is_lost);
    g_test_add_func("/link/who hears nothing is lost", test_who_hears_nothing_is_lost);
    g_test_add_func("/link/who does not read is lost", test_who_does_not_read_is_lost);
    g_test_add_func("/link/they meet once", test_they_meet_once);
    return g_test_run();
}
