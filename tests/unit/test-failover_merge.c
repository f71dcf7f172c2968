/* protocol: what is merged when, and what that ends. One node on a stage (failover_stage.h). */
#include "tests/unit/failover_stage.h"

#include <string.h>

static const struct protocol_record *
record(const struct stage *stage)
{
    return protocol_record(stage->core);
}

/* ---- the active node ---- */

static void
test_meeting_is_not_merging(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.unmerged = TRUE;
    stage_lead(stage);
    g_assert_true(stage_runs(stage, PROTOCOL_MERGE));
    g_assert_true(record(stage)->unmerged && stage->disk.unmerged);
    g_assert_false(protocol_is_forced(stage->core)); /* the other one was met */
    stage_run(stage, 5000);
    g_assert_true(record(stage)->unmerged);
    stage_end(stage, PROTOCOL_MERGE, TRUE, "");
    g_assert_false(record(stage)->unmerged || stage->disk.unmerged);
    g_assert_cmpstr(stage->said[PROTOCOL_STATE].visit, ==, "visit 1");
}

static void
test_a_merge_counts_for_the_visit_it_began_in(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.unmerged = TRUE;
    stage_lead(stage);
    g_strlcpy(stage->peer.visit, "visit 2", sizeof stage->peer.visit);
    stage_hear(stage);
    stage_end(stage, PROTOCOL_MERGE, TRUE, "");
    g_assert_true(record(stage)->unmerged && stage->disk.unmerged);
    g_assert_cmpuint(stage->begun[PROTOCOL_MERGE], ==, 2);
    stage_end(stage, PROTOCOL_MERGE, TRUE, "");
    g_assert_false(record(stage)->unmerged);
}

static void
test_a_visit_is_merged_once(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    stage->peer.unmerged = TRUE; /* the standby owes, the active one does not */
    stage_hear(stage);
    stage_end(stage, PROTOCOL_MERGE, TRUE, "");
    stage_run(stage, 20000); /* it has not heard that yet */
    g_assert_cmpuint(stage->begun[PROTOCOL_MERGE], ==, 1);
    g_strlcpy(stage->peer.visit, "visit 2", sizeof stage->peer.visit);
    stage_hear(stage);
    g_assert_cmpuint(stage->begun[PROTOCOL_MERGE], ==, 2);
}

static void
test_only_from_one_that_is_fenced_at_this_term(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    stage->peer.unmerged = TRUE;
    stage->peer.role = PROTOCOL_WAIT;
    stage_hear(stage);
    g_assert_false(stage_runs(stage, PROTOCOL_MERGE));
    stage->peer.role = PROTOCOL_STANDBY;
    stage->peer.term = 1;
    stage_hear(stage);
    g_assert_false(stage_runs(stage, PROTOCOL_MERGE));
    stage->peer.term = 3;
    stage_hear(stage);
    g_assert_true(stage_runs(stage, PROTOCOL_MERGE));
}

static void
test_only_by_one_that_serves(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.term = 3;
    stage->disk.taken = stage->disk.unmerged = TRUE;
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    stage_meet(stage, 3, PROTOCOL_STANDBY);
    stage_end(stage, PROTOCOL_PROBE, TRUE, "");
    g_assert_cmpint(protocol_role(stage->core), ==, PROTOCOL_ACTIVE);
    g_assert_false(stage_runs(stage, PROTOCOL_MERGE));
    stage_come_up(stage);
    g_assert_true(stage_runs(stage, PROTOCOL_MERGE));
}

static void
test_not_from_one_that_went_away(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.unmerged = TRUE;
    stage_lead(stage);
    stage_part(stage);
    g_assert_false(stage_runs(stage, PROTOCOL_MERGE));
    g_assert_true(record(stage)->unmerged);
}

static void
test_clients_are_told_each_time_the_other_one_is_met(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    const guint before = stage->begun[PROTOCOL_ANNOUNCE];
    g_assert_cmpuint(before, ==, 1);
    stage_part(stage);
    stage_meet(stage, 3, PROTOCOL_STANDBY);
    g_assert_cmpuint(stage->begun[PROTOCOL_ANNOUNCE], ==, before + 1);
}

/* ---- the standby ---- */

/* The active one has merged this very visit. */
static void
name_own_visit(struct stage *stage)
{
    g_strlcpy(stage->peer.visit, stage->said[PROTOCOL_STATE].visit, sizeof stage->peer.visit);
}

static void
test_a_standby_owes_until_its_own_visit_is_named(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.unmerged = TRUE;
    stage_follow(stage);
    stage_run(stage, 5000);
    g_assert_true(record(stage)->unmerged);
    g_strlcpy(stage->peer.visit, "another", sizeof stage->peer.visit);
    stage_hear(stage);
    g_assert_true(record(stage)->unmerged);
    name_own_visit(stage);
    stage->peer.unmerged = TRUE;
    stage_hear(stage);
    g_assert_true(record(stage)->unmerged);
    stage->peer.unmerged = stage->peer.open = FALSE;
    stage_hear(stage);
    g_assert_true(record(stage)->unmerged);
    stage->peer.open = TRUE;
    stage_hear(stage);
    g_assert_false(record(stage)->unmerged || stage->disk.unmerged);
}

static void
test_one_that_is_not_fenced_owes(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.unmerged = TRUE;
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_FENCE, FALSE, "the test says no");
    stage_meet(stage, 2, PROTOCOL_ACTIVE);
    if (stage_runs(stage, PROTOCOL_FENCE))
        stage_end(stage, PROTOCOL_FENCE, FALSE, "the test says no");
    name_own_visit(stage);
    stage_hear(stage);
    g_assert_true(record(stage)->unmerged);
}

static void
test_each_visit_has_its_own_name(void)
{
    AUTO(stage) *stage = stage_new();
    char first[PROTOCOL_ID_SIZE];
    stage_follow(stage);
    g_strlcpy(first, stage->said[PROTOCOL_STATE].visit, sizeof first);
    g_assert_cmpstr(first, !=, "");
    stage->peer.term = 4; /* it was forced meanwhile, say */
    stage_hear(stage);
    g_assert_cmpstr(stage->said[PROTOCOL_STATE].visit, !=, first);
}

static void
test_its_uuid_is_drawn_once_it_is_merged(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.unmerged = stage->disk.fresh = TRUE;
    stage_follow(stage);
    g_assert_false(stage_runs(stage, PROTOCOL_FRESH));
    name_own_visit(stage);
    stage_hear(stage);
    stage_end(stage, PROTOCOL_FRESH, TRUE, "");
    g_assert_false(record(stage)->fresh || stage->disk.fresh);
}

/* The promise is about what CouchDB has now. */
static void
test_no_uuid_is_drawn_while_it_catches_up(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.fresh = TRUE;
    stage_follow(stage);
    stage_end(stage, PROTOCOL_FRESH, FALSE, "the test says no");
    stage_order(stage, PROTOCOL_SWITCH);
    stage_run(stage, 60000);
    g_assert_false(stage_runs(stage, PROTOCOL_FRESH));
}

/* ---- what waits for it ---- */

static void
assert_refused(const struct stage *stage)
{
    const char *why = protocol_would_refuse(stage->core, PROTOCOL_SWITCH);
    g_assert_nonnull(why);
    g_assert_nonnull(strstr(why, "not yet exchanged"));
}

static void
test_no_switch_is_planned_meanwhile(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.unmerged = TRUE;
    stage_lead(stage);
    assert_refused(stage);
    stage_hear_kind(stage, PROTOCOL_ASK, "ask");
    g_assert_false(stage_runs(stage, PROTOCOL_CHECK));
    stage_end(stage, PROTOCOL_MERGE, TRUE, "");
    g_assert_null(protocol_would_refuse(stage->core, PROTOCOL_SWITCH));
    stage->peer.unmerged = TRUE;
    stage_hear(stage);
    assert_refused(stage);
}

static void
test_no_switch_is_planned_by_a_standby_that_owes(void)
{
    AUTO(stage) *stage = stage_new();
    stage_follow(stage);
    g_assert_null(protocol_would_refuse(stage->core, PROTOCOL_SWITCH));
    stage->peer.unmerged = TRUE;
    stage_hear(stage);
    assert_refused(stage);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add_func("/failover_merge/" name, function)
    TEST("meeting is not merging", test_meeting_is_not_merging);
    TEST("a merge counts for the visit it began in", test_a_merge_counts_for_the_visit_it_began_in);
    TEST("a visit is merged once", test_a_visit_is_merged_once);
    TEST("only from one that is fenced, at this term",
         test_only_from_one_that_is_fenced_at_this_term);
    TEST("only by one that serves", test_only_by_one_that_serves);
    TEST("not from one that went away", test_not_from_one_that_went_away);
    TEST("clients are told each time the other one is met",
         test_clients_are_told_each_time_the_other_one_is_met);
    TEST("a standby owes until its own visit is named",
         test_a_standby_owes_until_its_own_visit_is_named);
    TEST("one that is not fenced owes", test_one_that_is_not_fenced_owes);
    TEST("each visit has its own name", test_each_visit_has_its_own_name);
    TEST("its uuid is drawn once it is merged", test_its_uuid_is_drawn_once_it_is_merged);
    TEST("no uuid is drawn while it catches up", test_no_uuid_is_drawn_while_it_catches_up);
    TEST("no switch is planned meanwhile", test_no_switch_is_planned_meanwhile);
    TEST("no switch is planned by a standby that owes",
         test_no_switch_is_planned_by_a_standby_that_owes);
    return g_test_run();
}
