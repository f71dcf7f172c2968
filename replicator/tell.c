#include "replicator/tell.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/json/json.h"
#include "replicator/daemon/configured.h"
#include "replicator/mounter/check.h"

#include <stdio.h>

char *
tell_text(struct slice object, const char *name)
{
    g_autofree char *text = NULL;
    return json_member_text(object, name, &text) ? log_escape(text) : NULL;
}

char *
tell_message(struct slice object, const char *name)
{
    g_autofree char *text = NULL;
    if (!json_member_text(object, name, &text))
        return NULL;
    g_autofree char *message = fail_message(text), *line = fail_line(message, fail_hint(text));
    return log_escape(line);
}

const char *
tell_work(const char *doing)
{
    static const char *const words[][2] = {
        {"checking",
         "checking its file system, which may take up to " G_STRINGIFY(CHECK_MINUTES) " minutes"},
        {"certificates", "looking for certificates"},
        {"snapshot", "taking a snapshot"},
        {"import", "bringing this node up to date"},
        {"drill", "trying whether it restores"},
        {"waiting", "waiting for its turn"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (strcmp(words[i][0], doing) == 0)
            return words[i][1];
    return doing;
}

char *
tell_changes(struct slice object, const char *changes, const char *counted)
{
    guint64 count = 0;
    json_member_unsigned(object, changes, &count);
    return g_strdup_printf("%s %" G_GUINT64_FORMAT " change%s",
                           json_member_true(object, counted) ? "about" : "at least", count,
                           count == 1 ? "" : "s");
}

char *
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

void
tell_waiting(struct slice configuration)
{
    struct slice list, each;
    if (!json_member(configuration, "waiting", &list))
        return;
    for (gsize place = 0; json_next_element(list, &place, &each);) {
        g_autoptr(GString) key = g_string_new(NULL);
        json_unescape(each, key);
        g_autofree char *shown = log_escape(key->str);
        printf(CONFIGURED_WAITS "\n", shown);
    }
}
