/*
 * keep: which restore points the rules keep. A pure function over points, as in restic and borg:
 *
 *     last N      the newest N points
 *     hourly N    of the newest N hours that have points, the newest point of each;
 *                 daily, weekly, monthly and yearly likewise
 *
 * A point is kept if any rule keeps it. As long as there are fewer periods than a rule asks for, it
 * keeps the very oldest point too, so that a yearly rule does not wait for the year to end. Periods
 * are in UTC, weeks are those of ISO 8601. Newest and oldest are by the chain's order, never by the
 * clock, which may have gone back.
 */
#pragma once

#include <glib.h>

enum keep_rule {
    KEEP_LAST,
    KEEP_HOURLY,
    KEEP_DAILY,
    KEEP_WEEKLY,
    KEEP_MONTHLY,
    KEEP_YEARLY,
    KEEP_RULES,
};

struct keep_point {
    gint64 started; /* seconds since 1970 */
    guint by;       /* 1 << rule for each that keeps it: the answer */
};

/* "last", "hourly", … */
const char *keep_rule_name(enum keep_rule rule);

/* Fills in `by`. Points go from the newest to the oldest; a rule with count 0 is not there. */
void keep_apply(const guint counts[KEEP_RULES], struct keep_point *points, gsize n_points);
