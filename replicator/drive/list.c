#include "replicator/drive/list.h"

#include "lib/base/fail.h"
#include "lib/json/json.h"
#include "replicator/tell.h"

enum { COLUMN_ID, COLUMN_LABEL, COLUMN_STATE, COLUMN_GOOD, COLUMNS };

struct row {
    char *cells[COLUMNS];
    char *problem; /* a line below it, or NULL */
};

static void
row_free(gpointer pointer)
{
    struct row *row = pointer;
    for (guint i = 0; i < COLUMNS; i++)
        g_free(row->cells[i]);
    g_free(row->problem);
    g_free(row);
}

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
    g_autofree char *message = tell_text(drive, "message");
    return g_strdup_printf("%s: %s", code == FAIL_INCOMPLETE ? "INCOMPLETE" : "FAILED",
                           message != NULL ? message : "the last run");
}

static struct row *
row_of(struct slice drive)
{
    struct row *row = g_new0(struct row, 1);
    gint64 good = json_member_time(drive, "last_good");
    g_autofree char *when = good > 0 ? tell_time(good) : g_strdup("never");
    row->cells[COLUMN_ID] = tell_text(drive, "id");
    row->cells[COLUMN_LABEL] = tell_text(drive, "label");
    row->cells[COLUMN_STATE] = tell_state(drive);
    row->cells[COLUMN_GOOD] =
        g_strconcat(when, json_member_true(drive, "overdue") ? "  OVERDUE" : "", NULL);
    row->problem = tell_problem(drive);
    return row;
}

static struct row *
heading(void)
{
    static const char *const titles[COLUMNS] = {"ID", "LABEL", "STATE", "LAST GOOD BACKUP"};
    struct row *row = g_new0(struct row, 1);
    for (guint i = 0; i < COLUMNS; i++)
        row->cells[i] = g_strdup(titles[i]);
    return row;
}

static glong
width(const char *cell)
{
    return cell != NULL ? g_utf8_strlen(cell, -1) : 0;
}

static void
append_table(GString *out, const GPtrArray *rows)
{
    glong widths[COLUMNS] = {0};
    for (guint i = 0; i < rows->len; i++)
        for (guint column = 0; column < COLUMNS; column++)
            widths[column] =
                MAX(widths[column], width(((const struct row *)rows->pdata[i])->cells[column]));
    for (guint i = 0; i < rows->len; i++) {
        const struct row *row = rows->pdata[i];
        for (guint column = 0; column < COLUMNS; column++) {
            const char *cell = row->cells[column] != NULL ? row->cells[column] : "";
            g_string_append(out, cell);
            if (column + 1 < COLUMNS)
                g_string_append_printf(out, "%*s", (int)(widths[column] - width(cell) + 2), "");
        }
        g_string_append_c(out, '\n');
        if (row->problem != NULL)
            g_string_append_printf(out, "%*s%s\n", (int)widths[COLUMN_ID] + 2, "", row->problem);
    }
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
    g_string_append_printf(out, "\n  %*s  lifeboat drive add %s\n", (int)width(device), "", device);
}

char *
list_drives(struct slice answer)
{
    GString *out = g_string_new(NULL);
    struct slice drives, unknown, one;
    gsize place = 0;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(row_free);
    g_ptr_array_add(rows, heading());
    if (json_member(answer, "drives", &drives))
        for (; json_next_element(drives, &place, &one);)
            g_ptr_array_add(rows, row_of(one));
    if (rows->len > 1)
        append_table(out, rows);
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
