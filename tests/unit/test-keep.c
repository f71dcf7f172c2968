/* keep: which points the rules keep, as restic and borg do, by the chain's order. */
#include "replicator/prune/keep.h"

#include <string.h>

#define POINTS_MAX 400

/* Applies the rules to points given as times, newest first, and gives for each the first letters of
 * the rules that keep it, points separated by spaces; "-" for none. */
static char *
apply(const guint counts[KEEP_RULES], const char *const *times, gsize n)
{
    struct keep_point points[POINTS_MAX] = {{0}};
    g_assert_cmpuint(n, <=, POINTS_MAX);
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(times[i], NULL);
        g_assert_nonnull(time);
        points[i].started = g_date_time_to_unix(time);
    }
    keep_apply(counts, points, n);
    GString *text = g_string_new(NULL);
    for (gsize i = 0; i < n; i++) {
        if (i > 0)
            g_string_append_c(text, ' ');
        for (enum keep_rule rule = 0; rule < KEEP_RULES; rule++)
            if ((points[i].by & 1u << rule) != 0)
                g_string_append_c(text, *keep_rule_name(rule));
        if (points[i].by == 0)
            g_string_append_c(text, '-');
    }
    return g_string_free(text, FALSE);
}

#define EXPECT(expected, rules, ...)                                                               \
    do {                                                                                           \
        const guint counts[KEEP_RULES] = {rules};                                                  \
        const char *const times[] = {__VA_ARGS__};                                                 \
        g_autofree char *found = apply(counts, times, G_N_ELEMENTS(times));                        \
        g_assert_cmpstr(found, ==, expected);                                                      \
    } while (0)
#define RULES(...) __VA_ARGS__

static void
no_rule_keeps_nothing(void)
{
    const guint counts[KEEP_RULES] = {0};
    const char *const times[] = {"2026-11-22T08:00:00Z", "2026-11-21T08:00:00Z"};
    g_autofree char *found = apply(counts, times, 2);
    g_assert_cmpstr(found, ==, "- -");
    g_autofree char *none = apply(counts, times, 0);
    g_assert_cmpstr(none, ==, "");
}

static void
last_counts_points(void)
{
    EXPECT("l l - -", RULES([KEEP_LAST] = 2), "2026-11-22T08:00:02Z", "2026-11-22T08:00:01Z",
           "2026-11-22T08:00:00Z", "2026-11-01T08:00:00Z");
    EXPECT("l l", RULES([KEEP_LAST] = 100), "2026-11-22T08:00:02Z", "2026-11-22T08:00:01Z");
}

static void
the_newest_point_of_each_period_is_kept_and_periods_without_points_do_not_count(void)
{
    EXPECT("d - d d -", RULES([KEEP_DAILY] = 3), "2026-11-22T23:59:59Z", "2026-11-22T00:00:00Z",
           "2026-11-21T23:59:59Z", "2026-11-01T00:00:00Z", "2026-10-30T00:00:00Z");
    EXPECT("h - h -", RULES([KEEP_HOURLY] = 2), "2026-11-22T08:59:59Z", "2026-11-22T08:00:00Z",
           "2026-11-22T07:59:59Z", "2026-11-22T06:59:59Z");
    EXPECT("m m -", RULES([KEEP_MONTHLY] = 2), "2026-03-01T00:00:00Z", "2026-02-28T23:59:59Z",
           "2026-01-31T00:00:00Z");
    EXPECT("y y -", RULES([KEEP_YEARLY] = 2), "2027-01-01T00:00:00Z", "2026-12-31T23:59:59Z",
           "2025-12-31T23:59:59Z");
}

static void
the_same_month_of_another_year_is_another_period(void)
{
    EXPECT("m m -", RULES([KEEP_MONTHLY] = 2), "2026-03-01T00:00:00Z", "2025-03-01T00:00:00Z",
           "2024-03-01T00:00:00Z");
}

static void
weeks_begin_on_mondays_and_span_the_new_year(void)
{
    /* 2026-12-31 is a Thursday: with Friday to Sunday, 1 to 3 January, it is in week 53 of 2026 */
    EXPECT("w w - w -", RULES([KEEP_WEEKLY] = 3), "2027-01-04T00:00:00Z", "2027-01-03T23:59:59Z",
           "2026-12-28T00:00:00Z", "2026-12-27T23:59:59Z", "2026-12-20T23:59:59Z");
    EXPECT("w w -", RULES([KEEP_WEEKLY] = 2), "1970-01-05T00:00:00Z", "1970-01-04T00:00:00Z",
           "1969-12-28T23:59:59Z");
}

static void
periods_are_in_utc_whatever_the_zone(void)
{
    g_setenv("TZ", "America/New_York",
             TRUE); /* clocks went back there on 2026-11-01 at 06:00 UTC */
    EXPECT("hd h h -", RULES([KEEP_HOURLY] = 3, [KEEP_DAILY] = 1), "2026-11-01T07:30:00Z",
           "2026-11-01T06:30:00Z", "2026-11-01T05:30:00Z", "2026-11-01T04:30:00Z");
    EXPECT("d -", RULES([KEEP_DAILY] = 1), "2026-11-01T23:30:00Z", "2026-11-02T00:30:00+03:00");
    g_unsetenv("TZ");
}

static void
any_rule_keeps_a_point(void)
{
    EXPECT("ldw l d d w -", RULES([KEEP_LAST] = 2, [KEEP_DAILY] = 3, [KEEP_WEEKLY] = 2),
           "2026-11-22T12:00:00Z", "2026-11-22T08:00:00Z", "2026-11-21T08:00:00Z",
           "2026-11-20T08:00:00Z", "2026-11-15T08:00:00Z", "2026-11-14T08:00:00Z");
}

static void
the_oldest_is_kept_while_there_are_fewer_periods_than_asked_for(void)
{
    EXPECT("y - y", RULES([KEEP_YEARLY] = 5), "2026-11-22T12:00:00Z", "2026-11-21T08:00:00Z",
           "2026-11-20T08:00:00Z");
    EXPECT("y - -", RULES([KEEP_YEARLY] = 1), "2026-11-22T12:00:00Z", "2026-11-21T08:00:00Z",
           "2026-11-20T08:00:00Z");
}

static void
order_is_the_chains_when_the_clock_went_back(void)
{
    /* 11-22, then back to 11-20, and on to 11-21: newest first */
    EXPECT("d d d - -", RULES([KEEP_DAILY] = 3), "2026-11-21T08:00:00Z", "2026-11-20T08:00:00Z",
           "2026-11-22T08:00:00Z", "2026-11-21T07:00:00Z", "2026-11-19T08:00:00Z");
}

/* Pruning what was pruned keeps all of it: rules choose the same among what they kept. */
static void
what_was_kept_is_kept_again(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    for (guint round = 0; round < 200; round++) {
        struct keep_point points[POINTS_MAX];
        gsize n = (gsize)g_rand_int_range(rand, 1, POINTS_MAX), kept = 0, again = 0;
        guint counts[KEEP_RULES];
        for (enum keep_rule rule = 0; rule < KEEP_RULES; rule++)
            counts[rule] = (guint)g_rand_int_range(rand, 0, 6);
        gint64 time = 1800000000;
        for (gsize i = 0; i < n; i++) {
            points[i].started = time;
            time -= g_rand_int_range(rand, -4000, 90000);
        }
        keep_apply(counts, points, n);
        for (gsize i = 0; i < n; i++)
            if (points[i].by != 0)
                points[kept++] = points[i];
        keep_apply(counts, points, kept);
        for (gsize i = 0; i < kept; i++)
            again += points[i].by != 0;
        g_assert_cmpuint(again, ==, kept);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keep/no rule keeps nothing", no_rule_keeps_nothing);
    g_test_add_func("/keep/last counts points", last_counts_points);
    g_test_add_func(
        "/keep/the newest point of each period is kept and periods without points do not count",
        the_newest_point_of_each_period_is_kept_and_periods_without_points_do_not_count);
    g_test_add_func("/keep/the same month of another year is another period",
                    the_same_month_of_another_year_is_another_period);
    g_test_add_func("/keep/weeks begin on Mondays and span the new year",
                    weeks_begin_on_mondays_and_span_the_new_year);
    g_test_add_func("/keep/periods are in UTC whatever the zone",
                    periods_are_in_utc_whatever_the_zone);
    g_test_add_func("/keep/any rule keeps a point", any_rule_keeps_a_point);
    g_test_add_func("/keep/the oldest is kept while there are fewer periods than asked for",
                    the_oldest_is_kept_while_there_are_fewer_periods_than_asked_for);
    g_test_add_func("/keep/order is the chain's when the clock went back",
                    order_is_the_chains_when_the_clock_went_back);
    g_test_add_func("/keep/what was kept is kept again", what_was_kept_is_kept_again);
    return g_test_run();
}
