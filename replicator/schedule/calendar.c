#include "replicator/schedule/calendar.h"

#include "lib/base/fail.h"

#include <string.h>

enum part { YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, PARTS };

static const struct {
    const char *name;
    int first, last;
} bounds[PARTS] = {
    [YEAR] = {"year", CALENDAR_YEAR_FIRST, CALENDAR_YEAR_LAST},
    [MONTH] = {"month", 1, 12},
    [DAY] = {"day", 1, 31},
    [HOUR] = {"hour", 0, 23},
    [MINUTE] = {"minute", 0, 59},
    [SECOND] = {"second", 0, 59},
};

#define VALUES (CALENDAR_YEAR_LAST - CALENDAR_YEAR_FIRST + 1) /* of the part that has most */
#define WEEKDAYS 7

struct calendar {
    gboolean allowed[PARTS][VALUES]; /* counted from the part's first value */
    gboolean weekdays[WEEKDAYS];     /* from Monday */
    GTimeZone *zone;
};

void
calendar_free(struct calendar *calendar)
{
    if (calendar == NULL)
        return;
    g_clear_pointer(&calendar->zone, g_time_zone_unref);
    g_free(calendar);
}

/* ---- parsing ---- */

static const struct {
    const char *word, *meaning;
} words[] = {
    {"minutely", "*-*-* *:*:00"},
    {"hourly", "*-*-* *:00:00"},
    {"daily", "*-*-* 00:00:00"},
    {"weekly", "Mon *-*-* 00:00:00"},
    {"monthly", "*-*-01 00:00:00"},
    {"quarterly", "*-01,04,07,10-01 00:00:00"},
    {"semiannually", "*-01,07-01 00:00:00"},
    {"yearly", "*-01-01 00:00:00"},
    {"annually", "*-01-01 00:00:00"},
};

static gboolean
parse_number(const char **at, enum part part, int *number, GError **error)
{
    const char *start = *at;
    int value = 0;
    while (g_ascii_isdigit(**at) && *at - start < 4)
        value = value * 10 + g_ascii_digit_value(*(*at)++);
    if (*at == start || g_ascii_isdigit(**at))
        return fail_set(error, FAIL_USAGE, "there is no %s at '%s'", bounds[part].name, start);
    *number = value;
    return TRUE;
}

static gboolean
parse_value(const char **at, enum part part, int *value, GError **error)
{
    if (!parse_number(at, part, value, error))
        return FALSE;
    if (*value >= bounds[part].first && *value <= bounds[part].last)
        return TRUE;
    return fail_set(error, FAIL_USAGE, "%d is no %s: from %d to %d", *value, bounds[part].name,
                    bounds[part].first, bounds[part].last);
}

/* A number, a range, or either with a step. */
static gboolean
parse_values(struct calendar *calendar, const char **at, enum part part, GError **error)
{
    int first = 0, last, step = 1;
    if (!parse_value(at, part, &first, error))
        return FALSE;
    last = first;
    if (g_str_has_prefix(*at, "..")) {
        *at += 2;
        if (!parse_value(at, part, &last, error))
            return FALSE;
        if (last < first)
            return fail_set(error, FAIL_USAGE, "%d..%d goes backwards", first, last);
    } else if (**at == '/') {
        last = bounds[part].last;
    }
    if (**at == '/') {
        ++*at;
        if (!parse_number(at, part, &step, error))
            return FALSE;
        if (step == 0)
            return fail_set(error, FAIL_USAGE, "a step of 0 leads nowhere");
    }
    for (int value = first; value <= last; value += step)
        calendar->allowed[part][value - bounds[part].first] = TRUE;
    return TRUE;
}

static gboolean
parse_part(struct calendar *calendar, const char **at, enum part part, GError **error)
{
    if (**at == '*') {
        ++*at;
        if (**at == '/')
            return fail_set(error, FAIL_USAGE, "a step needs a start: '%d%s' instead of '*%s'",
                            bounds[part].first, *at, *at);
        for (int value = bounds[part].first; value <= bounds[part].last; value++)
            calendar->allowed[part][value - bounds[part].first] = TRUE;
        return TRUE;
    }
    for (;;) {
        if (!parse_values(calendar, at, part, error))
            return FALSE;
        if (**at != ',')
            return TRUE;
        ++*at;
    }
}

/* The parts from `part` to `last`, with `between` between them. */
static gboolean
parse_parts(struct calendar *calendar, const char *text, enum part part, enum part last,
            char between, GError **error)
{
    const char *at = text;
    for (;; part++) {
        if (!parse_part(calendar, &at, part, error))
            return FALSE;
        if (part == last || *at != between)
            break;
        at++;
    }
    if (*at != '\0')
        return fail_set(error, FAIL_USAGE, "'%s' is not expected behind the %s", at,
                        bounds[part].name);
    return TRUE;
}

static int
weekday_of(const char *text, gsize length)
{
    static const char *const names[WEEKDAYS] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                "Friday", "Saturday", "Sunday"};
    for (int i = 0; i < WEEKDAYS; i++)
        if ((length == 3 || length == strlen(names[i])) &&
            g_ascii_strncasecmp(text, names[i], length) == 0)
            return i;
    return -1;
}

/* `Mon`, `Mon,Wed`, `Mon..Fri`. */
static gboolean
parse_weekdays(struct calendar *calendar, const char *text, GError **error)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);
    for (gsize i = 0; items[i] != NULL; i++) {
        const char *dots = strstr(items[i], "..");
        gsize length = dots != NULL ? (gsize)(dots - items[i]) : strlen(items[i]);
        int first = weekday_of(items[i], length);
        int last = dots != NULL ? weekday_of(dots + 2, strlen(dots + 2)) : first;
        if (first < 0 || last < 0)
            return fail_set(error, FAIL_USAGE, "'%s' is no weekday, as in Mon,Wed or Mon..Fri",
                            items[i]);
        if (last < first)
            return fail_set(error, FAIL_USAGE, "'%s' goes beyond Sunday: name the days", items[i]);
        for (int day = first; day <= last; day++)
            calendar->weekdays[day] = TRUE;
    }
    return TRUE;
}

/* Months and days, with a year in front when there are three. */
static gboolean
parse_date(struct calendar *calendar, const char *text, GError **error)
{
    const char *dash = strchr(text, '-');
    gboolean has_year = dash != NULL && strchr(dash + 1, '-') != NULL;
    if (strchr(text, '~') != NULL)
        return fail_set(error, FAIL_USAGE,
                        "days counted from the end of a month ('~') are not "
                        "taken");
    if (dash == NULL)
        return fail_set(error, FAIL_USAGE, "'%s' is neither a word, a weekday, a date nor a time",
                        text);
    if (!has_year)
        for (int value = 0; value < VALUES; value++)
            calendar->allowed[YEAR][value] = TRUE;
    return parse_parts(calendar, text, has_year ? YEAR : MONTH, DAY, '-', error);
}

static gboolean
parse_time(struct calendar *calendar, const char *text, GError **error)
{
    const char *colon = strchr(text, ':');
    calendar->allowed[SECOND][0] = strchr(colon + 1, ':') == NULL;
    return parse_parts(calendar, text, HOUR, SECOND, ':', error);
}

/* Each item may come once, in this order. */
enum item { ITEM_WEEKDAYS, ITEM_DATE, ITEM_TIME, ITEM_ZONE, ITEMS };

static enum item
kind_of(const char *item, gboolean first)
{
    if (strchr(item, ':') != NULL)
        return ITEM_TIME;
    if (g_ascii_isdigit(item[0]) || item[0] == '*')
        return ITEM_DATE;
    return first ? ITEM_WEEKDAYS : ITEM_ZONE;
}

static gboolean
parse_zone(struct calendar *calendar, const char *text, GError **error)
{
    g_clear_pointer(&calendar->zone, g_time_zone_unref);
    calendar->zone = g_time_zone_new_identifier(text);
    return calendar->zone != NULL
               ? TRUE
               : fail_set(error, FAIL_USAGE, "'%s' is no time zone, as in UTC or Africa/Nairobi",
                          text);
}

static gboolean
parse_items(struct calendar *calendar, const char *text, GError **error)
{
    static gboolean (*const parsers[ITEMS])(struct calendar *, const char *, GError **) = {
        parse_weekdays, parse_date, parse_time, parse_zone};
    g_auto(GStrv) items = g_strsplit_set(text, " \t", -1);
    gboolean seen[ITEMS] = {FALSE};
    int last = -1;
    for (gsize i = 0; items[i] != NULL; i++) {
        if (items[i][0] == '\0')
            continue;
        enum item kind = kind_of(items[i], last < 0);
        if ((int)kind <= last || (kind == ITEM_ZONE && !seen[ITEM_DATE] && !seen[ITEM_TIME]))
            return fail_set(error, FAIL_USAGE, "'%s' is not expected there", items[i]);
        if (!parsers[kind](calendar, items[i], error))
            return FALSE;
        seen[kind] = TRUE;
        last = (int)kind;
    }
    if (last < 0)
        return fail_set(error, FAIL_USAGE, "it is empty");
    if (!seen[ITEM_WEEKDAYS])
        parse_weekdays(calendar, "Mon..Sun", NULL);
    if (!seen[ITEM_DATE])
        parse_date(calendar, "*-*-*", NULL);
    return seen[ITEM_TIME] ? TRUE : parse_time(calendar, "00:00", NULL);
}

struct calendar *
calendar_parse(const char *text, GError **error)
{
    AUTO(calendar) *calendar = g_new0(struct calendar, 1);
    const char *meaning = text;
    calendar->zone = g_time_zone_new_local();
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (g_ascii_strcasecmp(text, words[i].word) == 0)
            meaning = words[i].meaning;
    if (!parse_items(calendar, meaning, error)) {
        g_prefix_error(error, "calendar time '%s': ", text);
        return NULL;
    }
    return g_steal_pointer(&calendar);
}

/* ---- the next point ---- */

/* The day's number from Monday. */
static int
weekday_at(const int time[PARTS])
{
    GDate date;
    g_date_clear(&date, 1);
    g_date_set_dmy(&date, (GDateDay)time[DAY], (GDateMonth)time[MONTH], (GDateYear)time[YEAR]);
    return (int)g_date_get_weekday(&date) - G_DATE_MONDAY;
}

/* The first value allowed from the present one on, -1 if there is none. */
static int
first_allowed(const struct calendar *calendar, enum part part, int time[PARTS])
{
    int last = bounds[part].last;
    if (part == DAY)
        last = g_date_get_days_in_month((GDateMonth)time[MONTH], (GDateYear)time[YEAR]);
    for (; time[part] <= last; time[part]++)
        if (calendar->allowed[part][time[part] - bounds[part].first] &&
            (part != DAY || calendar->weekdays[weekday_at(time)]))
            return time[part];
    return -1;
}

static void
reset_behind(int time[PARTS], int part)
{
    while (++part < PARTS)
        time[part] = bounds[part].first;
}

/* Moves on to the first local time that fits, not before the present one. */
static gboolean
move_on(const struct calendar *calendar, int time[PARTS])
{
    for (int part = 0; part < PARTS;) {
        int before = time[part];
        if (first_allowed(calendar, (enum part)part, time) < 0) {
            if (part == 0)
                return FALSE;
            time[--part]++;
            reset_behind(time, part);
        } else {
            if (time[part] > before)
                reset_behind(time, part);
            part++;
        }
    }
    return TRUE;
}

/* When the clock of the zone shows a time for the first time. */
static gint64
instant_of(GTimeZone *zone, const int time[PARTS])
{
    g_autoptr(GDateTime) shown = g_date_time_new_utc(time[YEAR], time[MONTH], time[DAY], time[HOUR],
                                                     time[MINUTE], time[SECOND]);
    gint64 local = g_date_time_to_unix(shown), first = 0;
    static const GTimeType passes[] = {G_TIME_TYPE_DAYLIGHT, G_TIME_TYPE_STANDARD};
    for (gsize i = 0; i < G_N_ELEMENTS(passes); i++) {
        gint64 adjusted = local; /* a time that is skipped becomes the moment of the skip */
        gint interval = g_time_zone_adjust_time(zone, passes[i], &adjusted);
        gint64 instant = adjusted - g_time_zone_get_offset(zone, interval);
        if (i == 0 || instant < first)
            first = instant;
    }
    return first;
}

gint64
calendar_next(const struct calendar *calendar, gint64 after)
{
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(after + 1);
    g_autoptr(GDateTime) local = utc != NULL ? g_date_time_to_timezone(utc, calendar->zone) : NULL;
    if (local == NULL)
        return -1;
    int time[PARTS] = {g_date_time_get_year(local),         g_date_time_get_month(local),
                       g_date_time_get_day_of_month(local), g_date_time_get_hour(local),
                       g_date_time_get_minute(local),       g_date_time_get_second(local)};
    if (time[YEAR] < CALENDAR_YEAR_FIRST) /* 1970 in UTC is not yet that in America */
        time[YEAR] = CALENDAR_YEAR_FIRST, time[MONTH] = time[DAY] = 1, reset_behind(time, DAY);
    while (move_on(calendar, time)) {
        gint64 instant = instant_of(calendar->zone, time);
        if (instant > after)
            return instant;
        time[SECOND]++;
    }
    return -1;
}
