/* report: see the header. */
#include "restore/run/report.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"

static char *
where(const char *database, struct slice id, struct slice rev)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (database != NULL)
        g_string_append_printf(text, "database '%s': ", database);
    if (id.size > 0)
        g_string_append_printf(text, "document '" SLICE_FORMAT "'", SLICE_ARGS(id));
    if (rev.size > 0)
        g_string_append_printf(text, " %s" SLICE_FORMAT, id.size > 0 ? "" : "revision ",
                               SLICE_ARGS(rev));
    if (id.size > 0 || rev.size > 0)
        g_string_append(text, ": ");
    return g_string_free(g_steal_pointer(&text), FALSE);
}

void
report_problem(struct report *report, const char *database, struct slice id, struct slice rev,
               const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    /* A hint is for whom the error ends the work, not for one of many. */
    g_autofree char *reason = fail_message(message);
    report->problems++;
    if (report->problems > REPORT_NAMED_MAX)
        return;
    g_autofree char *place = where(database, id, rev);
    log_warning("%s%s", place, reason);
    GString *event = progress_event_begin(report->progress, "problem");
    json_text_member_string(event, "database", database);
    if (id.size > 0)
        json_text_member_slice(event, "id", id);
    if (rev.size > 0)
        json_text_member_slice(event, "rev", rev);
    json_text_member_string(event, "reason", reason);
    progress_event_end(report->progress);
    if (report->problems == REPORT_NAMED_MAX)
        log_warning("there are more; from here on they are counted only");
}

static void G_GNUC_PRINTF(2, 0) note(struct report *report, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(format, args);
    report->notes++;
    log_notice("%s", text);
    progress_event(report->progress, "note", "text", text, NULL);
}

void
report_note(struct report *report, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    note(report, format, args);
    va_end(args);
}

void
report_kept(struct report *report, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    note(report, format, args);
    va_end(args);
    report->kept++;
}

char *
report_number(guint64 number)
{
    g_autofree char *digits = g_strdup_printf("%" G_GUINT64_FORMAT, number);
    g_autoptr(GString) text = g_string_new(NULL);
    for (gsize i = 0, n = strlen(digits); i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            g_string_append_c(text, ',');
        g_string_append_c(text, digits[i]);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

char *
report_count(guint64 number, const char *noun)
{
    g_autofree char *digits = report_number(number);
    return g_strdup_printf("%s %s%s", digits, noun, number == 1 ? "" : "s");
}

char *
report_duration(double seconds)
{
    guint64 whole = (guint64)(seconds + 0.5);
    return whole >= 3600 ? g_strdup_printf("%u:%02u:%02u", (guint)(whole / 3600),
                                           (guint)(whole / 60 % 60), (guint)(whole % 60))
                         : g_strdup_printf("%u:%02u", (guint)(whole / 60), (guint)(whole % 60));
}
