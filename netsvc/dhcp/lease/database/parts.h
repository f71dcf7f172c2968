/*
 * parts: what the parts of the database share.
 *
 *     database.c   one that is open: errors, the lock, commits
 *     rows.c       its tables, and leases as their rows
 *     files.c      a new one is built, and takes the name
 *     salvage.c    what can be read of a damaged one
 */
#pragma once

#include "netsvc/dhcp/lease/database/database.h"

#include <sqlite3.h>
#include <sys/types.h>

enum { BEGIN, COMMIT, ROLLBACK, PUT, REMOVE, CLOCK, KNOW_NOTHING, KNOW, STATEMENTS };

/* Which one has the name. */
struct database_file {
    dev_t device;
    ino_t number; /* 0: none has */
};

struct database {
    sqlite3 *sqlite;
    sqlite3_stmt *statements[STATEMENTS];
    char *path;
    guint wal_pages;
    gboolean damaged; /* closing it changes nothing any more */
    struct database_file main, wal;
};

enum database_fault database_failed(struct database *database, int code, GError **error);

/* ---- SQLite; they give its codes ---- */

int database_open_sqlite(struct database *database, const char *path, int flags);
int database_run(struct database *database, const char *text);
int database_ask(struct database *database, const char *text, char **value); /* of the first row */

/* ---- rows.c ---- */

/* Rows that were written by version 1 have the first ones only. */
#define ROWS_LEASE_1 "address, state, until, since, key, mac, name, seconds"
#define ROWS_LEASE ROWS_LEASE_1 ", writer, counter, acked, pending"

int rows_make_tables(struct database *database);
int rows_migrate(struct database *database);
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
