/* When a folder or drive is due, and when it is overdue. Times are seconds since 1970 UTC. */
#include "replicator/daemon/place/place.h"

#include "lib/base/fail.h"
#include "tests/unit/scratch.h"

#define NOON 1795953600 /* 2026-11-29T12:00:00Z */
#define MINUTE 60
#define HOUR 3600

struct fixture {
    struct scratch *scratch;
    struct logbook *logbook;
    struct timing timing;
    struct place *place;
};

static struct timetable *
parse(const char *text)
{
    const char *const texts[] = {text, NULL};
    struct timetable *timetable = timetable_parse(texts, NULL);
    g_assert_nonnull(timetable);
    return timetable;
}

static void
set_up(struct fixture *fixture, gconstpointer schedule)
{
    g_setenv("TZ", "UTC", TRUE);
    fixture->scratch = scratch_new();
    fixture->logbook = logbook_open(fixture->scratch->path, NULL);
    fixture->timing = (struct timing){
        .snapshots = parse(schedule), .drills = parse(NULL), .overdue = 3, .drive_overdue = 14};
    fixture->place = place_new_folder("/srv/backup", fixture->logbook);
}

static void
tear_down(struct fixture *fixture, gconstpointer schedule)
{
    (void)schedule;
    place_free(fixture->place);
    timetable_free(fixture->timing.snapshots);
    timetable_free(fixture->timing.drills);
    logbook_free(fixture->logbook);
    scratch_free(fixture->scratch);
}

static void
end_run(struct fixture *fixture, int exit_code, gint64 now)
{
    const struct visit_result result = {.exit = exit_code};
    place_book(fixture->place, &result, now);
    place_plan_next(fixture->place, &fixture->timing, now);
}

static void
test_the_first_run_of_all_is_due_at_once(struct fixture *fixture, gconstpointer schedule)
{
    struct visit_work work;
    (void)schedule;
    place_plan_first(fixture->place, &fixture->timing, NOON);
    g_assert_cmpint(place_due(fixture->place), ==, NOON);
    g_assert_true(place_wants(fixture->place, NOON, &work));
    g_assert_true(work.snapshot && !work.drill);
}

static void
test_what_was_missed_is_due_at_start_and_what_was_not_is_not(struct fixture *fixture,
                                                             gconstpointer schedule)
{
    (void)schedule;
    end_run(fixture, 0, NOON);
    place_plan_first(fixture->place, &fixture->timing, NOON + HOUR);
    g_assert_cmpint(fixture->place->due, ==, NOON + 12 * HOUR);
    place_plan_first(fixture->place, &fixture->timing, NOON + 13 * HOUR);
    g_assert_cmpint(fixture->place->due, ==, NOON + 13 * HOUR);
}

static void
test_failures_are_repeated_less_and_less_often(struct fixture *fixture, gconstpointer schedule)
{
    static const gint64 waits[] = {1, 2, 4, 8, 16, 32, 60, 60};
    (void)schedule;
    for (gsize i = 0; i < G_N_ELEMENTS(waits); i++) {
        end_run(fixture, FAIL_LATER, NOON);
        g_assert_cmpint(fixture->place->due, ==, NOON + waits[i] * MINUTE);
    }
    end_run(fixture, FAIL_INCOMPLETE, NOON);
    g_assert_cmpint(fixture->place->due, ==, NOON + 12 * HOUR);
    end_run(fixture, FAIL_FAILED, NOON);
    g_assert_cmpint(fixture->place->due, ==, NOON + MINUTE);
}

static void
test_what_a_person_must_mend_waits_for_its_time(struct fixture *fixture, gconstpointer schedule)
{
    static const int codes[] = {FAIL_DAMAGED, FAIL_KEY, FAIL_USAGE};
    (void)schedule;
    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++) {
        end_run(fixture, codes[i], NOON);
        g_assert_cmpint(fixture->place->due, ==, NOON + 12 * HOUR);
    }
}

static void
test_it_is_overdue_when_the_last_good_one_is_too_old(struct fixture *fixture,
                                                     gconstpointer schedule)
{
    (void)schedule;
    g_assert_false(place_is_overdue(fixture->place, &fixture->timing, NOON));
    end_run(fixture, 0, NOON);
    end_run(fixture, FAIL_FAILED, NOON + DAY);
    g_assert_false(place_is_overdue(fixture->place, &fixture->timing, NOON + 3 * DAY));
    g_assert_true(place_is_overdue(fixture->place, &fixture->timing, NOON + 3 * DAY + 1));
    fixture->timing.overdue = 0;
    g_assert_false(place_is_overdue(fixture->place, &fixture->timing, NOON + 300 * DAY));
}

static void
test_a_drive_that_is_away_or_ejected_wants_nothing(struct fixture *fixture, gconstpointer schedule)
{
    struct drive drive = {.store = (char *)"1a2b3c4d-1", .label = (char *)"blue"};
    struct place *place = place_new_drive(&drive, fixture->logbook);
    struct visit_work work;
    (void)schedule;
    place_plan_first(place, &fixture->timing, NOON);
    g_assert_false(place_wants(place, NOON, &work));
    g_assert_cmpint(place_due(place), ==, -1);
    place->device = g_new0(struct device, 1);
    g_assert_true(place_wants(place, NOON, &work));
    place->ejected = TRUE;
    g_assert_false(place_wants(place, NOON, &work));
    place_free(place);
}

static void
test_drills_come_after_a_good_snapshot_and_failed_ones_the_next_day(struct fixture *fixture,
                                                                    gconstpointer schedule)
{
    struct visit_work work;
    (void)schedule;
    timetable_free(fixture->timing.drills);
    fixture->timing.drills = parse("monthly");
    fixture->place->entry->since = NOON;
    place_plan_first(fixture->place, &fixture->timing, NOON + 5 * DAY);
    g_assert_true(place_wants(fixture->place, NOON + 5 * DAY, &work));
    g_assert_true(work.snapshot && work.drill);
    const struct visit_result failed = {.drilled = TRUE, .drill_exit = FAIL_FAILED};
    place_book(fixture->place, &failed, NOON + 5 * DAY);
    place_plan_next(fixture->place, &fixture->timing, NOON + 5 * DAY);
    g_assert_cmpint(fixture->place->drill_due, ==, NOON + 6 * DAY);
    const struct visit_result well = {.drilled = TRUE};
    place_book(fixture->place, &well, NOON + 6 * DAY);
    place_plan_next(fixture->place, &fixture->timing, NOON + 6 * DAY);
    g_assert_cmpint(fixture->place->drill_due, >, NOON + 20 * DAY);
}

static void
test_a_clock_that_is_set_back_does_not_put_it_off_for_years(struct fixture *fixture,
                                                            gconstpointer schedule)
{
    gint64 back = NOON - 400 * (gint64)DAY;
    (void)schedule;
    end_run(fixture, 0, NOON);
    place_clock_set(fixture->place, &fixture->timing, NOON, back);
    g_assert_cmpint(fixture->place->due, <=, back + DAY);
    end_run(fixture, FAIL_FAILED, NOON);
    place_clock_set(fixture->place, &fixture->timing, NOON, back);
    g_assert_cmpint(fixture->place->due, ==, back);
}

static void
test_what_is_due_stays_due_when_the_clock_is_set_back(struct fixture *fixture,
                                                      gconstpointer schedule)
{
    struct visit_work work;
    (void)schedule;
    end_run(fixture, 0, NOON - HOUR);
    fixture->place->due = NOON - 5; /* it came, or was asked for */
    place_clock_set(fixture->place, &fixture->timing, NOON, NOON - HOUR);
    g_assert_true(place_wants(fixture->place, NOON - HOUR, &work));
    g_assert_true(work.snapshot);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, test) g_test_add("/place/" name, struct fixture, "daily", set_up, test, tear_down)
    ADD("the first run of all is due at once", test_the_first_run_of_all_is_due_at_once);
    ADD("what was missed is due at start, and what was not is not",
        test_what_was_missed_is_due_at_start_and_what_was_not_is_not);
    ADD("failures are repeated less and less often",
        test_failures_are_repeated_less_and_less_often);
    ADD("what a person must mend waits for its time",
        test_what_a_person_must_mend_waits_for_its_time);
    ADD("it is overdue when the last good one is too old",
        test_it_is_overdue_when_the_last_good_one_is_too_old);
    ADD("a drive that is away or ejected wants nothing",
        test_a_drive_that_is_away_or_ejected_wants_nothing);
    ADD("drills come after a good snapshot, and failed ones the next day",
        test_drills_come_after_a_good_snapshot_and_failed_ones_the_next_day);
    ADD("a clock that is set back does not put it off for years",
        test_a_clock_that_is_set_back_does_not_put_it_off_for_years);
    ADD("what is due stays due when the clock is set back",
        test_what_is_due_stays_due_when_the_clock_is_set_back);
    return g_test_run();
}
