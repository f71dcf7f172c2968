/* protocol: a promise and a grant, and what they hold to. One node on a stage (failover_stage.h).
 */
#include "tests/unit/failover_stage.h"

#include <string.h>

static const struct protocol_record *
record(const struct stage *stage)
{
    return protocol_record(stage->core);
}

/* ---- B: the promise ---- */

/* As far as A's word that nothing changes there any more. */
static void
reach_pull(struct stage *stage)
{
    stage_follow(stage);
    stage_order(stage, PROTOCOL_SWITCH);
    stage_end(stage, PROTOCOL_CHECK, TRUE, "");
    g_assert_cmpuint(stage->n_said[PROTOCOL_ASK], >, 0);
    stage->peer.open = FALSE;
    stage_hear_kind(stage, PROTOCOL_CATCH_UP, "attempt 1");
}

static void
promise(struct stage *stage)
{
    reach_pull(stage);
    stage_end(stage, PROTOCOL_PULL, TRUE, "a's uuid");
    g_assert_cmpstr(stage->said[PROTOCOL_PROMISE].about, ==, "attempt 1");
    g_assert_cmpstr(stage->disk.promised, ==, "attempt 1");
    g_assert_cmpstr(stage->disk.uuid, ==, "a's uuid");
}

static void
grant(struct stage *stage, const char *attempt)
{
    stage->peer.term = 3;
    stage->peer.granted = TRUE;
    stage->peer.taken = FALSE;
    stage->peer.role = PROTOCOL_STANDBY;
    g_strlcpy(stage->peer.attempt, attempt, sizeof stage->peer.attempt);
    stage_hear(stage);
}

static void
test_the_record_is_the_grant(void)
{
    AUTO(stage) *stage = stage_new();
    promise(stage);
    grant(stage, "attempt 1"); /* in a beat */
    g_assert_true(stage->disk.taken && stage->disk.adopts);
    g_assert_cmpuint(stage->disk.term, ==, 3);
    g_assert_cmpstr(stage->disk.promised, ==, "");
    g_assert_cmpstr(stage->disk.uuid, ==, "a's uuid");
}

static void
test_a_grant_of_another_attempt_is_none(void)
{
    AUTO(stage) *stage = stage_new();
    promise(stage);
    grant(stage, "attempt 2");
    g_assert_false(record(stage)->taken);
    g_assert_true(record(stage)->unmerged);
    stage_assert_trouble(stage, "lost what it knew");
}

static void
test_the_other_ones_uuid_is_taken_before_it_serves(void)
{
    AUTO(stage) *stage = stage_new();
    stage->disk.fresh = TRUE; /* it was owed to a standby; now A's is */
    promise(stage);
    grant(stage, "attempt 1");
    g_assert_false(stage->disk.fresh);
    stage_end(stage, PROTOCOL_PROBE, TRUE, "");
    g_assert_true(stage_runs(stage, PROTOCOL_ADOPT));
    g_assert_false(stage_runs(stage, PROTOCOL_FRESH) || stage_runs(stage, PROTOCOL_START));
    g_assert_cmpint(protocol_role(stage->core), ==, PROTOCOL_WAIT);
    stage_end(stage, PROTOCOL_ADOPT, FALSE, "the test says no");
    stage_run(stage, 20000);
    g_assert_false(stage_runs(stage, PROTOCOL_START));
    stage_end(stage, PROTOCOL_ADOPT, TRUE, "");
    g_assert_false(stage->disk.adopts);
    stage_come_up(stage);
}

/* Else it would be taken over again after a power cut. */
static void
test_what_is_done_is_kept_before_it_serves(void)
{
    AUTO(stage) *stage = stage_new();
    promise(stage);
    grant(stage, "attempt 1");
    stage_end(stage, PROTOCOL_PROBE, TRUE, "");
    stage->disk_is_bad = TRUE;
    stage_end(stage, PROTOCOL_ADOPT, TRUE, "");
    stage_run(stage, 3000);
    g_assert_true(record(stage)->adopts);
    g_assert_false(stage_runs(stage, PROTOCOL_START));
}

static void
test_no_promise_without_a_disk(void)
{
    AUTO(stage) *stage = stage_new();
    reach_pull(stage);
    stage->disk_is_bad = TRUE;
    stage_end(stage, PROTOCOL_PULL, TRUE, "a's uuid");
    stage_run(stage, 1000);
    g_assert_cmpuint(stage->n_said[PROTOCOL_PROMISE], ==, 0);
    g_assert_cmpuint(stage->n_said[PROTOCOL_REFUSE], >, 0);
    g_assert_cmpstr(record(stage)->promised, ==, "");
}

static void
test_no_term_without_a_disk(void)
{
    AUTO(stage) *stage = stage_new();
    promise(stage);
    stage->disk_is_bad = TRUE;
    grant(stage, "attempt 1");
    stage_run(stage, 3000);
    g_assert_false(record(stage)->taken || stage_runs(stage, PROTOCOL_PROBE));
    stage->disk_is_bad = FALSE;
    stage_run(stage, 3000);
    g_assert_true(stage->disk.taken);
    g_assert_true(stage_runs(stage, PROTOCOL_PROBE));
}

static void
test_it_does_not_catch_up_with_another_term(void)
{
    AUTO(stage) *stage = stage_new();
    stage_follow(stage);
    stage_order(stage, PROTOCOL_SWITCH);
    stage_end(stage, PROTOCOL_CHECK, TRUE, "");
    stage->peer.open = FALSE;
    stage->peer.term = 1;
    stage_hear_kind(stage, PROTOCOL_CATCH_UP, "attempt 1");
    g_assert_false(stage_runs(stage, PROTOCOL_PULL));
}

static void
test_it_gives_up_when_the_other_one_serves_again(void)
{
    AUTO(stage) *stage = stage_new();
    reach_pull(stage);
    stage->peer.open = TRUE;
    stage_hear(stage);
    g_assert_false(stage_runs(stage, PROTOCOL_PULL));
    g_assert_nonnull(strstr(stage->last_ended, "went back"));
}

static void
test_it_gives_up_when_the_other_one_is_not_active(void)
{
    AUTO(stage) *stage = stage_new();
    reach_pull(stage);
    stage->peer.role = PROTOCOL_WAIT;
    stage_hear(stage);
    g_assert_false(stage_runs(stage, PROTOCOL_PULL));
    g_assert_nonnull(strstr(stage->last_ended, "not active"));
}

static void
test_a_promise_ends_with_the_term(void)
{
    AUTO(stage) *stage = stage_new();
    promise(stage);
    stage->peer.term = 4; /* it took a new one instead */
    stage_hear(stage);
    g_assert_cmpstr(stage->disk.promised, ==, "");
    g_assert_cmpstr(stage->disk.uuid, ==, "");
}

static void
test_the_stop_hook_ends_before_the_start_hook_begins(void)
{
    AUTO(stage) *stage = stage_new();
    g_strlcpy(stage->disk.promised, "attempt 1", sizeof stage->disk.promised);
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    stage_meet(stage, 2, PROTOCOL_ACTIVE);
    grant(stage, "attempt 1");
    stage_end(stage, PROTOCOL_PROBE, TRUE, "");
    stage_end(stage, PROTOCOL_ADOPT, TRUE, "");
    stage_run(stage, 1000);
    g_assert_false(stage_runs(stage, PROTOCOL_START));
    stage_end(stage, PROTOCOL_STOP, TRUE, "");
    g_assert_true(stage_runs(stage, PROTOCOL_START));
}

/* ---- A: the grant ---- */

/* As far as B is asked to catch up. */
static void
hand_over(struct stage *stage)
{
    stage_hear_kind(stage, PROTOCOL_ASK, stage->ended == 0 ? "ask 1" : "ask 2");
    stage_end(stage, PROTOCOL_CHECK, TRUE, "");
    stage_end(stage, PROTOCOL_STOP, TRUE, "");
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    g_assert_cmpuint(stage->n_said[PROTOCOL_CATCH_UP], >, 0);
}

static const char *
attempt(const struct stage *stage)
{
    return stage->said[PROTOCOL_CATCH_UP].about;
}

static void
test_only_a_promise_for_this_attempt_is_taken(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    hand_over(stage);
    stage_hear_kind(stage, PROTOCOL_PROMISE, "attempt 7");
    g_assert_cmpuint(record(stage)->term, ==, 3);
    stage->peer.term = 2;
    stage_hear_kind(stage, PROTOCOL_PROMISE, attempt(stage));
    g_assert_cmpuint(record(stage)->term, ==, 3);
    stage->peer.term = 3;
    stage_hear_kind(stage, PROTOCOL_PROMISE, attempt(stage));
    g_assert_cmpuint(stage->disk.term, ==, 4);
    g_assert_true(stage->disk.granted && stage->disk.fresh);
    g_assert_false(stage->disk.taken);
    g_assert_cmpstr(stage->said[PROTOCOL_STATE].attempt, ==, attempt(stage));
}

static void
test_each_attempt_has_its_own_name(void)
{
    AUTO(stage) *stage = stage_new();
    char first[PROTOCOL_ID_SIZE];
    g_autofree char *why = NULL;
    stage_lead(stage);
    stage_order(stage, PROTOCOL_SWITCH);
    stage_hear_kind(stage, PROTOCOL_ASK, stage->said[PROTOCOL_ASK].about);
    stage_end(stage, PROTOCOL_CHECK, TRUE, "");
    stage_end(stage, PROTOCOL_STOP, TRUE, "");
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    g_strlcpy(first, attempt(stage), sizeof first);
    g_assert_true(protocol_order(stage->core, PROTOCOL_CANCEL, stage->now, &why));
    stage_come_up(stage);
    hand_over(stage);
    g_assert_cmpstr(attempt(stage), !=, first);
}

static void
test_nobody_is_stopped_where_the_disk_is_bad(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    stage_hear_kind(stage, PROTOCOL_ASK, "ask 1");
    stage->disk_is_bad = TRUE;
    stage_end(stage, PROTOCOL_CHECK, TRUE, "");
    g_assert_false(stage_runs(stage, PROTOCOL_STOP));
    g_assert_true(protocol_is_open(stage->core));
}

static void
test_no_grant_without_a_disk(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    hand_over(stage);
    stage->disk_is_bad = TRUE;
    stage_hear_kind(stage, PROTOCOL_PROMISE, attempt(stage));
    g_assert_false(record(stage)->granted);
    g_assert_false(stage->said[PROTOCOL_STATE].granted);
}

static void
test_what_was_granted_is_not_taken_back(void)
{
    AUTO(stage) *stage = stage_new();
    g_autofree char *why = NULL;
    stage_lead(stage);
    const guint started = stage->begun[PROTOCOL_START];
    hand_over(stage);
    stage_hear_kind(stage, PROTOCOL_PROMISE, attempt(stage));
    g_assert_false(protocol_order(stage->core, PROTOCOL_CANCEL, stage->now, &why));
    g_assert_nonnull(strstr(why, "this node has handed over already"));
    stage_part(stage);
    stage_run(stage, 100000);
    g_assert_cmpuint(stage->begun[PROTOCOL_START], ==, started);
    g_assert_true(record(stage)->granted);
}

/* B may be set back to its promise until A has heard that it took the term. */
static void
test_a_grant_stands_until_it_is_seen_to_be_taken(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    hand_over(stage);
    stage_hear_kind(stage, PROTOCOL_PROMISE, attempt(stage));
    stage->peer.term = 4;
    stage_run(stage, 5000);
    g_assert_true(record(stage)->granted && stage->disk.granted);
    g_assert_cmpuint(stage->said[PROTOCOL_STATE].held, ==, 0);
    stage->peer.taken = TRUE;
    stage_hear(stage);
    g_assert_false(record(stage)->granted || stage->disk.granted);
    stage_run(stage, 1000);
    g_assert_cmpuint(stage->said[PROTOCOL_STATE].held, ==, 4);
    g_assert_cmpstr(stage->said[PROTOCOL_STATE].attempt, ==, "");
}

static void
test_a_grant_ends_with_a_higher_term(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    hand_over(stage);
    stage_hear_kind(stage, PROTOCOL_PROMISE, attempt(stage));
    stage->peer.term = 6;
    stage_hear(stage);
    g_assert_false(stage->disk.granted);
}

/* Its CouchDB is being stopped; nothing is to be taken anew. */
static void
test_an_address_that_is_lost_meanwhile_stays_lost(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    stage_hear_kind(stage, PROTOCOL_ASK, "ask 1");
    stage_end(stage, PROTOCOL_CHECK, TRUE, "");
    protocol_unheld(stage->core, stage->now);
    g_assert_true(stage_runs(stage, PROTOCOL_STOP));
    g_assert_false(stage_runs(stage, PROTOCOL_PROBE));
}

/* ---- when it is refused ---- */

static void
assert_refused(const struct stage *stage, const char *part)
{
    const char *why = protocol_would_refuse(stage->core, PROTOCOL_SWITCH);
    g_assert_nonnull(why);
    g_assert_nonnull(strstr(why, part));
}

static void
test_not_while_the_nodes_differ_about_the_term(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    stage->peer.term = 2;
    stage_hear(stage);
    assert_refused(stage, "do not agree yet");
}

static void
test_not_while_nobody_is_served(void)
{
    AUTO(stage) *stage = stage_new();
    stage_lead(stage);
    protocol_unheld(stage->core, stage->now);
    assert_refused(stage, "does not serve yet");
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add_func("/failover_grant/" name, function)
    TEST("the record is the grant", test_the_record_is_the_grant);
    TEST("a grant of another attempt is none", test_a_grant_of_another_attempt_is_none);
    TEST("the other one's uuid is taken before it serves",
         test_the_other_ones_uuid_is_taken_before_it_serves);
    TEST("what is done is kept before it serves", test_what_is_done_is_kept_before_it_serves);
    TEST("no promise without a disk", test_no_promise_without_a_disk);
    TEST("no term without a disk", test_no_term_without_a_disk);
    TEST("it does not catch up with another term", test_it_does_not_catch_up_with_another_term);
    TEST("it gives up when the other one serves again",
         test_it_gives_up_when_the_other_one_serves_again);
    TEST("it gives up when the other one is not active",
         test_it_gives_up_when_the_other_one_is_not_active);
    TEST("a promise ends with the term", test_a_promise_ends_with_the_term);
    TEST("the stop hook ends before the start hook begins",
         test_the_stop_hook_ends_before_the_start_hook_begins);
    TEST("only a promise for this attempt is taken", test_only_a_promise_for_this_attempt_is_taken);
    TEST("each attempt has its own name", test_each_attempt_has_its_own_name);
    TEST("nobody is stopped where the disk is bad", test_nobody_is_stopped_where_the_disk_is_bad);
    TEST("no grant without a disk", test_no_grant_without_a_disk);
    TEST("what was granted is not taken back", test_what_was_granted_is_not_taken_back);
    TEST("a grant stands until it is seen to be taken",
         test_a_grant_stands_until_it_is_seen_to_be_taken);
    TEST("a grant ends with a higher term", test_a_grant_ends_with_a_higher_term);
    TEST("an address that is lost meanwhile stays lost",
         test_an_address_that_is_lost_meanwhile_stays_lost);
    TEST("not while the nodes differ about the term",
         test_not_while_the_nodes_differ_about_the_term);
    TEST("not while nobody is served", test_not_while_nobody_is_served);
    return g_test_run();
}
