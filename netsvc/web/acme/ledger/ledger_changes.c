/* What changed in it, one row after the other. */
#include "netsvc/web/acme/ledger/ledger_inside.h"

#include <string.h>

gboolean
ledger_next_change(struct ledger *ledger, gint64 after, struct ledger_change *change,
                   GError **error)
{
    static const char text[] = "SELECT number, kind, id FROM change WHERE number > ?"
                               " ORDER BY number LIMIT 1";
    sqlite3_stmt *row = ledger_statement(ledger, text, error, "i", after);
    const gboolean found = row != NULL && ledger_row(ledger, row, error);
    if (found) {
        change->number = sqlite3_column_int64(row, 0);
        change->kind = (enum ledger_kind)sqlite3_column_int(row, 1);
        g_strlcpy(change->id, (const char *)sqlite3_column_text(row, 2), sizeof change->id);
    }
    sqlite3_finalize(row);
    return found;
}

static void
is_put(void *context, int act, const char *database, const char *table, sqlite3_int64 number)
{
    const struct ledger *ledger = context;
    (void)database;
    (void)number;
    if (act == SQLITE_INSERT && strcmp(table, "change") == 0)
        ledger->changed(ledger->context);
}

void
ledger_watch(struct ledger *ledger, void (*changed)(gpointer context), gpointer context)
{
    ledger->changed = changed;
    ledger->context = context;
    sqlite3_update_hook(ledger->file.db, is_put, ledger);
}
