/* protocol: by force: who takes, who yields, and what each owes then. One node on a stage
 * (failover_stage.h). */
#include "tests/unit/failover_stage.h"

#include <string.h>

static const struct protocol_record *
record(const struct stage *stage)
{
    return protocol_record(stage->core);
}

/* ---- the one that yields ---- */

static void
test_one_that_yields_owes_a_merge_and_a_uuid(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    stage_hear_kind(stage, PROTOCOL_YIELD, "force 1");
    g_assert_cmpuint(stage->n_said[PROTOCOL_YIELDED], ==, 0);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    g_assert_cmpstr(stage->said[PROTOCOL_YIELDED].about, ==, "force 1");
    g_assert_false(stage->disk.taken);
    g_assert_true(stage->disk.unmerged && stage->disk.fresh);
    g_assert_false(protocol_is_open(stage->core));
}

static void
test_one_whose_fence_fails_does_not_say_that_it_yielded(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    stage_hear_kind(stage, PROTOCOL_YIELD, "force 1");
    stage_end(stage, PROTOCOL_FENCE, FALSE, "the test says no");
    stage_hear_kind(stage, PROTOCOL_YIELD, "force 1");
    g_assert_cmpuint(stage->n_said[PROTOCOL_YIELDED], ==, 0);
}

static void
test_nobody_yields_to_an_old_term(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    stage->peer.term = 2;
    stage_hear_kind(stage, PROTOCOL_YIELD, "force 1");
    g_assert_true(protocol_is_open(stage->core));
    g_assert_true(record(stage)->taken);
}

/* ---- the one that takes ---- */

static const char *
force_name(const struct stage *stage)
{
    return stage->said[PROTOCOL_YIELD].about;
}

static void
test_it_takes_once_its_own_word_is_answered(void)
{
    AUTO(stage) *stage = stage_new();
    stage_follow(stage);
    stage_order(stage, PROTOCOL_FORCE);
    stage_hear_kind(stage, PROTOCOL_YIELDED, "force 7");
    g_assert_false(stage_runs(stage, PROTOCOL_PROBE));
    stage->peer.role = PROTOCOL_WAIT;
    stage->peer.taken = stage->peer.open = FALSE;
    stage_hear_kind(stage, PROTOCOL_YIELDED, force_name(stage));
    stage_end(stage, PROTOCOL_PROBE, TRUE, "");
    g_assert_cmpuint(stage->disk.term, ==, 3);
    g_assert_true(stage->disk.taken && stage->disk.unmerged && stage->disk.fresh);
    stage_end(stage, PROTOCOL_FRESH, TRUE, "");
    stage_come_up(stage);
}

static void
test_it_is_not_cancelled_and_says_so(void)
{
    AUTO(stage) *stage = stage_new();
    g_autofree char *yielding = NULL, *probing = NULL, *rising = NULL;
    stage_follow(stage);
    stage_order(stage, PROTOCOL_FORCE);
    g_assert_false(protocol_order(stage->core, PROTOCOL_CANCEL, stage->now, &yielding));
    stage_part(stage);
    stage_run(stage, 200);
    g_assert_false(protocol_order(stage->core, PROTOCOL_CANCEL, stage->now, &probing));
    stage_end(stage, PROTOCOL_PROBE, TRUE, "");
    g_assert_false(protocol_order(stage->core, PROTOCOL_CANCEL, stage->now, &rising));
    g_assert_nonnull(strstr(yielding, "this node takes over already"));
    g_assert_cmpstr(probing, ==, yielding);
    g_assert_cmpstr(rising, ==, yielding);
    stage_end(stage, PROTOCOL_FRESH, TRUE, "");
    stage_come_up(stage);
}

static void
test_a_probe_that_fails_tells_nothing(void)
{
    AUTO(stage) *stage = stage_new();
    stage_follow(stage);
    stage_part(stage);
    stage_order(stage, PROTOCOL_FORCE);
    stage_end(stage, PROTOCOL_PROBE, FALSE, "the test says no");
    g_assert_nonnull(strstr(stage->last_ended, "could not be found out"));
    g_assert_cmpuint(record(stage)->term, ==, 2);
}

static void
test_one_that_answers_but_stays_is_taken_over_only_if_it_is_cut_off(void)
{
    AUTO(stage) *stage = stage_new();
    stage_follow(stage);
    stage_order(stage, PROTOCOL_FORCE);
    stage_run(stage, 6000);
    g_assert_nonnull(strstr(stage->last_ended, "does not step down"));
    g_assert_cmpuint(record(stage)->term, ==, 2);
    stage_order(stage, PROTOCOL_FENCED);
    stage_run(stage, 6000);
    g_assert_cmpuint(stage->disk.term, ==, 3);
}

static void
test_a_term_that_was_handed_over_is_taken_back_clean(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.term = 4; /* a's, by a grant of this node's */
    stage->disk.granted = TRUE;
    g_strlcpy(stage->disk.attempt, "attempt 1", sizeof stage->disk.attempt);
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    stage_order(stage, PROTOCOL_FORCE);
    stage_end(stage, PROTOCOL_PROBE, TRUE, "");
    g_assert_cmpuint(stage->disk.term, ==, 5);
    g_assert_false(stage->disk.granted);
    g_assert_cmpstr(stage->disk.attempt, ==, "");
    g_assert_true(stage->disk.taken && stage->disk.unmerged && stage->disk.fresh);
}

static void
test_a_uuid_that_was_to_be_taken_over_is_not_after_force(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.term = 3;
    stage->disk.taken = stage->disk.adopts = TRUE;
    g_strlcpy(stage->disk.uuid, "a's uuid", sizeof stage->disk.uuid);
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    stage_order(stage, PROTOCOL_FENCED);
    g_assert_true(stage_runs(stage, PROTOCOL_FRESH));
    g_assert_false(stage->disk.adopts);
    g_assert_cmpstr(stage->disk.uuid, ==, "");
}

/* ---- by itself ---- */

static void
follow_alone(struct stage *stage, gboolean unmerged)
{
    stage->disk.unmerged = unmerged;
    stage_start(stage, FALSE, TRUE);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    stage_meet(stage, 2, PROTOCOL_ACTIVE);
    stage_end(stage, PROTOCOL_STOP, TRUE, "");
    stage_run(stage, 10000);
    stage_part(stage);
    stage_run(stage, STAGE_AUTOMATIC + 1000);
}

static void
test_not_by_itself_while_a_merge_is_owed(void)
{
    AUTO(stage) *stage = stage_new();
    follow_alone(stage, TRUE);
    g_assert_false(stage_runs(stage, PROTOCOL_CUT));
}

static void
test_not_by_itself_when_the_other_one_is_back(void)
{
    AUTO(stage) *stage = stage_new();
    follow_alone(stage, FALSE);
    g_assert_true(stage_runs(stage, PROTOCOL_CUT));
    stage_meet(stage, 2, PROTOCOL_ACTIVE);
    stage_run(stage, 200);
    g_assert_false(stage_runs(stage, PROTOCOL_CUT));
    g_assert_cmpuint(record(stage)->term, ==, 2);
}

/* The switch that is left fails, and the other node is well. */
static void
test_not_by_itself_where_a_path_had_failed_before(void)
{
    AUTO(stage) *stage = stage_new();
    stage_start(stage, FALSE, TRUE);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    stage_meet(stage, 2, PROTOCOL_ACTIVE);
    stage_end(stage, PROTOCOL_STOP, TRUE, "");
    stage_run(stage, 10000);
    g_assert_cmpstr(stage_trouble(stage), ==, "");
    stage->paths = 1;
    stage_run(stage, 4000);
    stage_assert_trouble(stage, "only one path");
    stage_part(stage);
    stage_run(stage, STAGE_AUTOMATIC + 1000);
    g_assert_false(stage_runs(stage, PROTOCOL_CUT));
    stage_assert_trouble(stage, "does not take over by itself");
    stage->paths = 2;
    stage_meet(stage, 2, PROTOCOL_ACTIVE);
    stage_run(stage, 1000);
    stage_part(stage);
    stage_run(stage, STAGE_AUTOMATIC + 1000);
    g_assert_true(stage_runs(stage, PROTOCOL_CUT));
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add_func("/failover_force/" name, function)
    TEST("one that yields owes a merge and a uuid", test_one_that_yields_owes_a_merge_and_a_uuid);
    TEST("one whose fence fails does not say that it yielded",
         test_one_whose_fence_fails_does_not_say_that_it_yielded);
    TEST("nobody yields to an old term", test_nobody_yields_to_an_old_term);
    TEST("it takes once its own word is answered", test_it_takes_once_its_own_word_is_answered);
    TEST("it is not cancelled and says so", test_it_is_not_cancelled_and_says_so);
    TEST("a probe that fails tells nothing", test_a_probe_that_fails_tells_nothing);
    TEST("one that answers but stays is taken over only if it is cut off",
         test_one_that_answers_but_stays_is_taken_over_only_if_it_is_cut_off);
    TEST("a term that was handed over is taken back clean",
         test_a_term_that_was_handed_over_is_taken_back_clean);
    TEST("a uuid that was to be taken over is not after force",
         test_a_uuid_that_was_to_be_taken_over_is_not_after_force);
    TEST("not by itself while a merge is owed", test_not_by_itself_while_a_merge_is_owed);
    TEST("not by itself where a path had failed before",
         test_not_by_itself_where_a_path_had_failed_before);
    TEST("not by itself when the other one is back", test_not_by_itself_when_the_other_one_is_back);
    return g_test_run();
}
