/* doubles: an address that both nodes gave is told until its loser can have it no longer. */
#include "netsvc/dhcp/pair/doubles.h"

#include <string.h>

#define ADDRESS 0x0a420105u

struct world {
    struct leases *leases;
    struct doubles *doubles;
    guint begun, ended;
};

static void
tell(void *context, guint32 address, const struct lease *kept, const struct lease *ended)
{
    struct world *world = context;
    g_assert_cmpuint(address >> 16, ==, ADDRESS >> 16);
    g_assert_true((kept == NULL) == (ended == NULL));
    world->begun += ended != NULL;
    world->ended += ended == NULL;
}

static struct lease
lease_of(guint32 address, const char *key)
{
    struct lease lease = {.address = address, .state = LEASE_LEASED, .since = 100, .until = 1000};
    lease.key_size = (guint8)strlen(key);
    memcpy(lease.key, key, lease.key_size);
    return lease;
}

static void
set_up(struct world *world)
{
    *world = (struct world){.leases = leases_new(), .doubles = doubles_new(tell, world)};
    const struct lease kept = lease_of(ADDRESS, "keeps"), ended = lease_of(ADDRESS, "loses");
    leases_put(world->leases, &kept);
    doubles_note(world->doubles, &kept, &ended);
    doubles_note(world->doubles, &kept, &ended); /* as each time that all is exchanged anew */
    g_assert_cmpuint(world->begun, ==, 2);
    doubles_age(world->doubles, world->leases, 999);
    g_assert_cmpuint(world->ended, ==, 0);
}

static void
tear_down(struct world *world)
{
    doubles_free(world->doubles);
    leases_free(world->leases);
}

static void
test_it_is_over_with_the_lease(void)
{
    struct world world;
    set_up(&world);
    doubles_age(world.doubles, world.leases, 1000);
    doubles_age(world.doubles, world.leases, 1001);
    g_assert_cmpuint(world.ended, ==, 1);
    tear_down(&world);
}

static void
test_it_is_over_when_the_loser_has_another_address(void)
{
    struct world world;
    set_up(&world);
    struct lease other = lease_of(ADDRESS + 1, "loses");
    other.state = LEASE_OFFERED;
    leases_put(world.leases, &other);
    doubles_age(world.doubles, world.leases, 200);
    g_assert_cmpuint(world.ended, ==, 0);
    other.state = LEASE_LEASED;
    leases_put(world.leases, &other);
    doubles_age(world.doubles, world.leases, 200);
    g_assert_cmpuint(world.ended, ==, 1);
    tear_down(&world);
}

static void
test_of_too_many_the_oldest_is_over(void)
{
    struct world world;
    set_up(&world);
    for (guint32 i = 1; i <= DOUBLES_MAX; i++) {
        const struct lease kept = lease_of(ADDRESS + i, "keeps"),
                           ended = lease_of(ADDRESS + i, "loses");
        doubles_note(world.doubles, &kept, &ended);
    }
    g_assert_cmpuint(world.ended, ==, 1);
    tear_down(&world);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/doubles/it is over with the lease", test_it_is_over_with_the_lease);
    g_test_add_func("/doubles/it is over when the loser has another address",
                    test_it_is_over_when_the_loser_has_another_address);
    g_test_add_func("/doubles/of too many the oldest is over", test_of_too_many_the_oldest_is_over);
    return g_test_run();
}
