/*
 * secondary: a node follows the zone of another over loopback: at first, at each change that it is
 * told of, with clocks that differ; without a primary it serves what it kept until that expires.
 */
#include "netsvc/bytes.h"
#include "netsvc/dns/transfer/incoming.h"
#include "tests/unit/scratch.h"
#include "tests/unit/transfer_server.h"

#define PATIENCE 20 /* seconds, of a loop that waits for what must come */
#define SECRET "lifeboat"

static const char *const text =
    "@ 3600 SOA ns.site.example. root.site.example. 7 3600 600 86400 300\n"
    "@ NS ns\n"
    "ns A 10.0.0.2\n"
    "mail A 10.0.0.3\n";

static gint64 boot_now = 1000, wall_now = 1800000000;

static gint64
boot(void)
{
    return boot_now;
}

static gint64
wall(void)
{
    return wall_now;
}

static gint64
wall_of_1970(void)
{
    return wall_now - 1799990000;
}

static void
on_patience(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    *(gboolean *)context = TRUE;
}

/* Runs the loop until the number is that. */
static void
wait_for(struct event_base *events, const guint *number, guint wanted)
{
    gboolean over = FALSE;
    struct timeval patience = {.tv_sec = PATIENCE};
    struct event *timer = evtimer_new(events, on_patience, &over);
    event_add(timer, &patience);
    while (*number != wanted && !over)
        event_base_loop(events, EVLOOP_ONCE);
    event_free(timer);
    g_assert_cmpuint(*number, ==, wanted);
}

static void
wait_for_trouble(struct server *server)
{
    gboolean over = FALSE;
    struct timeval patience = {.tv_sec = PATIENCE};
    struct event *timer = evtimer_new(server->events, on_patience, &over);
    event_add(timer, &patience);
    while (server->trouble == NULL && !over)
        event_base_loop(server->events, EVLOOP_ONCE);
    event_free(timer);
    g_assert_nonnull(server->trouble);
}

static void
wait_for_file(struct event_base *events, const char *file)
{
    gboolean over = FALSE;
    struct timeval patience = {.tv_sec = PATIENCE};
    struct event *timer = evtimer_new(events, on_patience, &over);
    event_add(timer, &patience);
    while (!g_file_test(file, G_FILE_TEST_EXISTS) && !over)
        event_base_loop(events, EVLOOP_ONCE);
    event_free(timer);
    g_assert_true(g_file_test(file, G_FILE_TEST_EXISTS));
}

struct world {
    struct event_base *events;
    struct scratch *scratch;
    struct server primary, follower;
};

static void
world_begin(struct world *world, const char *secret, const char *other_secret)
{
    world->events = event_base_new();
    world->scratch = scratch_new();
    server_prepare(&world->primary, world->events, 0, "site.example", text, secret);
    server_prepare(&world->follower, world->events, 0, "site.example", NULL, other_secret);
    world->primary.zone.notify = server_peers(world->follower.port, 0);
    world->follower.zone.primaries = server_peers(world->primary.port, 0);
}

static void
world_end(struct world *world)
{
    scratch_free(world->scratch);
    event_base_free(world->events);
}

static struct zone *
zone_at(struct server *server)
{
    struct name origin = name_of("site.example");
    return zones_named(server->zones, &origin);
}

static void
assert_same(struct world *world)
{
    g_autofree char *theirs = zone_as_text(zone_at(&world->primary));
    g_autofree char *ours = zone_as_text(zone_at(&world->follower));
    g_assert_cmpstr(ours, ==, theirs);
}

static void
wait_for_serial(struct world *world, guint32 wanted)
{
    gboolean over = FALSE;
    struct timeval patience = {.tv_sec = PATIENCE};
    struct event *timer = evtimer_new(world->events, on_patience, &over);
    event_add(timer, &patience);
    while (zone_serial(zone_at(&world->follower)) != wanted && !over)
        event_base_loop(world->events, EVLOOP_ONCE);
    event_free(timer);
    g_assert_cmpuint(zone_serial(zone_at(&world->follower)), ==, wanted);
}

static void
a_zone_is_followed_from_its_first_transfer_over_changes(void)
{
    struct world world;
    world_begin(&world, SECRET, SECRET);
    server_begin(&world.primary, -1, NULL, NULL);
    server_begin(&world.follower, -1, NULL, NULL);
    wait_for(world.events, &world.follower.arrivals, 1);
    assert_same(&world);
    struct name owner = name_of("phone.site.example");
    zone_set(zone_at(&world.primary), &owner, TYPE_A, 60, (const guint8[]){10, 0, 0, 9}, 4);
    server_changed(&world.primary);
    wait_for_serial(&world, 8);
    g_assert_cmpuint(world.follower.notifies, ==, 1);
    g_assert_cmpuint(world.follower.arrivals, ==, 1); /* one name among many: in place */
    assert_same(&world);
    server_end(&world.follower);
    server_end(&world.primary);
    world_end(&world);
}

static void
many_changes_at_once_are_told_once(void)
{
    struct world world;
    world_begin(&world, NULL, NULL);
    server_begin(&world.primary, -1, NULL, NULL);
    server_begin(&world.follower, -1, NULL, NULL);
    wait_for(world.events, &world.follower.arrivals, 1);
    for (guint8 i = 1; i <= 100; i++) {
        g_autofree char *name = g_strdup_printf("phone-%u.site.example", i);
        struct name owner = name_of(name);
        zone_set(zone_at(&world.primary), &owner, TYPE_A, 60, (const guint8[]){10, 0, 0, i}, 4);
        server_changed(&world.primary);
    }
    wait_for_serial(&world, 107);
    g_assert_cmpuint(world.follower.notifies, ==, 1);
    assert_same(&world);
    server_end(&world.follower);
    server_end(&world.primary);
    world_end(&world);
}

static void
a_follower_whose_clock_is_in_1970_follows_all_the_same(void)
{
    struct world world;
    world_begin(&world, SECRET, SECRET);
    server_begin(&world.primary, -1, boot, wall);
    server_begin(&world.follower, -1, boot, wall_of_1970);
    wait_for(world.events, &world.follower.arrivals, 1);
    assert_same(&world);
    server_end(&world.follower);
    server_end(&world.primary);
    world_end(&world);
}

static void
a_follower_with_another_secret_says_so_and_gets_nothing(void)
{
    struct world world;
    world_begin(&world, SECRET, "another");
    server_begin(&world.primary, -1, NULL, NULL);
    server_begin(&world.follower, -1, NULL, NULL);
    wait_for_trouble(&world.follower);
    g_assert_cmpstr(world.follower.trouble, ==,
                    "primary 127.0.0.1: it does not take our signature: BADSIG");
    g_assert_null(zone_at(&world.follower));
    server_end(&world.follower);
    server_end(&world.primary);
    world_end(&world);
}

static void
a_follower_without_the_key_is_refused(void)
{
    struct world world;
    world_begin(&world, SECRET, NULL);
    server_begin(&world.primary, -1, NULL, NULL);
    server_begin(&world.follower, -1, NULL, NULL);
    wait_for_trouble(&world.follower);
    g_assert_cmpstr(world.follower.trouble, ==, "primary 127.0.0.1: it answered REFUSED");
    server_end(&world.follower);
    server_end(&world.primary);
    world_end(&world);
}

/* The answer comes later, from the uplink: there is nothing to sign. */
static void
an_answer_that_comes_later_is_not_signed(void)
{
    struct world world;
    guint8 wire[INCOMING_REQUEST_MAX], out[64];
    struct query query;
    struct tsig tsig;
    struct name origin = name_of("site.example");
    world_begin(&world, SECRET, SECRET);
    server_begin(&world.primary, -1, NULL, NULL);
    server_begin(&world.follower, -1, NULL, NULL);
    AUTO(tsig_keys) *keys = tsig_keys_new(world.primary.config.tsig, NULL);
    struct incoming_role role = {
        .origin = &origin, .kind = INCOMING_SOA, .key = tsig_keys_find(keys, "transfer")};
    AUTO(incoming) *incoming = incoming_new(&role);
    gsize size = incoming_request(incoming, 1, wire, (guint64)time(NULL));
    g_assert_cmpint(query_parse(&query, wire, size), ==, QUERY_GOOD);
    g_assert_cmpint(transfer_check(world.primary.transfer, &query, &tsig), ==, RCODE_NOERROR);
    g_assert_nonnull(tsig.key);
    g_assert_cmpuint(transfer_sign(world.primary.transfer, &tsig, out, 0, sizeof out), ==, 0);
    server_end(&world.primary);
    server_end(&world.follower);
    world_end(&world);
}

/* A signed query by UDP for a TXT record, of 255 bytes and so many more, whose asker takes 512. */
static gsize
ask_for_text(struct server *server, const struct tsig_keys *keys, guint8 length, guint8 *out)
{
    guint8 wire[512], rdata[512] = {255};
    struct reply reply;
    struct tsig tsig;
    struct name owner = name_of("text.site.example");
    struct asker asker = {.fd = server->udp};
    g_autoptr(GError) error = NULL;
    rdata[256] = length;
    zone_set(zone_at(server), &owner, TYPE_TXT, 60, rdata, 256 + 1u + length);
    reply_begin_question(&reply, &owner, TYPE_TXT, CLASS_IN, wire, sizeof wire);
    gsize size = reply_end(&reply);
    bytes_put16(wire + 2, 0);
    tsig_begin(&tsig, tsig_keys_find(keys, "transfer"), 0);
    size = tsig_sign(&tsig, wire, size, sizeof wire, (guint64)time(NULL));
    gsize answer = server_serve(server, &asker, wire, size, out);
    gsize signature = answer - tsig_size(&tsig) + 6; /* no other data: all is well */
    g_assert_cmpint(tsig_check_answer(&tsig, out, answer, signature, (guint64)time(NULL), &error),
                    ==, TSIG_GOOD);
    tsig_clear(&tsig);
    return answer;
}

static void
by_udp_an_answer_leaves_room_for_its_signature(void)
{
    struct world world;
    guint8 out[QUERY_UDP_MAX];
    world_begin(&world, SECRET, SECRET);
    server_begin(&world.primary, -1, NULL, NULL);
    server_begin(&world.follower, -1, NULL, NULL);
    AUTO(tsig_keys) *keys = tsig_keys_new(world.primary.config.tsig, NULL);
    guint whole = 0, truncated = 0;
    for (guint length = 1; length < 256; length++) {
        gsize size = ask_for_text(&world.primary, keys, (guint8)length, out);
        g_assert_cmpuint(size, <=, 512);
        if (bytes_get16(out + 2) & FLAG_TC)
            truncated++;
        else
            whole++;
        g_assert_true(truncated == 0 || bytes_get16(out + 2) & FLAG_TC);
    }
    g_assert_cmpuint(whole, >, 100);
    g_assert_cmpuint(truncated, >, 100);
    server_end(&world.primary);
    server_end(&world.follower);
    world_end(&world);
}

static void
the_second_primary_is_asked_when_the_first_is_dead(void)
{
    struct world world;
    struct server dead;
    world_begin(&world, SECRET, SECRET);
    server_prepare(&dead, world.events, 0, "site.example", text, NULL);
    guint16 port = dead.port;
    server_begin(&dead, -1, NULL, NULL);
    server_end(&dead);
    g_array_unref(world.follower.zone.primaries);
    world.follower.zone.primaries = server_peers(port, world.primary.port);
    server_begin(&world.primary, -1, NULL, NULL);
    server_begin(&world.follower, -1, NULL, NULL);
    wait_for(world.events, &world.follower.arrivals, 1);
    g_assert_null(world.follower.trouble);
    server_end(&world.follower);
    server_end(&world.primary);
    world_end(&world);
}

/* A follower that has the zone, and a primary that has gone. */
static void
leave_alone(struct world *world)
{
    world_begin(world, SECRET, SECRET);
    server_begin(&world->primary, -1, boot, wall);
    server_begin(&world->follower, world->scratch->fd, boot, wall);
    wait_for(world->events, &world->follower.arrivals, 1);
    guint16 port = world->primary.port;
    server_end(&world->primary);
    server_end(&world->follower);
    server_prepare(&world->follower, world->events, 0, "site.example", NULL, SECRET);
    world->follower.zone.primaries = server_peers(port, 0);
}

static void
after_a_restart_what_was_kept_is_served_at_once(void)
{
    struct world world;
    leave_alone(&world);
    server_begin(&world.follower, world.scratch->fd, boot, wall);
    g_assert_cmpuint(world.follower.arrivals, ==, 1); /* the loop has not run */
    AUTO(zone) *expected = zone_of("site.example", text);
    g_autofree char *wanted = zone_as_text(expected);
    g_autofree char *got = zone_as_text(zone_at(&world.follower));
    g_assert_cmpstr(got, ==, wanted);
    server_end(&world.follower);
    world_end(&world);
}

/* A power cut right after the first transfer. */
static void
a_zone_is_kept_as_soon_as_it_is_there(void)
{
    struct world world;
    world_begin(&world, SECRET, SECRET);
    server_begin(&world.primary, -1, boot, wall);
    server_begin(&world.follower, world.scratch->fd, boot, wall);
    wait_for(world.events, &world.follower.arrivals, 1);
    g_autofree char *file = g_build_filename(world.scratch->path, "site.example.zone", NULL);
    wait_for_file(world.events, file);
    server_end(&world.follower);
    server_end(&world.primary);
    world_end(&world);
}

static void
a_kept_zone_that_is_damaged_is_passed_over(void)
{
    struct world world;
    gsize size = 0;
    leave_alone(&world);
    g_autofree char *file = g_build_filename(world.scratch->path, "site.example.zone", NULL);
    g_autofree char *bytes = NULL;
    g_assert_true(g_file_get_contents(file, &bytes, &size, NULL));
    bytes[size / 2] ^= 1;
    g_assert_true(g_file_set_contents(file, bytes, (gssize)size, NULL));
    server_begin(&world.follower, world.scratch->fd, boot, wall);
    g_assert_cmpuint(world.follower.arrivals, ==, 0);
    server_end(&world.follower);
    world_end(&world);
}

static void
without_a_primary_it_expires_by_the_boot_clock_across_a_restart(void)
{
    struct world world;
    struct secondary_status status;
    struct name origin = name_of("site.example");
    gint64 begun = boot_now;
    leave_alone(&world);
    boot_now += 86000;
    server_begin(&world.follower, world.scratch->fd, boot, wall);
    wait_for_trouble(&world.follower);
    g_assert_true(transfer_status(world.follower.transfer, &origin, &status));
    g_assert_cmpint(status.age, ==, 86000);
    g_assert_cmpint(status.expires, ==, 400);
    g_assert_cmpuint(world.follower.expiries, ==, 0);
    server_end(&world.follower);
    boot_now += 400;
    server_prepare(&world.follower, world.events, 0, "site.example", NULL, SECRET);
    world.follower.zone.primaries = server_peers(1, 0);
    server_begin(&world.follower, world.scratch->fd, boot, wall);
    wait_for(world.events, &world.follower.expiries, 1);
    g_assert_null(zone_at(&world.follower));
    server_end(&world.follower);
    boot_now = begun;
    world_end(&world);
}

/* ---- without the rest of a server ---- */

struct alone {
    guint arrivals, expiries;
    struct zone *zone;
};

static void
alone_arrived(gpointer context, const struct config_zone *config, struct zone *zone)
{
    struct alone *alone = context;
    (void)config;
    alone->zone = zone;
    alone->arrivals++;
}

static void
alone_expired(gpointer context, const struct config_zone *config)
{
    struct alone *alone = context;
    (void)config;
    zone_free(g_steal_pointer(&alone->zone));
    alone->expiries++;
}

static void
alone_trouble(gpointer context, const struct config_zone *config, const char *message)
{
    (void)context, (void)config, (void)message;
}

/* Which type the next connection asks for; it stays open. */
static guint
asked_type(struct event_base *events, int listener, int *opened)
{
    guint8 wire[512];
    gssize size = -1;
    struct query query;
    int connection = -1;
    for (gint64 until = g_get_monotonic_time() + PATIENCE * G_USEC_PER_SEC;
         size < 0 && g_get_monotonic_time() < until;) {
        if (connection < 0)
            connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (connection >= 0)
            size = recv(connection, wire, sizeof wire, 0);
        event_base_loop(events, EVLOOP_NONBLOCK);
    }
    g_assert_cmpint(size, >, 2);
    g_assert_cmpint(query_parse(&query, wire + 2, (gsize)size - 2), ==, QUERY_GOOD);
    *opened = connection;
    return query.type;
}

static void
what_expires_while_it_is_asked_about_is_asked_for_whole(void)
{
    struct world world;
    struct alone alone = {0};
    g_autoptr(GError) error = NULL;
    gint64 begun = boot_now;
    leave_alone(&world);
    server_begin(&world.follower, -1, boot, wall); /* for its keys and its end only */
    struct config_zone config = world.follower.zone;
    struct secondary_role role = {.events = world.events,
                                  .config = &config,
                                  .folder = world.scratch->fd,
                                  .boot_id = "",
                                  .boot = boot,
                                  .wall = wall,
                                  .context = &alone,
                                  .arrived = alone_arrived,
                                  .expired = alone_expired,
                                  .trouble = alone_trouble};
    struct server silent;
    server_prepare(&silent, world.events, 0, "site.example", text, NULL);
    config.tsig = NULL;
    config.primaries = server_peers(silent.port, 0);
    AUTO(secondary) *secondary = secondary_new(&role, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(alone.arrivals, ==, 1);
    int first = -1, second = -1;
    g_assert_cmpuint(asked_type(world.events, silent.listener, &first), ==, TYPE_SOA);
    boot_now += 90000;
    secondary_look(secondary);
    g_assert_cmpuint(alone.expiries, ==, 1);
    g_assert_cmpuint(asked_type(world.events, silent.listener, &second), ==, TYPE_AXFR);
    close(first);
    close(second);
    secondary_free(g_steal_pointer(&secondary));
    g_array_unref(config.primaries);
    server_begin(&silent, -1, boot, wall);
    server_end(&silent);
    server_end(&world.follower);
    boot_now = begun;
    world_end(&world);
}

#define TEST(name) g_test_add_func("/secondary/" #name, name)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    log_limit(LOG_LEVEL_ERROR);
    TEST(a_zone_is_followed_from_its_first_transfer_over_changes);
    TEST(many_changes_at_once_are_told_once);
    TEST(a_follower_whose_clock_is_in_1970_follows_all_the_same);
    TEST(a_follower_with_another_secret_says_so_and_gets_nothing);
    TEST(a_follower_without_the_key_is_refused);
    TEST(an_answer_that_comes_later_is_not_signed);
    TEST(by_udp_an_answer_leaves_room_for_its_signature);
    TEST(the_second_primary_is_asked_when_the_first_is_dead);
    TEST(after_a_restart_what_was_kept_is_served_at_once);
    TEST(a_zone_is_kept_as_soon_as_it_is_there);
    TEST(a_kept_zone_that_is_damaged_is_passed_over);
    TEST(without_a_primary_it_expires_by_the_boot_clock_across_a_restart);
    TEST(what_expires_while_it_is_asked_about_is_asked_for_whole);
    return g_test_run();
}
