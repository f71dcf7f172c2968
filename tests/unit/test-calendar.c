/* calendar: what it takes and refuses, and the points that it gives; as systemd does, where that is
 * there to ask. */
#include "lib/base/fail.h"
#include "replicator/schedule/calendar.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static gint64
at(const char *text)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, utc);
    g_assert_nonnull(time);
    return g_date_time_to_unix(time);
}

static struct calendar *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    struct calendar *calendar = calendar_parse(text, &error);
    g_assert_no_error(error);
    return calendar;
}

static void
in_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

/* `expected`: RFC 3339 times in UTC, separated by blanks. */
static void
assert_points(const char *text, const char *after, const char *expected)
{
    AUTO(calendar) *calendar = parse(text);
    g_auto(GStrv) points = g_strsplit(expected, " ", -1);
    gint64 time = at(after);
    for (gsize i = 0; points[i] != NULL; i++) {
        time = calendar_next(calendar, time);
        g_autoptr(GDateTime) found = g_date_time_new_from_unix_utc(time);
        g_autofree char *shown = g_date_time_format(found, "%Y-%m-%dT%H:%M:%SZ");
        g_assert_cmpstr(shown, ==, points[i]);
    }
}

static void
assert_never(const char *text)
{
    AUTO(calendar) *calendar = parse(text);
    g_assert_cmpint(calendar_next(calendar, at("2026-11-28T00:00:00Z")), ==, -1);
}

static void
the_words_people_know_are_taken(void)
{
    in_zone("UTC");
    static const char after[] = "2026-11-28T11:10:00Z"; /* a Saturday */
    assert_points("minutely", after, "2026-11-28T11:11:00Z 2026-11-28T11:12:00Z");
    assert_points("hourly", after, "2026-11-28T12:00:00Z 2026-11-28T13:00:00Z");
    assert_points("Daily", after, "2026-11-29T00:00:00Z 2026-11-30T00:00:00Z");
    assert_points("weekly", after, "2026-11-30T00:00:00Z 2026-12-07T00:00:00Z");
    assert_points("monthly", after, "2026-12-01T00:00:00Z 2027-01-01T00:00:00Z");
    assert_points("quarterly", after, "2027-01-01T00:00:00Z 2027-04-01T00:00:00Z");
    assert_points("semiannually", after, "2027-01-01T00:00:00Z 2027-07-01T00:00:00Z");
    assert_points("yearly", after, "2027-01-01T00:00:00Z 2028-01-01T00:00:00Z");
    assert_points("02:30", after, "2026-11-29T02:30:00Z 2026-11-30T02:30:00Z");
    assert_points("*:0/15", after, "2026-11-28T11:15:00Z 2026-11-28T11:30:00Z");
    assert_points("Mon..Fri 12:00", after, "2026-11-30T12:00:00Z 2026-12-01T12:00:00Z");
    assert_points("sat,Sunday 8..18/5:00", after,
                  "2026-11-28T13:00:00Z 2026-11-28T18:00:00Z 2026-11-29T08:00:00Z");
    assert_points("Fri", after, "2026-12-04T00:00:00Z");
    assert_points("*-*-01,15 06:00", after, "2026-12-01T06:00:00Z 2026-12-15T06:00:00Z");
    assert_points("02-29", after, "2028-02-29T00:00:00Z 2032-02-29T00:00:00Z");
    assert_points("2027..2028/1-12-31 23:59:59", after,
                  "2027-12-31T23:59:59Z 2028-12-31T23:59:59Z");
    assert_points("Mon *-02-29", after, "2044-02-29T00:00:00Z 2072-02-29T00:00:00Z");
    assert_points("  10:00   Africa/Nairobi ", after, "2026-11-29T07:00:00Z");
    assert_never("2020-01-01");
    assert_never("*-02-30");
}

static void
a_mistake_is_told(void)
{
    static const char *const mistakes[][2] = {
        {"", "empty"},
        {"   ", "empty"},
        {"now and then", "'now' is no weekday"},
        {"25:00", "25 is no hour: from 0 to 23"},
        {"12:60", "60 is no minute"},
        {"12:00:61", "61 is no second"},
        {"*-13-01", "13 is no month"},
        {"*-01-32", "32 is no day"},
        {"26-01-01", "26 is no year"},
        {"12", "neither"},
        {"*/2:00", "a step needs a start: '0/2:00' instead of '*/2:00'"},
        {"0/0:00", "a step of 0"},
        {"18..8:00", "goes backwards"},
        {"Fri..Mon", "goes beyond Sunday"},
        {"Mon-Fri", "is no weekday"},
        {"Mon,", "is no weekday"},
        {"*-*~1", "end of a month"},
        {"12:00 Mon", "is no time zone"},
        {"12:00 Nowhere/Land", "is no time zone"},
        {"Mon UTC", "not expected"},
        {"12:00 13:00", "'13:00' is not expected"},
        {"12:00 *-*-*", "'*-*-*' is not expected"},
        {"12:00:00:00", "not expected"},
        {"12:00:00.5", "'.5' is not expected"},
        {"12:", "there is no minute at ''"},
        {"1..:00", "there is no hour at ':00'"},
        {"99999:00", "there is no hour at '99999"},
        {"*-*-*-*", "expected"},
        {"12:0x", "'x' is not expected"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(mistakes); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(calendar_parse(mistakes[i][0], &error));
        g_assert_error(error, FAIL, FAIL_USAGE);
        if (strstr(error->message, mistakes[i][1]) == NULL)
            g_error("'%s': %s", mistakes[i][0], error->message);
    }
}

static void
the_clock_s_own_changes_lose_nothing(void)
{
    in_zone("Europe/Berlin");
    /* 2026-03-29: 01:59:59 +01:00 is followed by 03:00:00 +02:00 */
    assert_points("02:30", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z 2026-03-30T00:30:00Z");
    assert_points("*:0/30", "2026-03-29T00:15:00Z",
                  "2026-03-29T00:30:00Z 2026-03-29T01:00:00Z 2026-03-29T01:30:00Z");
    /* 2026-10-25: 02:59:59 +02:00 is followed by 02:00:00 +01:00 */
    assert_points("02:30", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z 2026-10-26T01:30:00Z");
    assert_points("*:0/30", "2026-10-25T00:15:00Z", "2026-10-25T00:30:00Z 2026-10-25T02:00:00Z");
    assert_points("02:30", "2026-10-25T01:05:00Z", "2026-10-26T01:30:00Z");
    in_zone("America/Guatemala");
    assert_points("daily", "1970-01-01T00:00:00Z", "1970-01-01T06:00:00Z");
    in_zone("UTC");
}

static void
systemd_says_the_same(void)
{
    g_autofree char *systemd = g_find_program_in_path("systemd-analyze");
    if (systemd == NULL) {
        g_test_skip("no systemd-analyze");
        return;
    }
    static const char *const texts[] = {"minutely",
                                        "*:0/7",
                                        "Mon,Wed..Thu *-*-1/2 3..9/2:05",
                                        "*-2/3-29..31 23:59:58",
                                        "quarterly",
                                        "Sun 2026..2030/2-*-7,13 4:0/20:30"};
    in_zone("UTC");
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *out = NULL;
        g_autoptr(GError) error = NULL;
        const char *argv[] = {systemd,           "calendar",
                              "--iterations=20", "--base-time=2026-11-28 11:10:00",
                              texts[i],          NULL};
        g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, NULL,
                     &error);
        g_assert_no_error(error);
        AUTO(calendar) *calendar = parse(texts[i]);
        gint64 time = at("2026-11-28T11:10:00Z");
        guint compared = 0;
        g_auto(GStrv) lines = g_strsplit(out, "\n", -1);
        for (gsize n = 0; lines[n] != NULL; n++) {
            const char *found = strstr(lines[n], "Next elapse: ");
            found = found != NULL ? found : strstr(lines[n], "Iter. #");
            if (found == NULL)
                continue;
            time = calendar_next(calendar, time);
            g_autoptr(GDateTime) ours = g_date_time_new_from_unix_utc(time);
            g_autofree char *shown = g_date_time_format(ours, "%Y-%m-%d %H:%M:%S UTC");
            if (strstr(found, shown) == NULL)
                g_error("'%s': %s, and systemd says: %s", texts[i], shown, found);
            compared++;
        }
        g_assert_cmpuint(compared, ==, 20);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/calendar/the words people know are taken", the_words_people_know_are_taken);
    g_test_add_func("/calendar/a mistake is told", a_mistake_is_told);
    g_test_add_func("/calendar/the clock's own changes lose nothing",
                    the_clock_s_own_changes_lose_nothing);
    g_test_add_func("/calendar/systemd says the same", systemd_says_the_same);
    return g_test_run();
}
