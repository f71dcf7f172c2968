/* keep: see the header. */
#include "replicator/prune/keep.h"

#define HOUR 3600
#define DAY (24 * HOUR)

const char *
keep_rule_name(enum keep_rule rule)
{
    static const char *const names[] = {"last", "hourly", "daily", "weekly", "monthly", "yearly"};
    G_STATIC_ASSERT(G_N_ELEMENTS(names) == KEEP_RULES);
    return names[rule];
}

static gint64
divide_down(gint64 value, gint64 by)
{
    return value / by - (value % by < 0);
}

/* A number that two points share if they lie in one period of the rule. */
static gint64
period_of(enum keep_rule rule, gint64 started, gsize position)
{
    gint64 day = divide_down(started, DAY);
    if (rule == KEEP_LAST)
        return (gint64)position;
    if (rule == KEEP_HOURLY)
        return divide_down(started, HOUR);
    if (rule == KEEP_DAILY)
        return day;
    if (rule == KEEP_WEEKLY) /* 1970 began on a Thursday */
        return divide_down(day + 3, 7);
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(started);
    if (time == NULL) /* beyond the year 9999 */
        return day;
    gint64 year = g_date_time_get_year(time);
    return rule == KEEP_YEARLY ? year : year * 12 + g_date_time_get_month(time);
}

static void
apply_rule(enum keep_rule rule, guint count, struct keep_point *points, gsize n_points)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (gsize i = 0; i < n_points && count > 0; i++) {
        gint64 period = period_of(rule, points[i].started, i);
        gboolean another = g_hash_table_add(seen, g_memdup2(&period, sizeof period));
        if (!another && i + 1 < n_points)
            continue;
        points[i].by |= 1u << rule;
        count--;
    }
}

void
keep_apply(const guint counts[KEEP_RULES], struct keep_point *points, gsize n_points)
{
    for (gsize i = 0; i < n_points; i++)
        points[i].by = 0;
    for (enum keep_rule rule = 0; rule < KEEP_RULES; rule++)
        apply_rule(rule, counts[rule], points, n_points);
}
