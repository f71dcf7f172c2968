/* clock_floor: a clock that goes back, or leaps, is told of, and what was seen survives. */
#include "netsvc/clock_floor.h"
#include "netsvc/parent/timekeeper.h"

#include "scratch.h"

#include <string.h>

#define DAY (24 * 3600)
#define SEEN (CLOCK_FLOOR_RELEASE + 100 * (gint64)DAY)

static gint64 shows; /* the wall clock of these tests */

static gint64
now(void)
{
    return shows;
}

static void
judged(void *context, const char *alert)
{
    GString *told = context;
    g_string_append_printf(told, "[%s]", alert != NULL ? alert : "over");
}

/* Begins, looks once, and ends. */
static char *
run_once(const char *state, gint64 wall)
{
    struct event_base *events = event_base_new();
    GString *told = g_string_new(NULL);
    shows = wall;
    struct timekeeper *keeper = timekeeper_new(events, state, now, judged, told);
    event_base_loop(events, EVLOOP_NONBLOCK);
    timekeeper_free(keeper);
    event_base_free(events);
    return g_string_free(told, FALSE);
}

static void
test_first(void)
{
    AUTO(scratch) *scratch = scratch_new();
    const char *state = scratch->path;
    g_assert_false(clock_floor_is_kept(state));
    g_assert_cmpint(clock_floor_read(state), ==, CLOCK_FLOOR_RELEASE);
    g_autofree char *told = run_once(state, SEEN + 2000 * (gint64)DAY);
    g_assert_cmpstr(told, ==, "");
    g_assert_cmpint(clock_floor_read(state), ==, SEEN + 2000 * (gint64)DAY);
}

static void
test_unset(void)
{
    AUTO(scratch) *scratch = scratch_new();
    const char *state = scratch->path;
    g_autofree char *told = run_once(state, 0);
    g_assert_nonnull(strstr(told, "the clock is wrong: it says 1970-01-01"));
    g_assert_false(clock_floor_is_kept(state));
}

static void
test_back(void)
{
    AUTO(scratch) *scratch = scratch_new();
    const char *state = scratch->path;
    g_autofree char *well = run_once(state, SEEN);
    g_autofree char *slack = run_once(state, SEEN - CLOCK_FLOOR_SLACK);
    g_autofree char *back = run_once(state, SEEN - CLOCK_FLOOR_SLACK - 1);
    g_assert_cmpstr(well, ==, "");
    g_assert_cmpstr(slack, ==, "");
    g_assert_nonnull(strstr(back, "the clock is wrong: it says "));
    g_assert_nonnull(strstr(back, "but it was "));
    g_assert_nonnull(strstr(back, "timedatectl set-time"));
    g_assert_cmpint(clock_floor_read(state), ==, SEEN);
}

static void
test_leap(void)
{
    AUTO(scratch) *scratch = scratch_new();
    const char *state = scratch->path;
    g_autofree char *well = run_once(state, SEEN);
    g_autofree char *far = run_once(state, SEEN + CLOCK_FLOOR_LEAP + 1);
    g_assert_cmpstr(well, ==, "");
    g_assert_nonnull(strstr(far, "more than a year after it was last seen"));
    g_assert_cmpint(clock_floor_read(state), ==, SEEN);
    g_autofree char *near = run_once(state, SEEN + CLOCK_FLOOR_LEAP);
    g_assert_cmpstr(near, ==, "");
    g_assert_cmpint(clock_floor_read(state), ==, SEEN + CLOCK_FLOOR_LEAP);
}

/* It goes back while it is looked at, and is set right again. */
static void
test_over(void)
{
    AUTO(scratch) *scratch = scratch_new();
    const char *state = scratch->path;
    struct event_base *events = event_base_new();
    g_autoptr(GString) told = g_string_new(NULL);
    shows = SEEN;
    struct timekeeper *keeper = timekeeper_new(events, state, now, judged, told);
    shows = SEEN - DAY;
    timekeeper_look(keeper, state);
    timekeeper_look(keeper, state);
    g_assert_true(g_str_has_prefix(told->str, "[the clock is wrong"));
    g_assert_null(strstr(told->str, "][")); /* told once */
    shows = SEEN + 1;
    timekeeper_look(keeper, state);
    g_assert_true(g_str_has_suffix(told->str, "][over]"));
    timekeeper_free(keeper);
    event_base_free(events);
}

/* Somebody knows better: the file is gone, and at the next reload the clock counts. */
static void
test_word(void)
{
    AUTO(scratch) *scratch = scratch_new();
    const char *state = scratch->path;
    g_autofree char *file = g_build_filename(state, "clock", NULL);
    struct event_base *events = event_base_new();
    g_autoptr(GString) told = g_string_new(NULL);
    shows = SEEN;
    struct timekeeper *keeper = timekeeper_new(events, state, now, judged, told);
    shows = SEEN - DAY;
    timekeeper_look(keeper, state);
    g_assert_cmpint(unlink(file), ==, 0);
    timekeeper_look(keeper, state);
    g_assert_true(g_str_has_suffix(told->str, "][over]"));
    g_assert_cmpint(clock_floor_read(state), ==, SEEN - DAY);
    timekeeper_free(keeper);
    event_base_free(events);
}

static void
test_nonsense(void)
{
    static const char *const texts[] = {"", "yesterday", "2026-13-01T00:00:00Z\n"};
    AUTO(scratch) *scratch = scratch_new();
    const char *state = scratch->path;
    g_autofree char *file = g_build_filename(state, "clock", NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_assert_true(g_file_set_contents(file, texts[i], -1, NULL));
        g_assert_cmpint(clock_floor_read(state), ==, CLOCK_FLOOR_RELEASE);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clock_floor/the first time that is seen becomes the floor", test_first);
    g_test_add_func("/clock_floor/a clock that nobody set is told of, and not kept", test_unset);
    g_test_add_func("/clock_floor/a clock that goes back is told of, a step of minutes is not",
                    test_back);
    g_test_add_func(
        "/clock_floor/a clock that leaps a year is told of and does not raise the floor",
        test_leap);
    g_test_add_func("/clock_floor/it is told once, and that it is over", test_over);
    g_test_add_func("/clock_floor/without the file a reload takes the clock's word", test_word);
    g_test_add_func("/clock_floor/a file that makes no sense counts as none", test_nonsense);
    return g_test_run();
}
