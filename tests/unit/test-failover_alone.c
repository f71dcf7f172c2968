/* protocol: a node that was never paired. One node on a stage (failover_stage.h). */
#include "tests/unit/failover_stage.h"

#include <string.h>

#define RIVAL "02:00:00:00:00:01"

/* Just installed, or its state folder was lost while CouchDB's was not. */
static struct stage *
new_node(void)
{
    struct stage *stage = stage_new();
    stage->disk = (struct protocol_record){0};
    g_strlcpy(stage->disk.id, "node b", sizeof stage->disk.id);
    return stage;
}

/* Switched on while another machine has the service address. */
static void
meet_rival(struct stage *stage)
{
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_PROBE, TRUE, RIVAL);
}

/* Looks again and again, with that answer, and serves nobody. */
static void
assert_waits(struct stage *stage, const char *answer)
{
    for (guint i = 0; i < 10; i++) {
        if (stage_runs(stage, PROTOCOL_PROBE))
            stage_end(stage, PROTOCOL_PROBE, TRUE, answer);
        g_assert_false(stage_runs(stage, PROTOCOL_FRESH) || stage_runs(stage, PROTOCOL_START));
        g_assert_cmpint(protocol_role(stage->core), ==, PROTOCOL_WAIT);
        stage_assert_trouble(stage, RIVAL);
        stage_assert_trouble(stage, "lifeboat peer pair");
        stage_run(stage, 2100);
    }
}

/* It answers no longer. */
static void
assert_asks(struct stage *stage)
{
    assert_waits(stage, "");
    stage_assert_trouble(stage, "lifeboat failover --force");
}

/* The address is free, for as long as the port of a switch may be closed. */
static void
look_around(struct stage *stage)
{
    const gint64 until = stage->now + STAGE_BOOT_WAIT - 1000;
    while (stage->now < until) {
        if (stage_runs(stage, PROTOCOL_PROBE))
            stage_end(stage, PROTOCOL_PROBE, TRUE, "");
        g_assert_false(stage_runs(stage, PROTOCOL_START));
        g_assert_cmpint(protocol_role(stage->core), ==, PROTOCOL_WAIT);
        stage_assert_trouble(stage, "this node is new");
        stage_run(stage, 100);
    }
    stage_run(stage, 3000);
}

static void
test_it_serves_where_the_address_is_free(void)
{
    AUTO(stage) *stage = new_node();
    stage_start(stage, FALSE, FALSE);
    look_around(stage);
    g_assert_false(stage->disk.taken);
    stage_come_up(stage);
    g_assert_cmpint((gint)stage->now, ==, 1000 + STAGE_BOOT_WAIT + 2000);
    g_assert_true(stage->disk.taken);
    g_assert_false(stage->disk.unmerged || stage->disk.fresh);
    g_assert_cmpstr(stage_trouble(stage), ==, "");
}

static void
test_it_waits_for_a_person_where_another_has_the_address(void)
{
    AUTO(stage) *stage = new_node();
    meet_rival(stage);
    g_assert_true(stage_runs(stage, PROTOCOL_STOP)); /* CHT does not work on what may be old */
    assert_waits(stage, RIVAL);
    g_assert_null(strstr(stage_trouble(stage), "--force")); /* nobody is led to take over from it */
    assert_asks(stage);
}

/* Its own port was closed at first, or that of the other machine. */
static void
test_it_waits_for_a_person_where_another_is_heard_later(void)
{
    AUTO(stage) *stage = new_node();
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_PROBE, TRUE, "");
    stage_run(stage, STAGE_BOOT_WAIT - 1000);
    stage_end(stage, PROTOCOL_PROBE, TRUE, RIVAL);
    assert_asks(stage);
}

/* Nothing can be heard: that does not count. */
static void
test_it_looks_only_while_a_cable_is_in(void)
{
    AUTO(stage) *stage = new_node();
    stage_start(stage, FALSE, FALSE);
    stage_run(stage, 100);
    protocol_cable(stage->core, FALSE, stage->now);
    stage_end(stage, PROTOCOL_PROBE, FALSE, "interface 'eth0' has no link");
    stage_run(stage, 3 * STAGE_BOOT_WAIT);
    stage_assert_trouble(stage, "has no link");
    protocol_cable(stage->core, TRUE, stage->now);
    look_around(stage);
    stage_come_up(stage);
}

static void
test_one_that_is_restarted_meanwhile_looks_anew(void)
{
    AUTO(stage) *stage = new_node();
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_PROBE, TRUE, "");
    stage_run(stage, STAGE_BOOT_WAIT - 1000);
    stage_start(stage, FALSE, FALSE);
    look_around(stage);
    stage_come_up(stage);
}

static void
test_that_outlives_a_restart(void)
{
    AUTO(stage) *stage = new_node();
    meet_rival(stage);
    stage_start(stage, FALSE, FALSE);
    assert_asks(stage);
    stage_start(stage, TRUE, FALSE);
    assert_asks(stage);
}

static void
test_it_waits_though_its_disk_is_bad(void)
{
    AUTO(stage) *stage = new_node();
    stage->disk_is_bad = TRUE;
    meet_rival(stage);
    stage_assert_trouble(stage, "cannot write to its disk");
    stage->disk_is_bad = FALSE;
    stage_run(stage, 3000);
    assert_asks(stage);
    g_assert_cmpstr(stage->disk.rival, ==, RIVAL);
}

static void
test_one_that_served_before_waits_for_the_address_alone(void)
{
    AUTO(stage) *stage = new_node();
    stage_start(stage, FALSE, FALSE);
    look_around(stage);
    stage_come_up(stage);
    stage_start(stage, FALSE, FALSE); /* as after a power cut */
    stage_end(stage, PROTOCOL_PROBE, TRUE, "");
    g_assert_true(stage_runs(stage, PROTOCOL_START)); /* at once */
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_PROBE, TRUE, RIVAL);
    stage_assert_trouble(stage, RIVAL);
    stage_run(stage, 3000);
    stage_come_up(stage);
}

/* ---- what a person can do ---- */

static void
force(struct stage *stage, enum protocol_order order, const char *answer)
{
    stage_run(stage, 3000);
    stage_end(stage, PROTOCOL_PROBE, TRUE, "");
    stage_order(stage, order);
    stage_end(stage, PROTOCOL_PROBE, TRUE, answer);
    g_assert_cmpuint(stage->ended, ==, answer[0] != 0);
}

static void
test_by_force_it_is_the_only_one(void)
{
    AUTO(stage) *stage = new_node();
    meet_rival(stage);
    stage_end(stage, PROTOCOL_STOP, TRUE, "");
    force(stage, PROTOCOL_FORCE, "");
    g_assert_true(stage_runs(stage, PROTOCOL_FRESH)); /* clients look through all */
    stage_come_up(stage);
    g_assert_cmpuint(stage->ended, ==, 1);
    g_assert_null(stage->last_ended);
    g_assert_cmpstr(stage->disk.rival, ==, "");
    g_assert_true(stage->disk.taken);
    g_assert_false(stage->disk.unmerged);
    g_assert_cmpstr(stage_trouble(stage), ==, "");
    stage_start(stage, FALSE, FALSE);
    stage_come_up(stage);
}

static void
test_not_while_the_other_machine_answers(void)
{
    AUTO(stage) *stage = new_node();
    meet_rival(stage);
    g_assert_nonnull(strstr(protocol_would_refuse(stage->core, PROTOCOL_FENCED), "not paired"));
    force(stage, PROTOCOL_FENCED, RIVAL); /* it came back just then */
    g_assert_nonnull(strstr(stage->last_ended, RIVAL));
    g_assert_false(stage->disk.taken);
    assert_asks(stage);
}

static void
test_paired_it_joins(void)
{
    AUTO(stage) *stage = new_node();
    meet_rival(stage);
    protocol_paired(stage->core, "the clinic", "node a", 1, FALSE, stage->now);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    g_assert_cmpstr(stage->disk.rival, ==, "");
    stage_meet(stage, 2, PROTOCOL_ACTIVE);
    g_assert_cmpint(protocol_role(stage->core), ==, PROTOCOL_STANDBY);
}

static void
test_a_disk_that_was_set_back_is_no_reason_to_serve(void)
{
    AUTO(stage) *stage = new_node();
    meet_rival(stage);
    stage_order(stage, PROTOCOL_RESTORED);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    assert_asks(stage);
}

static void
test_one_that_serves_is_not_forced(void)
{
    AUTO(stage) *stage = new_node();
    stage_start(stage, FALSE, FALSE);
    look_around(stage);
    stage_come_up(stage);
    g_assert_nonnull(strstr(protocol_would_refuse(stage->core, PROTOCOL_FORCE), "is alone"));
}

static void
test_by_force_it_looks_no_longer(void)
{
    AUTO(stage) *stage = new_node();
    stage_start(stage, FALSE, FALSE);
    force(stage, PROTOCOL_FORCE, "");
    stage_come_up(stage);
    g_assert_true(stage->disk.taken);
    g_assert_cmpint((gint)stage->now, <, STAGE_BOOT_WAIT);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add_func("/failover_alone/" name, function)
    TEST("it serves where the address is free", test_it_serves_where_the_address_is_free);
    TEST("it waits for a person where another has the address",
         test_it_waits_for_a_person_where_another_has_the_address);
    TEST("it waits for a person where another is heard later",
         test_it_waits_for_a_person_where_another_is_heard_later);
    TEST("it looks only while a cable is in", test_it_looks_only_while_a_cable_is_in);
    TEST("one that is restarted meanwhile looks anew",
         test_one_that_is_restarted_meanwhile_looks_anew);
    TEST("that outlives a restart", test_that_outlives_a_restart);
    TEST("it waits though its disk is bad", test_it_waits_though_its_disk_is_bad);
    TEST("one that served before waits for the address alone",
         test_one_that_served_before_waits_for_the_address_alone);
    TEST("by force it is the only one", test_by_force_it_is_the_only_one);
    TEST("not while the other machine answers", test_not_while_the_other_machine_answers);
    TEST("paired it joins", test_paired_it_joins);
    TEST("a disk that was set back is no reason to serve",
         test_a_disk_that_was_set_back_is_no_reason_to_serve);
    TEST("one that serves is not forced", test_one_that_serves_is_not_forced);
    TEST("by force it looks no longer", test_by_force_it_looks_no_longer);
    return g_test_run();
}
