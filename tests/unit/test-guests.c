/* guests: nobody takes longer than the limit, whatever is sent meanwhile, and places are shared. */
#include "netsvc/web/serve/guests.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT (WEB_SECONDS * 1000)

struct world {
    struct event_base *events;
    struct guests *guests;
};

struct one {
    struct bufferevent *connection;
    int peer;
};

static gint64 now;

static gint64
milliseconds(void)
{
    return now;
}

static void
on_event(struct bufferevent *connection, short what, void *context)
{
    (void)connection;
    (void)what;
    (void)context;
}

static struct one
arrive(struct world *world)
{
    int pair[2];
    struct one one;
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), ==, 0);
    one.connection = bufferevent_socket_new(world->events, -1, BEV_OPT_CLOSE_ON_FREE);
    one.peer = pair[1];
    guests_add(world->guests, one.connection, FALSE);
    bufferevent_setfd(one.connection, pair[0]); /* as evhttp does, after it was added */
    bufferevent_setcb(one.connection, NULL, NULL, on_event, NULL);
    guests_admit(world->guests);
    return one;
}

static gboolean
is_cut(const struct one *one)
{
    char byte;
    return recv(one->peer, &byte, 1, 0) == 0;
}

static void
leave(struct one *one)
{
    bufferevent_free(one->connection);
    close(one->peer);
}

static void
set_up(struct world *world)
{
    now = 1000;
    world->events = event_base_new();
    world->guests = guests_new(milliseconds);
}

static void
tear_down(struct world *world)
{
    guests_free(world->guests);
    event_base_free(world->events);
}

static void
note(struct world *world, struct one *one, enum guest_state state)
{
    guests_note(world->guests, guests_find(world->guests, one->connection), state);
}

/* ---- time ---- */

static void
test_slow_request(void)
{
    struct world world;
    set_up(&world);
    struct one one = arrive(&world);
    for (guint i = 0; i < WEB_SECONDS - 1; i++) { /* a byte a second is no request */
        now += 1000;
        g_assert_cmpint(send(one.peer, "G", 1, MSG_NOSIGNAL), ==, 1);
        guests_sweep(world.guests);
        g_assert_false(is_cut(&one));
    }
    now += 1000;
    guests_sweep(world.guests);
    g_assert_true(is_cut(&one));
    leave(&one);
    tear_down(&world);
}

static void
test_slow_reader(void)
{
    struct world world;
    set_up(&world);
    struct one one = arrive(&world);
    note(&world, &one, GUEST_WRITES);
    now += LIMIT - 1;
    guests_sweep(world.guests);
    g_assert_false(is_cut(&one));
    now++;
    guests_sweep(world.guests);
    g_assert_true(is_cut(&one));
    leave(&one);
    tear_down(&world);
}

static void
test_slow_handler(void)
{
    struct world world;
    set_up(&world);
    struct one one = arrive(&world);
    note(&world, &one, GUEST_WAITS);
    now += 100 * LIMIT;
    guests_sweep(world.guests);
    g_assert_false(is_cut(&one));
    note(&world, &one, GUEST_WRITES);
    note(&world, &one, GUEST_READS); /* the next request has its whole time */
    now += LIMIT - 1;
    guests_sweep(world.guests);
    g_assert_false(is_cut(&one));
    leave(&one);
    tear_down(&world);
}

/* ---- places ---- */

static void
test_gone(void)
{
    struct world world;
    set_up(&world);
    for (guint i = 0; i < 3 * WEB_SHARE_MAX; i++) {
        struct one one = arrive(&world);
        g_assert_false(is_cut(&one));
        leave(&one);
    }
    guests_sweep(world.guests);
    g_assert_cmpuint(guests_count(world.guests), ==, 0);
    tear_down(&world);
}

static void
test_busy_ones_stay(void)
{
    struct world world;
    struct one ones[WEB_SHARE_MAX];
    set_up(&world);
    for (guint i = 0; i < WEB_SHARE_MAX; i++) {
        ones[i] = arrive(&world);
        note(&world, &ones[i], i % 2 == 0 ? GUEST_WAITS : GUEST_WRITES);
    }
    struct one refused = arrive(&world);
    g_assert_true(is_cut(&refused));
    note(&world, &ones[3], GUEST_READS);
    struct one taken = arrive(&world);
    g_assert_false(is_cut(&taken));
    for (guint i = 0; i < WEB_SHARE_MAX; i++)
        g_assert_cmpint(is_cut(&ones[i]), ==, i == 3);
    for (guint i = 0; i < WEB_SHARE_MAX; i++)
        leave(&ones[i]);
    leave(&refused);
    leave(&taken);
    tear_down(&world);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/guests/a-request-byte-by-byte-ends-in-time", test_slow_request);
    g_test_add_func("/guests/who-takes-no-answer-is-cut", test_slow_reader);
    g_test_add_func("/guests/a-handler-has-its-time", test_slow_handler);
    g_test_add_func("/guests/places-of-those-that-left-are-free", test_gone);
    g_test_add_func("/guests/who-is-served-is-not-cut-for-another", test_busy_ones_stay);
    return g_test_run();
}
