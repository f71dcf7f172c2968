/* protocol: what the two nodes do, told as a story each. The world is failover_world's, where
 * nothing happens but what the story says. */
#include "tests/unit/failover_world.h"

#include <string.h>

#define A 0
#define B 1
#define LONG 60000

static void
set_up(struct world **world, gconstpointer data)
{
    (void)data;
    *world = world_new(7);
    if (g_test_verbose())
        (*world)->trace = g_string_new(NULL);
}

static void
tear_down(struct world **world, gconstpointer data)
{
    (void)data;
    if ((*world)->trace != NULL)
        g_test_message("%s", (*world)->trace->str);
    world_free(*world);
}

/* ---- how it stands ---- */

static const struct protocol_record *
record(const struct world *world, guint node)
{
    return protocol_record(world->nodes[node].core);
}

static enum protocol_role
role(const struct world *world, guint node)
{
    return protocol_role(world->nodes[node].core);
}

static gboolean
a_leads(struct world *world)
{
    return world_serves(world, A) && !world_serves(world, B) && role(world, B) == PROTOCOL_STANDBY;
}

static gboolean
b_leads(struct world *world)
{
    return world_serves(world, B) && !world_serves(world, A) && role(world, A) == PROTOCOL_STANDBY;
}

static gboolean
b_serves(struct world *world)
{
    return world_serves(world, B);
}

static gboolean
a_serves(struct world *world)
{
    return world_serves(world, A);
}

static gboolean
nothing_is_owed(struct world *world)
{
    for (guint i = 0; i < 2; i++)
        if (record(world, i)->unmerged || record(world, i)->granted || record(world, i)->fresh ||
            record(world, i)->adopts)
            return FALSE;
    return TRUE;
}

static gboolean
orders_are_over(struct world *world)
{
    return world->nodes[A].orders == 0 && world->nodes[B].orders == 0;
}

static gboolean
nobody_is_busy(struct world *world)
{
    return !protocol_is_busy(world->nodes[A].core) && !protocol_is_busy(world->nodes[B].core);
}

static void
assert_trouble(const struct world *world, guint node, const char *part)
{
    if (strstr(world_trouble(world, node), part) == NULL)
        g_error("trouble is '%s', not '%s'", world_trouble(world, node), part);
}

static void
begin(struct world *world)
{
    world_boot(world, A);
    world_boot(world, B);
    g_assert_true(world_until(world, a_leads, LONG));
    world_run(world, 500); /* each has told the other */
    g_assert_cmpstr(world_trouble(world, A), ==, "");
    g_assert_cmpstr(world_trouble(world, B), ==, "");
}

static void
assert_ended_well(struct world *world, guint node)
{
    g_assert_true(world_until(world, orders_are_over, LONG));
    g_assert_cmpstr(world->nodes[node].last_ended, ==, NULL);
}

static void
assert_ended(struct world *world, guint node, const char *part)
{
    g_assert_true(world_until(world, orders_are_over, LONG));
    if (world->nodes[node].last_ended == NULL ||
        strstr(world->nodes[node].last_ended, part) == NULL)
        g_error("the order ended: %s", world->nodes[node].last_ended);
}

/* ---- booting ---- */

static void
test_both_boot_and_the_holder_serves(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    begin(world);
    g_assert_cmpint((gint)world->now, <, 5000);
    g_assert_cmpuint(record(world, A)->term, ==, 2);
    g_assert_cmpuint(record(world, B)->term, ==, 2);
}

static void
test_a_holder_alone_waits_and_goes_on(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    world_boot(world, A);
    world_run(world, 9900);
    g_assert_cmpint(role(world, A), ==, PROTOCOL_WAIT);
    assert_trouble(world, A, "waits for the other one");
    g_assert_true(world_until(world, a_serves, 5000));
}

static void
test_a_standby_alone_waits_for_a_person(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    world_boot(world, B);
    world_run(world, LONG);
    g_assert_cmpint(role(world, B), ==, PROTOCOL_WAIT);
    assert_trouble(world, B, "lifeboat failover --force");
}

/* As after a hang for which the kernel took the address away. */
static void
test_an_address_that_was_lost_is_taken_again(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    struct world_node *a = &world->nodes[A];
    (void)data;
    begin(world);
    const guint probed = a->n_begun[PROTOCOL_PROBE];
    a->address = a->door = FALSE;
    protocol_unheld(a->core, world->now);
    g_assert_false(protocol_is_open(a->core));
    protocol_unheld(a->core, world->now); /* told more than once meanwhile */
    g_assert_true(world_until(world, a_serves, 5000));
    g_assert_cmpuint(a->n_begun[PROTOCOL_PROBE], ==, probed + 1);
    protocol_unheld(world->nodes[B].core, world->now); /* it never should have it */
    world_run(world, 5000);
    g_assert_cmpint(role(world, B), ==, PROTOCOL_STANDBY);
    g_assert_true(a_serves(world));
}

/* ---- planned ---- */

static void
assert_handed_over(struct world *world)
{
    g_assert_true(world_until(world, b_leads, LONG));
    g_assert_true(world_until(world, nothing_is_owed, LONG));
    g_assert_cmpuint(record(world, A)->term, ==, 3);
    g_assert_cmpuint(record(world, B)->term, ==, 3);
    g_assert_cmpuint(world->nodes[B].disk.uuid, ==, 1);
    g_assert_cmpuint(world->nodes[A].disk.uuid, >, 2);
    g_assert_cmpuint(world->nodes[A].disk.data & ~world->nodes[B].disk.data, ==, 0);
    g_assert_false(world->nodes[A].hook);
    g_assert_true(world->nodes[B].hook);
    g_assert_cmpstr(world_trouble(world, A), ==, "");
    g_assert_cmpstr(world_trouble(world, B), ==, "");
}

static void
test_a_switch_from_the_active_node(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    begin(world);
    world->nodes[A].disk.data = 5;
    g_assert_true(world_order(world, A, PROTOCOL_SWITCH));
    assert_ended_well(world, A);
    assert_handed_over(world);
}

static void
test_a_switch_from_the_standby(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    begin(world);
    g_assert_true(world_order(world, B, PROTOCOL_SWITCH));
    assert_ended_well(world, B);
    assert_handed_over(world);
}

static void
assert_rolled_back(struct world *world)
{
    g_assert_true(world_until(world, a_leads, LONG));
    g_assert_true(world_until(world, nobody_is_busy, LONG));
    world_run(world, 10000);
    g_assert_true(a_leads(world));
    g_assert_true(nobody_is_busy(world));
    g_assert_cmpuint(record(world, A)->term, ==, 2);
    g_assert_cmpuint(world->nodes[A].disk.uuid, ==, 1);
    g_assert_true(world->nodes[A].hook);
}

static void
assert_fails_at(struct world *world, guint node, enum protocol_effect effect)
{
    world->fails[node][effect] = TRUE;
    g_assert_true(world_order(world, A, PROTOCOL_SWITCH));
    assert_ended(world, A, "the test says no");
    assert_rolled_back(world);
    world->fails[node][effect] = FALSE;
    g_assert_true(world_order(world, B, PROTOCOL_SWITCH));
    assert_ended_well(world, B);
}

#define TEST_FAILS_AT(name, node, effect)                                                          \
    static void test_rolls_back_when_##name(struct world **fixture, gconstpointer data)            \
    {                                                                                              \
        (void)data;                                                                                \
        begin(*fixture);                                                                           \
        assert_fails_at(*fixture, node, effect);                                                   \
    }
TEST_FAILS_AT(a_check_fails, A, PROTOCOL_CHECK)
TEST_FAILS_AT(b_check_fails, B, PROTOCOL_CHECK)
TEST_FAILS_AT(the_stop_hook_fails, A, PROTOCOL_STOP)
TEST_FAILS_AT(the_fence_fails, A, PROTOCOL_FENCE)
TEST_FAILS_AT(the_standby_cannot_catch_up, B, PROTOCOL_PULL)

/* ---- forced ---- */

static void
test_the_dead_one_is_replaced_by_force(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    begin(world);
    world->nodes[A].disk.data = 1;
    world_power_off(world, A);
    world_run(world, 2000);
    world->nodes[B].disk.data = 2;
    g_assert_true(world_order(world, B, PROTOCOL_FORCE));
    assert_ended_well(world, B);
    g_assert_true(b_serves(world));
    g_assert_cmpuint(world->nodes[B].disk.uuid, >, 2);
    g_assert_true(record(world, B)->unmerged);
    g_assert_true(protocol_is_forced(world->nodes[B].core));
    world_boot(world, A);
    g_assert_true(world_until(world, b_leads, LONG));
    g_assert_true(world_until(world, nothing_is_owed, LONG));
    g_assert_cmpuint(world->nodes[B].disk.data, ==, 3);
    g_assert_false(protocol_is_forced(world->nodes[B].core));
}

static void
test_one_that_answers_yields_to_force(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    begin(world);
    g_assert_true(world_order(world, B, PROTOCOL_FORCE));
    assert_ended_well(world, B);
    g_assert_true(world_until(world, b_leads, LONG));
    g_assert_true(world_until(world, nothing_is_owed, LONG));
}

static void
test_one_that_answers_is_not_taken_over_by_arp_alone(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    begin(world);
    world_cut(world, TRUE, TRUE); /* the nodes' own path; the LAN goes on */
    world_run(world, 3000);
    g_assert_true(world_order(world, B, PROTOCOL_FORCE));
    assert_ended(world, B, "MAC address 02:00:00:00:00:01");
    g_assert_cmpint(role(world, B), ==, PROTOCOL_STANDBY);
    world_attach(world, A, FALSE);
    g_assert_true(world_order(world, B, PROTOCOL_FENCED));
    assert_ended_well(world, B);
    g_assert_true(protocol_is_fenced(world->nodes[B].core));
    world_cut(world, FALSE, FALSE);
    world_attach(world, A, TRUE);
    g_assert_true(world_until(world, b_leads, LONG));
    g_assert_true(world_until(world, nothing_is_owed, LONG));
    g_assert_false(protocol_is_fenced(world->nodes[B].core));
}

static void
test_one_that_yielded_does_not_resume(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    begin(world);
    world->nodes[B].disk_bad_until = G_MAXINT64;
    g_assert_true(world_order(world, B, PROTOCOL_FORCE));
    assert_ended(world, B, "cannot write to its disk");
    world_power_off(world, A);
    world_power_off(world, B);
    world_boot(world, A);
    world_run(world, LONG);
    g_assert_false(a_serves(world));
    assert_trouble(world, A, "lifeboat failover --force` here");
    g_assert_true(world_order(world, A, PROTOCOL_FORCE));
    assert_ended_well(world, A);
    g_assert_true(a_serves(world));
}

static void
test_a_fence_that_hangs_does_not_keep_the_role(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    begin(world);
    world_cut(world, TRUE, TRUE);
    world_attach(world, A, FALSE);
    g_assert_true(world_order(world, B, PROTOCOL_FENCED));
    assert_ended_well(world, B);
    world->takes[PROTOCOL_FENCE] = 5000;
    world_cut(world, FALSE, FALSE);
    world_attach(world, A, TRUE);
    world_run(world, 3000);
    g_assert_cmpuint(record(world, A)->term, ==, 3);
    g_assert_cmpint(role(world, A), ==, PROTOCOL_WAIT);
    assert_trouble(world, A, "may still answer clients");
    g_assert_true(record(world, B)->unmerged);
    world->takes[PROTOCOL_FENCE] = 0;
    g_assert_true(world_until(world, b_leads, LONG));
    g_assert_true(world_until(world, nothing_is_owed, LONG));
}

/* ---- images, and lost memory ---- */

static void
test_one_that_lost_its_term_waits_and_the_other_is_forced(struct world **fixture,
                                                          gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    begin(world);
    world_image(world, B);
    g_assert_true(world_order(world, A, PROTOCOL_SWITCH));
    assert_ended_well(world, A);
    g_assert_true(world_until(world, nothing_is_owed, LONG));
    world_power_off(world, B);
    world_set_back(world, B);
    world_boot(world, B);
    world_run(world, LONG);
    g_assert_false(a_serves(world) || b_serves(world));
    assert_trouble(world, B, "lost what it knew");
    assert_trouble(world, A, "lifeboat failover --force` here");
    g_assert_true(world_order(world, A, PROTOCOL_FORCE));
    assert_ended_well(world, A);
    g_assert_true(world_until(world, a_leads, LONG));
    g_assert_true(world_until(world, nothing_is_owed, LONG));
}

static void
test_one_without_memory_follows(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    world->nodes[B].disk.record.term = 0;
    begin(world);
    g_assert_cmpuint(record(world, B)->term, ==, 2);
}

static void
test_one_that_is_told_that_it_was_set_back_waits(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    begin(world);
    g_assert_true(world_order(world, A, PROTOCOL_RESTORED));
    assert_ended_well(world, A);
    g_assert_false(a_serves(world));
    assert_trouble(world, A, "--force` on the other node");
    g_assert_true(world_order(world, B, PROTOCOL_FORCE));
    assert_ended_well(world, B);
    g_assert_true(world_until(world, nothing_is_owed, LONG));
}

/* ---- pairs ---- */

static void
test_alone_it_serves_and_paired_it_goes_on(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    for (guint i = 0; i < 2; i++) {
        struct protocol_record *one = &world->nodes[i].disk.record;
        *one = (struct protocol_record){0};
        g_strlcpy(one->id, i == A ? "node a" : "node b", sizeof one->id);
    }
    world_boot(world, A);
    g_assert_true(world_until(world, a_serves, LONG));
    world_run(world, 100);
    protocol_paired(world->nodes[A].core, "pair", "node b", 0, TRUE, world->now);
    g_assert_true(a_serves(world));
    g_assert_true(protocol_is_open(world->nodes[A].core));
    world_boot(world, B);
    protocol_paired(world->nodes[B].core, "pair", "node a", 1, FALSE, world->now);
    g_assert_true(world_until(world, a_leads, LONG));
    world_run(world, 5000);
    g_assert_true(world_order(world, B, PROTOCOL_SWITCH));
    assert_ended_well(world, B);
    protocol_forget(world->nodes[B].core, world->now);
    protocol_revoked(world->nodes[A].core, world->now);
    world_run(world, LONG);
    g_assert_true(b_serves(world));
    g_assert_false(a_serves(world));
    assert_trouble(world, A, "has parted from this one");
    g_assert_cmpint(role(world, B), ==, PROTOCOL_ACTIVE);
}

/* ---- by itself ---- */

static void
test_a_standby_takes_over_by_itself_if_it_may(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    world->times.automatic = 3000;
    begin(world);
    world_pause(world, A, 20000);
    g_assert_true(world_until(world, b_serves, 10000));
    g_assert_false(world->nodes[A].power); /* the fence hook saw to that */
    world_boot(world, A);
    g_assert_true(world_until(world, b_leads, LONG));
    g_assert_true(world_until(world, nothing_is_owed, LONG));
}

static void
test_a_standby_that_hung_does_not_take_over(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    world->times.automatic = 3000;
    begin(world);
    world_pause(world, B, 8000);
    world_run(world, LONG);
    g_assert_cmpuint(world->nodes[B].n_begun[PROTOCOL_CUT], ==, 0);
    g_assert_true(a_leads(world));
}

static void
test_a_standby_does_not_take_over_if_the_fence_hook_fails(struct world **fixture,
                                                          gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    world->times.automatic = 3000;
    begin(world);
    world->fails[B][PROTOCOL_CUT] = TRUE;
    world_cut(world, TRUE, TRUE);
    world_run(world, 15000);
    g_assert_cmpuint(world->nodes[B].n_begun[PROTOCOL_CUT], >, 0);
    g_assert_true(a_leads(world));
    assert_trouble(world, B, "could not cut it off");
}

/* ---- after the grant ---- */

static void
test_a_start_hook_that_fails_is_tried_again(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    begin(world);
    world->fails[B][PROTOCOL_START] = TRUE;
    g_assert_true(world_order(world, B, PROTOCOL_SWITCH));
    world_run(world, 30000);
    g_assert_false(a_serves(world) || b_serves(world));
    assert_trouble(world, B, "start hook fails");
    world->fails[B][PROTOCOL_START] = FALSE;
    assert_ended_well(world, B);
    assert_handed_over(world);
}

static void
test_the_grant_outlives_a_power_cut_of_both(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    begin(world);
    world->fails[B][PROTOCOL_PROBE] = TRUE;
    g_assert_true(world_order(world, A, PROTOCOL_SWITCH));
    while (world->grants == 0)
        world_run(world, 1);
    world_power_off(world, A);
    world_power_off(world, B);
    world->fails[B][PROTOCOL_PROBE] = FALSE;
    world_boot(world, A);
    world_run(world, LONG);
    g_assert_false(a_serves(world));
    assert_trouble(world, A, "lifeboat failover --force` here");
    world_boot(world, B);
    assert_handed_over(world);
}

/* Else a power cut, some time later, would have it hand over what clients wrote since. */
static void
test_nothing_is_served_while_nobody_knows_what_is_kept(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    struct world_node *a = &world->nodes[A];
    (void)data;
    begin(world);
    g_assert_true(world_order(world, A, PROTOCOL_SWITCH));
    while (world->nodes[B].n_begun[PROTOCOL_PULL] == 0)
        world_run(world, 1);
    a->disk_bad_until = world->now + 20000;
    a->disk_lies = TRUE;
    assert_ended(world, A, "cannot write to its disk");
    g_assert_cmpuint(a->disk.record.term, ==, 3); /* the grant, which it says it could not write */
    world_run(world, 10000);
    g_assert_false(a_serves(world));
    assert_trouble(world, A, "cannot write to its disk");
    a->disk_lies = FALSE;
    a->disk_bad_until = 0;
    assert_rolled_back(world);
    g_assert_cmpuint(a->disk.record.term, ==, 2);
}

static void
test_a_switch_can_be_cancelled(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    begin(world);
    world->takes[PROTOCOL_PULL] = 10000;
    g_assert_true(world_order(world, B, PROTOCOL_SWITCH));
    while (world->nodes[B].n_begun[PROTOCOL_PULL] == 0)
        world_run(world, 1);
    g_assert_true(world_order(world, A, PROTOCOL_CANCEL));
    assert_ended(world, B, "cancelled");
    assert_rolled_back(world);
}

static void
test_one_that_does_not_catch_up_in_time_is_given_up(struct world **fixture, gconstpointer data)
{
    struct world *world = *fixture;
    (void)data;
    begin(world);
    world->takes[PROTOCOL_PULL] = LONG;
    g_assert_true(world_order(world, A, PROTOCOL_SWITCH));
    assert_ended(world, A, "catch up in time");
    assert_rolled_back(world);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, function)                                                                       \
    g_test_add("/failover_protocol/" name, struct world *, NULL, set_up, function, tear_down)
    TEST("both boot, and the holder serves", test_both_boot_and_the_holder_serves);
    TEST("a holder alone waits, and goes on", test_a_holder_alone_waits_and_goes_on);
    TEST("a standby alone waits for a person", test_a_standby_alone_waits_for_a_person);
    TEST("an address that was lost is taken again", test_an_address_that_was_lost_is_taken_again);
    TEST("a switch from the active node", test_a_switch_from_the_active_node);
    TEST("a switch from the standby", test_a_switch_from_the_standby);
    TEST("rolls back when its check fails", test_rolls_back_when_a_check_fails);
    TEST("rolls back when the other one's check fails", test_rolls_back_when_b_check_fails);
    TEST("rolls back when the stop hook fails", test_rolls_back_when_the_stop_hook_fails);
    TEST("rolls back when the fence fails", test_rolls_back_when_the_fence_fails);
    TEST("rolls back when the standby cannot catch up",
         test_rolls_back_when_the_standby_cannot_catch_up);
    TEST("the dead one is replaced by force", test_the_dead_one_is_replaced_by_force);
    TEST("one that answers yields to force", test_one_that_answers_yields_to_force);
    TEST("one whose address answers is left alone, unless it was cut off",
         test_one_that_answers_is_not_taken_over_by_arp_alone);
    TEST("one that yielded does not resume", test_one_that_yielded_does_not_resume);
    TEST("a fence that hangs does not keep the role",
         test_a_fence_that_hangs_does_not_keep_the_role);
    TEST("one that lost its term waits, and the other one is forced",
         test_one_that_lost_its_term_waits_and_the_other_is_forced);
    TEST("one without memory follows", test_one_without_memory_follows);
    TEST("one that is told that it was set back waits",
         test_one_that_is_told_that_it_was_set_back_waits);
    TEST("alone it serves, and paired it goes on",
         test_alone_it_serves_and_paired_it_goes_on);
    TEST("a standby takes over by itself, if it may",
         test_a_standby_takes_over_by_itself_if_it_may);
    TEST("a standby that hung does not take over", test_a_standby_that_hung_does_not_take_over);
    TEST("a standby does not take over if the fence hook fails",
         test_a_standby_does_not_take_over_if_the_fence_hook_fails);
    TEST("a start hook that fails is tried again", test_a_start_hook_that_fails_is_tried_again);
    TEST("the grant outlives a power cut of both", test_the_grant_outlives_a_power_cut_of_both);
    TEST("nothing is served while nobody knows what is kept",
         test_nothing_is_served_while_nobody_knows_what_is_kept);
    TEST("a switch can be cancelled", test_a_switch_can_be_cancelled);
    TEST("one that does not catch up in time is given up",
         test_one_that_does_not_catch_up_in_time_is_given_up);
    return g_test_run();
}
