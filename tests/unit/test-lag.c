/* lag: what is said of how far a database is behind is what is known, and no more. */
#include "replicator/standby/lag.h"

static void
assert_lag(const struct followed *database, guint64 changes, gboolean counted)
{
    g_assert_cmpuint(lag_changes(database), ==, changes);
    g_assert_cmpint(lag_is_counted(database), ==, counted);
}

static struct slice
info_with(const char *update_seq)
{
    static char text[200];
    g_snprintf(text, sizeof text, "{\"update_seq\":%s,\"doc_count\":40,\"doc_del_count\":2}",
               update_seq);
    return slice_of(text);
}

static void
test_a_hint_is_at_least_one_change(void)
{
    const struct followed database = {0};
    assert_lag(&database, 1, FALSE);
}

static void
test_where_nothing_was_copied_it_is_what_the_source_has(void)
{
    struct followed database = {0};
    lag_swept(&database, info_with("\"9000-g1AAAA\""));
    assert_lag(&database, 42, TRUE);
}

static void
test_else_it_is_by_how_much_the_sequence_grew(void)
{
    static const char *const pairs[][2] = {{"\"100-g1AAAA\"", "\"112-g1BBBB\""},
                                           {"100", "112"},
                                           {"[100,\"g1AAAA\"]", "[112,\"g1BBBB\"]"}};
    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        struct followed copied = {.since = (char *)pairs[i][0]};
        lag_swept(&copied, info_with(pairs[i][1]));
        assert_lag(&copied, 12, TRUE);
        struct followed recalled = {.checkpoint.since = (char *)pairs[i][0]};
        lag_swept(&recalled, info_with(pairs[i][1]));
        assert_lag(&recalled, 12, TRUE);
    }
}

static void
test_of_sequences_that_tell_no_number_nothing_is_made_up(void)
{
    static const char *const odd[] = {"\"g1AAAA\"", "\"90-g1AAAA\"", "\"112g1\"", "null", "\"\""};
    for (gsize i = 0; i < G_N_ELEMENTS(odd); i++) {
        struct followed database = {.since = (char *)"\"100-g1AAAA\""};
        lag_swept(&database, info_with(odd[i]));
        assert_lag(&database, 1, FALSE);
    }
}

static void
test_a_pass_counts_down_and_is_not_over_before_its_end(void)
{
    struct followed database = {0};
    lag_listed(&database, 3);
    assert_lag(&database, 3, TRUE);
    lag_done(&database, 1);
    assert_lag(&database, 2, TRUE);
    lag_done(&database, 3);
    assert_lag(&database, 1, TRUE);
    lag_done(&database, 5);
    assert_lag(&database, 1, TRUE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lag/a hint is at least one change", test_a_hint_is_at_least_one_change);
    g_test_add_func("/lag/where nothing was copied it is what the source has",
                    test_where_nothing_was_copied_it_is_what_the_source_has);
    g_test_add_func("/lag/else it is by how much the sequence grew",
                    test_else_it_is_by_how_much_the_sequence_grew);
    g_test_add_func("/lag/of sequences that tell no number nothing is made up",
                    test_of_sequences_that_tell_no_number_nothing_is_made_up);
    g_test_add_func("/lag/a pass counts down, and is not over before its end",
                    test_a_pass_counts_down_and_is_not_over_before_its_end);
    return g_test_run();
}
