#include "replicator/status.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/couch/json.h"
#include "replicator/ask.h"

#include <stdio.h>

/* A time of the answer, in seconds since 1970 UTC; 0: none. */
static gint64
time_of(struct slice object, const char *name)
{
    g_autofree char *text = NULL;
    if (!json_member_text(object, name, &text))
        return 0;
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);
    return time != NULL ? g_date_time_to_unix(time) : 0;
}

/* `2026-11-28 20:00, 3 hours ago`, or `in 3 hours`; caller frees. */
static char *
tell_time(gint64 time)
{
    static const struct {
        gint64 seconds;
        const char *name;
    } units[] = {{24 * 3600, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    gint64 since = g_get_real_time() / G_USEC_PER_SEC - time, length = ABS(since);
    gsize unit = 0;
    while (unit + 1 < G_N_ELEMENTS(units) && length < 2 * units[unit].seconds)
        unit++;
    g_autoptr(GDateTime) local = g_date_time_new_from_unix_local(time);
    g_autofree char *shown = g_date_time_format(local, "%Y-%m-%d %H:%M");
    gint64 count = length / units[unit].seconds;
    return g_strdup_printf("%s, %s%" G_GINT64_FORMAT " %s%s%s", shown, since < 0 ? "in " : "",
                           count, units[unit].name, count == 1 ? "" : "s", since < 0 ? "" : " ago");
}

/* A text of the answer, fit for a terminal; NULL: none. Caller frees. */
static char *
text_of(struct slice object, const char *name)
{
    g_autofree char *text = NULL;
    return json_member_text(object, name, &text) ? log_escape(text) : NULL;
}

static void
tell_progress(struct slice store)
{
    struct slice progress;
    guint64 documents = 0, total = 0;
    printf("  now          taking a snapshot");
    if (json_member(store, "progress", &progress)) {
        g_autofree char *doing = text_of(progress, "doing");
        g_autofree char *database = text_of(progress, "database");
        json_member_unsigned(progress, "documents", &documents);
        printf(": %s%s%s, %" G_GUINT64_FORMAT, doing != NULL ? doing : "",
               database != NULL ? " " : "", database != NULL ? database : "", documents);
        if (json_member_unsigned(progress, "total", &total))
            printf(" of %" G_GUINT64_FORMAT, total);
        printf(" documents");
    }
    printf("\n");
}

static void
tell_store(struct slice store)
{
    g_autofree char *path = text_of(store, "path"), *doing = text_of(store, "doing");
    gint64 good = time_of(store, "last_good"), last = time_of(store, "last_run");
    gint64 next = time_of(store, "next");
    guint64 exit_code = 0;
    g_autofree char *when_good = good > 0 ? tell_time(good) : g_strdup("never");
    printf("store '%s'\n  last good    %s%s\n", path, when_good,
           json_member_true(store, "overdue") ? "  OVERDUE" : "");
    if (json_member_unsigned(store, "exit", &exit_code) && exit_code != 0) {
        g_autofree char *when = tell_time(last);
        g_autofree char *message = text_of(store, "message");
        printf("  last run     %s: %s%s%s\n", when,
               exit_code == FAIL_INCOMPLETE ? "INCOMPLETE" : "FAILED", message != NULL ? ": " : "",
               message != NULL ? message : "");
    }
    if (doing != NULL) {
        tell_progress(store);
    } else {
        g_autofree char *when_next =
            next > 0 ? tell_time(next)
                     : g_strdup(json_member_true(store, "scheduled")
                                    ? "never: all times of the schedule are past"
                                    : "never: no schedule is set");
        printf("  next         %s\n", when_next);
    }
}

/* The worst of all stores: overdue or failed is a failure, so that a script can ask. */
static int
judge(struct slice stores)
{
    int code = 0;
    struct slice store;
    guint64 last;
    for (gsize place = 0; json_next_element(stores, &place, &store);) {
        gboolean ran = json_member_unsigned(store, "exit", &last);
        if (json_member_true(store, "overdue") || (ran && last != 0 && last != FAIL_INCOMPLETE))
            return FAIL_FAILED;
        if (ran && last == FAIL_INCOMPLETE)
            code = FAIL_INCOMPLETE;
    }
    return code;
}

int
status_command(const struct command_line *line, GError **error)
{
    g_autoptr(GString) answer =
        ask_daemon(options_string(line, "control"), "{\"ask\":\"status\"}", ASK_SECONDS, error);
    struct slice stores, store;
    if (answer == NULL)
        return FAIL_FAILED;
    if (!json_member((struct slice){answer->str, answer->len}, "stores", &stores)) {
        fail_set(error, FAIL_FAILED, "lifeboat-replicator gives no list of stores");
        return FAIL_FAILED;
    }
    if (options_flag(line, "json"))
        fwrite(answer->str, 1, answer->len, stdout);
    else
        for (gsize place = 0; json_next_element(stores, &place, &store);)
            tell_store(store);
    return judge(stores);
}
