/* ledger_inside: what the ledger's files share: statements in one line. */
#pragma once

#include "lib/sqlite/sqlite.h"
#include "netsvc/web/acme/ledger/ledger.h"

struct ledger {
    struct sqlite file;
    void (*changed)(gpointer context); /* NULL: nobody watches */
    gpointer context;
};

/* A statement with its values: `types` has a letter for each, 's' a text or NULL, 'i' a gint64.
 * NULL with an error. */
sqlite3_stmt *ledger_statement(struct ledger *ledger, const char *text, GError **error,
                               const char *types, ...);

/* The next row; FALSE: that was all, or with an error. */
gboolean ledger_row(struct ledger *ledger, sqlite3_stmt *statement, GError **error);

/* Runs it to its end, and frees it; NULL is one that has failed. */
gboolean ledger_run(struct ledger *ledger, sqlite3_stmt *statement, GError **error);

char *ledger_text(sqlite3_stmt *row, int column); /* NULL: it is NULL */
enum ledger_status ledger_status(sqlite3_stmt *row, int column);
