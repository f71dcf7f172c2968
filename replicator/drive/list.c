#include "replicator/drive/list.h"

#include "lib/base/fail.h"
#include "lib/json/json.h"
#include "replicator/table.h"
#include "replicator/tell.h"

enum { COLUMN_ID, COLUMN_LABEL, COLUMN_STATE, COLUMN_GOOD, COLUMNS };

static const char *const titles[COLUMNS] = {"ID", "LABEL", "STATE", "LAST GOOD BACKUP"};

/* `taking a snapshot, 31 %` */
static char *
tell_doing(struct slice drive, const char *doing)
{
    struct slice progress;
    guint64 documents = 0, total = 0;
    if (json_member(drive, "progress", &progress)) {
        json_member_unsigned(progress, "documents", &documents);
        json_member_unsigned(progress, "total", &total);
    }
    if (total == 0)
        return g_strdup(tell_work(doing));
    return g_strdup_printf("%s, %.0f %%", tell_work(doing),
                           100.0 * (double)MIN(documents, total) / (double)total);
}

static char *
tell_state(struct slice drive)
{
    g_autofree char *doing = tell_text(drive, "doing");
    if (doing != NULL)
        return tell_doing(drive, doing);
    if (json_member_true(drive, "safe"))
        return g_strdup("safe to remove");
    return g_strdup(json_member_true(drive, "attached") ? "attached" : "away");
}

/* What went wrong at the last run; NULL: nothing. */
static char *
tell_problem(struct slice drive)
{
    guint64 code = 0;
    if (!json_member_unsigned(drive, "exit", &code) || code == 0)
        return NULL;
    g_autofree char *message = tell_message(drive, "message");
    return g_strdup_printf("%s: %s", code == FAIL_INCOMPLETE ? "INCOMPLETE" : "FAILED",
                           message != NULL ? message : "the last run");
}

static void
add_drive(struct table *table, struct slice drive)
{
    gint64 good = json_member_time(drive, "last_good");
    g_autofree char *when = good > 0 ? tell_time(good) : g_strdup("never");
    char *cells[COLUMNS] = {
        [COLUMN_ID] = tell_text(drive, "id"),
        [COLUMN_LABEL] = tell_text(drive, "label"),
        [COLUMN_STATE] = tell_state(drive),
        [COLUMN_GOOD] =
            g_strconcat(when, json_member_true(drive, "overdue") ? "  OVERDUE" : "", NULL),
    };
    table_add(table, cells);
    table_note(table, tell_problem(drive));
}

static void
append_unknown(GString *out, struct slice one)
{
    g_autofree char *device = tell_text(one, "device"), *type = tell_text(one, "type");
    g_autofree char *label = tell_text(one, "label"), *model = tell_text(one, "model");
    guint64 bytes = 0;
    json_member_unsigned(one, "size", &bytes);
    g_autofree char *size = g_format_size(bytes);
    if (device == NULL)
        return;
    g_string_append_printf(out, "  %s  %s", device, type != NULL ? type : "unknown");
    if (label != NULL && *label != '\0')
        g_string_append_printf(out, " '%s'", label);
    if (bytes > 0)
        g_string_append_printf(out, ", %s", size);
    if (model != NULL && *model != '\0')
        g_string_append_printf(out, ", %s", model);
    g_string_append_printf(out, "\n  %*s  lifeboat drive add %s\n", (int)g_utf8_strlen(device, -1),
                           "", device);
}

char *
list_drives(struct slice answer)
{
    GString *out = g_string_new(NULL);
    struct slice drives, unknown, one;
    gsize place = 0;
    AUTO(table) *table = table_new(titles, COLUMNS);
    if (json_member(answer, "drives", &drives))
        for (; json_next_element(drives, &place, &one);)
            add_drive(table, one);
    if (table_rows(table) > 0)
        table_append(table, out);
    else
        g_string_append(out, "no drives yet: plug one in and add it with `lifeboat drive add`\n");
    place = 0;
    if (!json_member(answer, "unknown", &unknown) || !json_next_element(unknown, &place, &one))
        return g_string_free(out, FALSE);
    g_string_append(out, "\nattached, and no drives of this site:\n");
    do
        append_unknown(out, one);
    while (json_next_element(unknown, &place, &one));
    return g_string_free(out, FALSE);
}
