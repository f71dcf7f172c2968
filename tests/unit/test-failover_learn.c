/* protocol: booting, terms that are heard, and pairs. One node on a stage (failover_stage.h). */
#include "tests/unit/failover_stage.h"

#include <string.h>

/* ---- booting ---- */

/* Node b, which holds term 3, switched on and fenced. */
static void
boot_as_holder(struct stage *stage)
{
    stage->disk.term = 3;
    stage->disk.taken = TRUE;
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
}

static void
test_a_holder_looks_whether_the_address_is_free(void)
{
    AUTO(stage) *stage = stage_new();
    boot_as_holder(stage);
    stage_meet(stage, 3, PROTOCOL_STANDBY);
    g_assert_true(stage_runs(stage, PROTOCOL_PROBE));
    g_assert_cmpint(protocol_role(stage->core), ==, PROTOCOL_WAIT);
    stage_end(stage, PROTOCOL_PROBE, TRUE, "02:00:00:00:00:01");
    g_assert_false(stage_runs(stage, PROTOCOL_START));
    stage_assert_trouble(stage, "02:00:00:00:00:01");
    stage_run(stage, 3000);
    stage_come_up(stage);
}

static void
test_nothing_is_begun_before_the_fence(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.term = 3;
    stage->disk.taken = TRUE;
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_FENCE, FALSE, "the test says no");
    stage_meet(stage, 3, PROTOCOL_STANDBY);
    stage_run(stage, 1500); /* it is tried again */
    g_assert_false(stage_runs(stage, PROTOCOL_PROBE));
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    g_assert_true(stage_runs(stage, PROTOCOL_PROBE));
}

static void
test_time_in_which_it_hung_is_no_silence(void)
{
    AUTO(stage) *stage = stage_new();
    boot_as_holder(stage);
    stage_run(stage, 1000);
    stage->now += 2 * STAGE_BOOT_WAIT;
    stage_run(stage, 1000);
    g_assert_false(stage_runs(stage, PROTOCOL_PROBE));
    stage_run(stage, STAGE_BOOT_WAIT);
    g_assert_true(stage_runs(stage, PROTOCOL_PROBE));
}

static void
test_time_without_a_cable_is_no_silence(void)
{
    AUTO(stage) *stage = stage_new();
    boot_as_holder(stage);
    protocol_cable(stage->core, FALSE, stage->now);
    stage_run(stage, 3 * STAGE_BOOT_WAIT);
    g_assert_false(stage_runs(stage, PROTOCOL_PROBE));
    stage_assert_trouble(stage, "no network cable");
    protocol_cable(stage->core, TRUE, stage->now);
    stage_run(stage, STAGE_BOOT_WAIT - 1000);
    g_assert_false(stage_runs(stage, PROTOCOL_PROBE));
    stage_run(stage, 2000);
    g_assert_true(stage_runs(stage, PROTOCOL_PROBE));
}

static void
test_a_standby_alone_stops_what_runs_there(void)
{
    AUTO(stage) *stage = stage_new();
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    stage_run(stage, STAGE_BOOT_WAIT + 1000);
    g_assert_true(stage_runs(stage, PROTOCOL_STOP));
}

static void
test_nobody_resumes_what_it_does_not_hold(void)
{
    AUTO(stage) *stage = stage_new();
    stage_start(stage, TRUE, FALSE);
    g_assert_false(protocol_is_open(stage->core));
}

static void
test_nobody_resumes_with_a_uuid_owed(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.term = 3;
    stage->disk.taken = stage->disk.fresh = TRUE;
    stage_start(stage, TRUE, FALSE);
    g_assert_false(protocol_is_open(stage->core));
}

/* ---- terms ---- */

static void
test_who_leaves_a_term_owes_a_merge_and_a_uuid(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    stage_meet(stage, 4, PROTOCOL_ACTIVE);
    g_assert_false(protocol_is_open(stage->core));
    const guint said = stage->n_said[PROTOCOL_STATE];
    stage_run(stage, 1000);
    g_assert_cmpuint(stage->n_said[PROTOCOL_STATE], ==, said); /* not before it is fenced */
    g_assert_cmpuint(stage->disk.term, ==, 3);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    g_assert_cmpuint(stage->disk.term, ==, 4);
    g_assert_true(stage->disk.unmerged && stage->disk.fresh);
    g_assert_cmpuint(stage->n_said[PROTOCOL_STATE], >, said);
    g_assert_true(stage_runs(stage, PROTOCOL_STOP));
}

static void
test_what_was_begun_is_given_up_with_the_term(void)
{
    AUTO(stage) *stage = stage_new();
    boot_as_holder(stage);
    stage_meet(stage, 3, PROTOCOL_STANDBY);
    stage_end(stage, PROTOCOL_PROBE, TRUE, "");
    g_assert_true(stage_runs(stage, PROTOCOL_START));
    stage_meet(stage, 4, PROTOCOL_ACTIVE);
    g_assert_false(stage_runs(stage, PROTOCOL_START));
}

static void
test_who_held_a_term_that_it_does_not_know_waits(void)
{
    AUTO(stage) *stage = stage_new();
    stage_follow(stage);
    stage->peer.term = 4;
    stage->peer.held = 3;
    stage_hear(stage);
    g_assert_cmpint(protocol_role(stage->core), ==, PROTOCOL_WAIT);
    g_assert_true(stage->disk.unmerged && stage->disk.fresh);
    stage_assert_trouble(stage, "lost what it knew");
}

static void
test_a_standby_says_which_term_the_other_one_took(void)
{
    AUTO(stage) *stage = stage_new();
    stage_follow(stage);
    stage_run(stage, 500);
    g_assert_cmpuint(stage->said[PROTOCOL_STATE].held, ==, 2);
}

static void
test_who_has_its_own_term_and_has_not_taken_it_is_lost(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.term = 3;
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    stage_meet(stage, 3, PROTOCOL_WAIT);
    stage_assert_trouble(stage, "lost what it knew");
}

static void
test_who_knows_less_is_told_at_once(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    const guint said = stage->n_said[PROTOCOL_STATE];
    stage->peer.term = 1;
    stage_hear(stage);
    g_assert_cmpuint(stage->n_said[PROTOCOL_STATE], >, said);
}

static void
test_a_stranger_is_not_heard(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    struct protocol_message message = stage->peer;
    message.term = 4;
    g_strlcpy(message.id, "another node", sizeof message.id);
    protocol_take(stage->core, &message, stage->now);
    g_assert_true(protocol_is_open(stage->core));
    g_strlcpy(message.id, stage->peer.id, sizeof message.id);
    g_strlcpy(message.cluster, "another clinic", sizeof message.cluster);
    protocol_take(stage->core, &message, stage->now);
    g_assert_true(protocol_is_open(stage->core));
}

/* ---- disks that were set back ---- */

static void
test_one_that_is_told_that_it_was_set_back_promises_nothing(void)
{
    AUTO(stage) *stage = stage_new();
    g_strlcpy(stage->disk.promised, "attempt 1", sizeof stage->disk.promised);
    stage_follow(stage);
    stage_order(stage, PROTOCOL_RESTORED);
    g_assert_cmpstr(stage->disk.promised, ==, "");
    g_assert_true(stage->disk.fresh);
}

static void
test_one_that_is_told_that_it_was_set_back_holds_nothing(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    stage_order(stage, PROTOCOL_RESTORED);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    g_assert_false(stage->disk.taken);
    g_assert_true(stage->disk.unmerged && stage->disk.fresh);
}

/* ---- pairs ---- */

static void
test_who_joins_serves_nobody(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk = (struct protocol_record){.taken = TRUE, .fresh = TRUE};
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_PROBE, TRUE, "");
    stage_end(stage, PROTOCOL_FRESH, FALSE, "the test says no");
    protocol_paired(stage->core, "the clinic", "node a", 1, FALSE, stage->now);
    g_assert_false(protocol_is_open(stage->core));
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    g_assert_cmpint(protocol_role(stage->core), ==, PROTOCOL_WAIT);
    g_assert_true(stage->disk.fresh); /* owed still */
    g_assert_false(stage->disk.taken);
}

static void
test_who_introduces_holds_the_first_term(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk = (struct protocol_record){.term = 7, .taken = TRUE};
    stage_start(stage, FALSE, FALSE);
    stage_come_up(stage);
    protocol_paired(stage->core, "the clinic", "node a", 0, TRUE, stage->now);
    g_assert_true(protocol_is_open(stage->core));
    g_assert_true(stage->disk.taken);
    g_assert_cmpuint(stage->disk.term, ==, 8); /* above all that it knows, and its own */
}

static void
test_a_standby_that_forgets_the_other_one_draws_a_fresh_uuid(void)
{
    AUTO(stage) *stage = stage_new();
    stage_follow(stage);
    protocol_forget(stage->core, stage->now);
    g_assert_true(stage->disk.fresh);
    g_assert_cmpuint(stage->disk.term, ==, 2);
    g_assert_true(protocol_is_fenced(stage->core));
}

static void
test_an_active_one_that_forgets_still_takes_over_the_uuid(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.term = 3;
    stage->disk.taken = stage->disk.adopts = TRUE;
    g_strlcpy(stage->disk.uuid, "a's uuid", sizeof stage->disk.uuid);
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    stage_run(stage, STAGE_BOOT_WAIT + 1000);
    stage_end(stage, PROTOCOL_PROBE, TRUE, "");
    protocol_forget(stage->core, stage->now);
    g_assert_true(stage->disk.adopts);
    g_assert_cmpstr(stage->disk.uuid, ==, "a's uuid");
}

static void
test_one_that_was_replaced_holds_and_promises_nothing(void)
{
    AUTO(stage) *stage = stage_new();
    g_autofree char *why = NULL;
    stage_lead(stage);
    g_strlcpy(stage->disk.promised, "attempt 1", sizeof stage->disk.promised);
    stage_start(stage, FALSE, FALSE); /* with that */
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    protocol_revoked(stage->core, stage->now);
    g_assert_false(stage->disk.taken);
    g_assert_cmpstr(stage->disk.promised, ==, "");
    g_assert_false(protocol_order(stage->core, PROTOCOL_FORCE, stage->now, &why));
    g_assert_nonnull(strstr(why, "has parted"));
    stage_part(stage);
    stage_run(stage, 2 * STAGE_BOOT_WAIT);
    g_assert_false(stage_runs(stage, PROTOCOL_PROBE));
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add_func("/failover_learn/" name, function)
    TEST("a holder looks whether the address is free",
         test_a_holder_looks_whether_the_address_is_free);
    TEST("nothing is begun before the fence", test_nothing_is_begun_before_the_fence);
    TEST("time in which it hung is no silence", test_time_in_which_it_hung_is_no_silence);
    TEST("time without a cable is no silence", test_time_without_a_cable_is_no_silence);
    TEST("a standby alone stops what runs there", test_a_standby_alone_stops_what_runs_there);
    TEST("nobody resumes what it does not hold", test_nobody_resumes_what_it_does_not_hold);
    TEST("nobody resumes with a uuid owed", test_nobody_resumes_with_a_uuid_owed);
    TEST("who leaves a term owes a merge and a uuid",
         test_who_leaves_a_term_owes_a_merge_and_a_uuid);
    TEST("what was begun is given up with the term", test_what_was_begun_is_given_up_with_the_term);
    TEST("who held a term that it does not know waits",
         test_who_held_a_term_that_it_does_not_know_waits);
    TEST("a standby says which term the other one took",
         test_a_standby_says_which_term_the_other_one_took);
    TEST("who has its own term and has not taken it is lost",
         test_who_has_its_own_term_and_has_not_taken_it_is_lost);
    TEST("who knows less is told at once", test_who_knows_less_is_told_at_once);
    TEST("a stranger is not heard", test_a_stranger_is_not_heard);
    TEST("one that is told that it was set back promises nothing",
         test_one_that_is_told_that_it_was_set_back_promises_nothing);
    TEST("one that is told that it was set back holds nothing",
         test_one_that_is_told_that_it_was_set_back_holds_nothing);
    TEST("who joins serves nobody", test_who_joins_serves_nobody);
    TEST("who introduces holds the first term", test_who_introduces_holds_the_first_term);
    TEST("a standby that forgets the other one draws a fresh uuid",
         test_a_standby_that_forgets_the_other_one_draws_a_fresh_uuid);
    TEST("an active one that forgets still takes over the uuid",
         test_an_active_one_that_forgets_still_takes_over_the_uuid);
    TEST("one that was replaced holds and promises nothing",
         test_one_that_was_replaced_holds_and_promises_nothing);
    return g_test_run();
}
