/*
 * parts: what the parts of the database share.
 *
 *     database.c   one that is open: errors, commits (lib/sqlite opens and checks it)
 *     rows.c       its tables, and leases as their rows
 *     files.c      a new one is built, and takes the name
 *     salvage.c    what can be read of a damaged one
 */
#pragma once

#include "lib/sqlite/sqlite.h"
#include "netsvc/dhcp/lease/database/database.h"

enum { BEGIN, COMMIT, ROLLBACK, PUT, REMOVE, CLOCK, KNOW_NOTHING, KNOW, STATEMENTS };

struct database {
    struct sqlite file;
    sqlite3_stmt *statements[STATEMENTS];
    guint wal_pages;
};

enum database_fault database_failed(struct database *database, int code, GError **error);

extern const struct sqlite_kind database_kind;

/* ---- rows.c; they give SQLite's codes ---- */

/* Rows that were written by version 1 have the first ones only. */
#define ROWS_LEASE_1 "address, state, until, since, key, mac, name, seconds"
#define ROWS_LEASE ROWS_LEASE_1 ", writer, counter, acked, pending"

int rows_make_tables(struct database *database);
int rows_migrate(struct database *database); /* from version 1 */
int rows_prepare(struct database *database);

gboolean rows_lease(sqlite3_stmt *row, struct lease *lease); /* FALSE: that is none of ours */
int rows_clock(struct database *database, struct database_clock *clock);

int rows_step(struct database *database, int which);
int rows_change(struct database *database, const struct database_change *change);
int rows_change_clock(struct database *database, const struct database_clock *clock);
int rows_change_knowledge(struct database *database, const struct knowledge *knowledge);

/* ---- files.c ---- */

/* What was interrupted is finished; where there is none, an empty one is made. */
gboolean database_settle_files(const char *path, GError **error);
