/* holding: signatures fit the clock, also one that somebody sets while it runs. */
#include "netsvc/dns/holding.h"

#include "netsvc/clock_floor.h"
#include "netsvc/dns/zone/sign.h"
#include "tests/unit/scratch.h"

#include <string.h>

#define DAY (24 * 3600)
#define FLOOR CLOCK_FLOOR_RELEASE
#define ORIGIN "signed.example"
#define INCEPTION_AT 12 /* in RRSIG's data, RFC 4034 3.1 */

static gint64 wall;

static gint64
wall_now(void)
{
    return wall;
}

static void
changed(gpointer context, struct zone *zone)
{
    guint *count = context;
    (void)zone;
    ++*count;
}

static void
tell(gpointer context, const char *text)
{
    (void)context;
    g_error("%s", text);
}

struct world {
    struct scratch *scratch;
    struct config config;
    struct config_zone zone;
    struct event_base *events;
    guint changes;
    struct holding *holding;
};

static void
begin(struct world *world, gint64 at)
{
    g_autoptr(GError) error = NULL;
    wall = at;
    world->scratch = scratch_new();
    world->zone = (struct config_zone){
        .name = (char *)ORIGIN,
        .file = g_build_filename(world->scratch->path, "zone", NULL),
        .sign = TRUE,
        .keys = g_build_filename(world->scratch->path, "keys", NULL),
        .notify = g_array_new(FALSE, TRUE, sizeof(struct config_peer)),
        .primaries = g_array_new(FALSE, TRUE, sizeof(struct config_peer)),
    };
    world->config = (struct config){
        .node = (char *)"a",
        .dns = {.ttl = 300,
                .zones = g_ptr_array_new(),
                .names = g_ptr_array_new(),
                .listen = g_array_new(FALSE, TRUE, sizeof(struct config_peer))},
        .dhcp = {.subnets = g_ptr_array_new(), .hosts = g_ptr_array_new()},
    };
    g_ptr_array_add(world->config.dns.zones, &world->zone);
    g_file_set_contents(world->zone.file,
                        "@ 300 SOA ns root 1 2 3 4 60\n@ 300 NS ns\n"
                        "ns 300 A 10.0.0.1\n",
                        -1, &error);
    g_assert_no_error(error);
    const struct holding_role role = {
        .config = &world->config,
        .folder = world->scratch->fd,
        .clock_floor = FLOOR,
        .now = wall_now,
        .changed = changed,
        .tell = tell,
        .context = &world->changes,
    };
    world->events = event_base_new();
    world->holding = holding_new(&role, &error);
    g_assert_no_error(error);
    holding_begin(world->holding, world->events);
    world->changes = 0;
}

static void
end(struct world *world)
{
    holding_free(world->holding);
    event_base_free(world->events);
    g_ptr_array_unref(world->config.dns.zones);
    g_ptr_array_unref(world->config.dns.names);
    g_array_unref(world->config.dns.listen);
    g_ptr_array_unref(world->config.dhcp.subnets);
    g_ptr_array_unref(world->config.dhcp.hosts);
    g_array_unref(world->zone.notify);
    g_array_unref(world->zone.primaries);
    g_free(world->zone.file);
    g_free(world->zone.keys);
    scratch_free(world->scratch);
}

/* Seconds before now that the signatures of the zone's top are valid from. */
static gint64
valid_since(const struct world *world)
{
    struct name origin;
    struct rrset_record record = {0};
    guint32 inception;
    g_assert_true(name_from_text(&origin, ORIGIN));
    const struct zone *zone = zones_named(holding_zones(world->holding), &origin);
    const struct rrset *set = zone_rrset(zone, &origin, TYPE_RRSIG);
    g_assert_true(set != NULL && rrset_next(set, &record));
    memcpy(&inception, record.rdata + INCEPTION_AT, sizeof inception);
    return wall - (gint64)GUINT32_FROM_BE(inception);
}

static void
look(struct world *world)
{
    guint before = world->changes;
    holding_look(world->holding);
    while (world->changes == before)
        event_base_loop(world->events, EVLOOP_ONCE);
}

static void
test_a_clock_that_is_sure_gives_an_hour(void)
{
    struct world world = {0};
    begin(&world, FLOOR + DAY);
    g_assert_cmpint(valid_since(&world), ==, SIGN_BACK);
    end(&world);
}

static void
test_a_clock_that_is_set_right_gives_the_usual_period_from_then_on(void)
{
    struct world world = {0};
    begin(&world, FLOOR - 100 * DAY);
    g_assert_cmpint(valid_since(&world), ==, SIGN_BACK_UNSURE);
    wall = FLOOR + DAY;
    look(&world);
    g_assert_cmpint(valid_since(&world), ==, SIGN_BACK);
    end(&world);
}

static void
test_a_clock_that_falls_back_is_not_sure_any_more(void)
{
    struct world world = {0};
    begin(&world, FLOOR + DAY);
    wall = FLOOR - DAY;
    look(&world);
    g_assert_cmpint(valid_since(&world), ==, SIGN_BACK_UNSURE);
    end(&world);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/holding/a clock that is sure gives an hour",
                    test_a_clock_that_is_sure_gives_an_hour);
    g_test_add_func("/holding/a clock that is set right gives the usual period from then on",
                    test_a_clock_that_is_set_right_gives_the_usual_period_from_then_on);
    g_test_add_func("/holding/a clock that falls back is not sure any more",
                    test_a_clock_that_falls_back_is_not_sure_any_more);
    return g_test_run();
}
