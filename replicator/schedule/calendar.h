/*
 * calendar: points in time as people write them, in the words of systemd.time(7), OnCalendar=.
 *
 *     [WEEKDAYS] [[YEAR-]MONTH-DAY] [HOUR:MINUTE[:SECOND]] [ZONE]
 *     daily      02:30      Mon..Fri 12:00      *:0/15      *-*-01,15 06:00      Sat 20:00 UTC
 *
 * A part is `*`, or values separated by commas, each a number, a range `8..18`, or either with a
 * step `0/15`. What is left out is every day, at 00:00:00. Further: minutely, hourly, daily,
 * weekly (Mon), monthly, quarterly, semiannually, yearly. Not taken, though systemd does: days
 * counted from the end of a month (`~`) and fractions of a second.
 *
 * Times are the node's local time unless a zone is named. One that the clock skips in spring comes
 * when it has skipped; one that it passes twice in autumn counts once.
 */
#pragma once

#include "lib/base/cleanup.h"

#include <glib.h>

#define CALENDAR_YEAR_FIRST 1970
#define CALENDAR_YEAR_LAST 2199

struct calendar;

/* FAIL_USAGE with what is wrong and, where it can be guessed, how to write it. */
struct calendar *calendar_parse(const char *text, GError **error);
void calendar_free(struct calendar *calendar);
AUTO_DEFINE(calendar)

/* The first point after a time; both in seconds since 1970 UTC. -1: none until 2199. */
gint64 calendar_next(const struct calendar *calendar, gint64 after);
