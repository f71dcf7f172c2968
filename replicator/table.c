#include "replicator/table.h"

struct row {
    char *cells[TABLE_COLUMNS_MAX];
    char *note;
};

struct table {
    guint columns;
    GArray *rows; /* struct row; the titles first */
};

struct table *
table_new(const char *const *titles, guint columns)
{
    struct table *table = g_new0(struct table, 1);
    struct row row = {0};
    g_assert(columns <= TABLE_COLUMNS_MAX);
    table->columns = columns;
    table->rows = g_array_new(FALSE, TRUE, sizeof row);
    for (guint i = 0; i < columns; i++)
        row.cells[i] = g_strdup(titles[i]);
    g_array_append_val(table->rows, row);
    return table;
}

void
table_free(struct table *table)
{
    if (table == NULL)
        return;
    for (guint i = 0; i < table->rows->len; i++) {
        struct row *row = &g_array_index(table->rows, struct row, i);
        for (guint column = 0; column < table->columns; column++)
            g_free(row->cells[column]);
        g_free(row->note);
    }
    g_array_unref(table->rows);
    g_free(table);
}

void
table_add(struct table *table, char *const *cells)
{
    struct row row = {0};
    for (guint i = 0; i < table->columns; i++)
        row.cells[i] = cells[i];
    g_array_append_val(table->rows, row);
}

void
table_note(struct table *table, char *note)
{
    struct row *row = &g_array_index(table->rows, struct row, table->rows->len - 1);
    g_free(row->note);
    row->note = note;
}

guint
table_rows(const struct table *table)
{
    return table->rows->len - 1;
}

static glong
width(const char *cell)
{
    return cell != NULL ? g_utf8_strlen(cell, -1) : 0;
}

static void
append_row(GString *out, const struct row *row, guint columns, const glong *widths)
{
    for (guint column = 0; column < columns; column++) {
        const char *cell = row->cells[column] != NULL ? row->cells[column] : "";
        g_string_append(out, cell);
        if (column + 1 < columns)
            g_string_append_printf(out, "%*s", (int)(widths[column] - width(cell) + 2), "");
    }
    while (out->len > 0 && out->str[out->len - 1] == ' ')
        g_string_truncate(out, out->len - 1); /* of empty cells at the end */
    g_string_append_c(out, '\n');
    if (row->note != NULL)
        g_string_append_printf(out, "%*s%s\n", (int)widths[0] + 2, "", row->note);
}

void
table_append(const struct table *table, GString *out)
{
    glong widths[TABLE_COLUMNS_MAX] = {0};
    for (guint i = 0; i < table->rows->len; i++)
        for (guint column = 0; column < table->columns; column++)
            widths[column] =
                MAX(widths[column], width(g_array_index(table->rows, struct row, i).cells[column]));
    for (guint i = 0; i < table->rows->len; i++)
        append_row(out, &g_array_index(table->rows, struct row, i), table->columns, widths);
}
