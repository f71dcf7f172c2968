#include "netsvc/dhcp/lease/database/parts.h"

#define SALVAGE_QUERIES 20000 /* of a damaged file, before the rest of it is given up */

struct salvage {
    struct database *database;
    GQueue ranges; /* struct config_range */
    database_row row;
    void *context;
    gboolean misses; /* something could not be read */
};

static void
push_range(struct salvage *salvage, gint64 first, gint64 last)
{
    if (first > last)
        return;
    struct config_range *range = g_new(struct config_range, 1);
    *range = (struct config_range){(guint32)first, (guint32)last};
    g_queue_push_tail(&salvage->ranges, range);
}

static sqlite3_stmt *
salvage_query(struct salvage *salvage, const char *columns, gboolean up)
{
    sqlite3_stmt *rows = NULL;
    g_autofree char *text =
        g_strdup_printf("SELECT %s FROM lease WHERE address BETWEEN ? AND ? ORDER BY address %s",
                        columns, up ? "ASC" : "DESC");
    sqlite3_prepare_v2(salvage->database->file.db, text, -1, &rows, NULL);
    return rows;
}

/* Reads up or down until something cannot be read; gives the address that it came to. */
static gint64
salvage_run(struct salvage *salvage, struct config_range range, gboolean up)
{
    gint64 next = up ? range.first : range.last;
    sqlite3_stmt *rows = salvage_query(salvage, ROWS_LEASE, up);
    if (rows == NULL)
        rows = salvage_query(salvage, ROWS_LEASE_1, up); /* of version 1 */
    if (rows == NULL)
        return next;
    sqlite3_bind_int64(rows, 1, range.first);
    sqlite3_bind_int64(rows, 2, range.last);
    int code;
    while ((code = sqlite3_step(rows)) == SQLITE_ROW) {
        struct lease lease;
        gint64 address = sqlite3_column_int64(rows, 0);
        if (address < range.first || address > range.last)
            break;
        if (rows_lease(rows, &lease))
            salvage->row(salvage->context, &lease);
        next = up ? address + 1 : address - 1;
    }
    sqlite3_finalize(rows);
    return code == SQLITE_DONE ? (up ? (gint64)range.last + 1 : (gint64)range.first - 1) : next;
}

/* From both ends; what is left in the middle is halved. */
static void
salvage_range(struct salvage *salvage, struct config_range range)
{
    gint64 first = salvage_run(salvage, range, TRUE);
    if (first > range.last)
        return;
    salvage->misses = TRUE;
    range.first = (guint32)first;
    gint64 last = salvage_run(salvage, range, FALSE);
    if (last <= first)
        return;
    gint64 middle = first + (last - first) / 2;
    push_range(salvage, first, middle);
    push_range(salvage, middle + 1, last);
}

gboolean
database_salvage(const char *path, struct database_clock *clock, database_row row, void *context)
{
    AUTO(database) *database = g_new0(struct database, 1);
    struct salvage salvage = {.database = database, .row = row, .context = context};
    *clock = (struct database_clock){0};
    int code = sqlite_connect(&database->file, &database_kind, path, SQLITE_OPEN_READWRITE);
    database->file.damaged = TRUE;
    if (code != SQLITE_OK)
        return FALSE;
    if (rows_clock(database, clock) != SQLITE_OK)
        *clock = (struct database_clock){0};
    g_queue_init(&salvage.ranges);
    push_range(&salvage, 0, G_MAXUINT32);
    for (guint i = 0; i < SALVAGE_QUERIES && !g_queue_is_empty(&salvage.ranges); i++) {
        g_autofree struct config_range *range = g_queue_pop_head(&salvage.ranges);
        salvage_range(&salvage, *range);
    }
    g_queue_clear_full(&salvage.ranges, g_free);
    return !salvage.misses;
}
