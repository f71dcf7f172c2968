#include "netsvc/dhcp/lease/database/parts.h"

#include <string.h>

#define MAC_MAX (int)sizeof((struct lease *)0)->mac

/* ---- tables ---- */

#define NUMBER " INTEGER NOT NULL"
#define SINCE_2 NUMBER " DEFAULT 0" /* what a pair needs; rows of version 1 have none of it */

static const char lease_table[] =
    "CREATE TABLE lease (address INTEGER PRIMARY KEY, state" NUMBER ", until" NUMBER
    ", since" NUMBER ", key BLOB NOT NULL, mac BLOB NOT NULL, name TEXT NOT NULL, seconds" NUMBER
    ", writer" SINCE_2 ", counter" SINCE_2 ", acked" SINCE_2 ", pending" SINCE_2 ") STRICT";

static const char clock_table[] =
    "CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 0), boot_id TEXT NOT NULL,"
    " boot" NUMBER ", wall" NUMBER ", elapsed" NUMBER ") STRICT";

static const char knowledge_table[] =
    "CREATE TABLE knowledge (writer INTEGER PRIMARY KEY, counter" NUMBER ") STRICT";

static const char set_version[] = "PRAGMA user_version = " G_STRINGIFY(DATABASE_VERSION);

static const char *const statement_text[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [PUT] = ("INSERT OR REPLACE INTO lease (" ROWS_LEASE ") VALUES (?, ?, ?, ?, ?, ?, ?, ?,"
             " ?, ?, ?, ?)"),
    [REMOVE] = "DELETE FROM lease WHERE address = ?",
    [CLOCK] = "INSERT OR REPLACE INTO clock VALUES (0, ?, ?, ?, ?)",
    [KNOW_NOTHING] = "DELETE FROM knowledge",
    [KNOW] = "INSERT OR REPLACE INTO knowledge VALUES (?, ?)",
};

static int
run_all(struct database *database, const char *const *texts)
{
    int code = SQLITE_OK;
    for (; *texts != NULL && code == SQLITE_OK; texts++)
        code = sqlite_run(&database->file, *texts);
    return code;
}

int
rows_make_tables(struct database *database)
{
    static const char *const texts[] = {lease_table, clock_table, knowledge_table, set_version,
                                        NULL};
    return run_all(database, texts);
}

/* One of version 1 gets what is new in one step; what fails on the way, the end of the connection
 * rolls back. */
int
rows_migrate(struct database *database)
{
    static const char *const texts[] = {"BEGIN IMMEDIATE",
                                        "ALTER TABLE lease ADD COLUMN writer" SINCE_2,
                                        "ALTER TABLE lease ADD COLUMN counter" SINCE_2,
                                        "ALTER TABLE lease ADD COLUMN acked" SINCE_2,
                                        "ALTER TABLE lease ADD COLUMN pending" SINCE_2,
                                        knowledge_table,
                                        set_version,
                                        "COMMIT",
                                        NULL};
    return run_all(database, texts);
}

int
rows_prepare(struct database *database)
{
    int code = SQLITE_OK;
    for (gsize i = 0; i < STATEMENTS && code == SQLITE_OK; i++)
        code = sqlite_prepare(&database->file, statement_text[i], &database->statements[i]);
    return code;
}

/* ---- reading ---- */

/* What is for a pair: as long as it makes no sense, it is a lease of one node alone. */
static void
read_pair(sqlite3_stmt *row, struct lease *lease)
{
    if (sqlite3_column_count(row) <= 8)
        return;
    gint64 writer = sqlite3_column_int64(row, 8), counter = sqlite3_column_int64(row, 9);
    gint64 acked = sqlite3_column_int64(row, 10);
    if (writer > 0 && counter > 0)
        lease->version = (struct version){(guint64)writer, (guint64)counter};
    lease->acked = database_is_time(acked) ? acked : 0;
    lease->pending = sqlite3_column_int64(row, 11) != 0;
}

/* FALSE: that is none of ours. */
gboolean
rows_lease(sqlite3_stmt *row, struct lease *lease)
{
    gint64 address = sqlite3_column_int64(row, 0), state = sqlite3_column_int64(row, 1);
    const void *key = sqlite3_column_blob(row, 4), *mac = sqlite3_column_blob(row, 5);
    int key_size = sqlite3_column_bytes(row, 4), mac_size = sqlite3_column_bytes(row, 5);
    const char *name = (const char *)sqlite3_column_text(row, 6);
    gint64 until = sqlite3_column_int64(row, 2), since = sqlite3_column_int64(row, 3);
    gint64 seconds = sqlite3_column_int64(row, 7);
    if (address < 0 || address > G_MAXUINT32 || state < 0 || state >= LEASE_STATES ||
        state == LEASE_OFFERED || key_size > LEASE_KEY_MAX || mac_size > MAC_MAX || name == NULL ||
        strlen(name) >= LEASE_NAME_MAX || seconds < 0 || seconds > G_MAXUINT32 ||
        !database_is_time(until) || !database_is_time(since))
        return FALSE;
    *lease = (struct lease){.address = (guint32)address,
                            .state = (enum lease_state)state,
                            .until = until,
                            .since = since,
                            .key_size = (guint8)key_size,
                            .mac_size = (guint8)mac_size,
                            .seconds = (guint32)seconds};
    if (key_size > 0)
        memcpy(lease->key, key, (gsize)key_size);
    if (mac_size > 0)
        memcpy(lease->mac, mac, (gsize)mac_size);
    g_strlcpy(lease->name, name, sizeof lease->name);
    read_pair(row, lease);
    return TRUE;
}

static void
take_clock(gpointer context, sqlite3_stmt *row)
{
    struct database_clock *clock = context;
    g_strlcpy(clock->boot_id, (const char *)sqlite3_column_text(row, 0), sizeof clock->boot_id);
    clock->boot = sqlite3_column_int64(row, 1);
    clock->wall = sqlite3_column_int64(row, 2);
    clock->elapsed = sqlite3_column_int64(row, 3);
}

int
rows_clock(struct database *database, struct database_clock *clock)
{
    *clock = (struct database_clock){.elapsed = G_MININT64}; /* no row: no time */
    int code = sqlite_each(&database->file, "SELECT boot_id, boot, wall, elapsed FROM clock",
                           take_clock, clock);
    if (code == SQLITE_OK && (!database_is_time(clock->boot) || !database_is_time(clock->wall) ||
                              !database_is_time(clock->elapsed)))
        code = SQLITE_CORRUPT;
    return code;
}

enum database_fault
database_read_clock(struct database *database, struct database_clock *clock, GError **error)
{
    int code = rows_clock(database, clock);
    return code == SQLITE_OK ? DATABASE_FINE : database_failed(database, code, error);
}

struct reading {
    database_row row;
    void *context;
    guint senseless;
};

static void
take_lease(gpointer context, sqlite3_stmt *row)
{
    struct reading *reading = context;
    struct lease lease;
    if (rows_lease(row, &lease))
        reading->row(reading->context, &lease);
    else
        reading->senseless++;
}

enum database_fault
database_read(struct database *database, database_row row, void *context, guint *senseless,
              GError **error)
{
    struct reading reading = {.row = row, .context = context};
    int code =
        sqlite_each(&database->file, "SELECT " ROWS_LEASE " FROM lease", take_lease, &reading);
    *senseless = reading.senseless;
    return code == SQLITE_OK ? DATABASE_FINE : database_failed(database, code, error);
}

static void
take_knowledge(gpointer context, sqlite3_stmt *row)
{
    gint64 writer = sqlite3_column_int64(row, 0), counter = sqlite3_column_int64(row, 1);
    if (writer > 0 && counter > 0)
        knowledge_raise(context, (guint64)writer, (guint64)counter);
}

enum database_fault
database_read_knowledge(struct database *database, struct knowledge *knowledge, GError **error)
{
    *knowledge = (struct knowledge){0};
    int code = sqlite_each(&database->file, "SELECT writer, counter FROM knowledge", take_knowledge,
                           knowledge);
    return code == SQLITE_OK ? DATABASE_FINE : database_failed(database, code, error);
}

/* ---- changes ---- */

int
rows_step(struct database *database, int which)
{
    return sqlite_step(database->statements[which]);
}

int
rows_change(struct database *database, const struct database_change *change)
{
    const struct lease *lease = &change->lease;
    sqlite3_stmt *put = database->statements[PUT], *gone = database->statements[REMOVE];
    if (change->gone) {
        sqlite3_bind_int64(gone, 1, lease->address);
        return rows_step(database, REMOVE);
    }
    sqlite3_bind_int64(put, 1, lease->address);
    sqlite3_bind_int64(put, 2, lease->state);
    sqlite3_bind_int64(put, 3, lease->until);
    sqlite3_bind_int64(put, 4, lease->since);
    sqlite3_bind_blob(put, 5, lease->key, lease->key_size, SQLITE_STATIC);
    sqlite3_bind_blob(put, 6, lease->mac, lease->mac_size, SQLITE_STATIC);
    sqlite3_bind_text(put, 7, lease->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(put, 8, lease->seconds);
    sqlite3_bind_int64(put, 9, (gint64)lease->version.writer);
    sqlite3_bind_int64(put, 10, (gint64)lease->version.counter);
    sqlite3_bind_int64(put, 11, lease->acked);
    sqlite3_bind_int64(put, 12, lease->pending);
    return rows_step(database, PUT);
}

int
rows_change_clock(struct database *database, const struct database_clock *clock)
{
    sqlite3_stmt *put = database->statements[CLOCK];
    sqlite3_bind_text(put, 1, clock->boot_id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(put, 2, clock->boot);
    sqlite3_bind_int64(put, 3, clock->wall);
    sqlite3_bind_int64(put, 4, clock->elapsed);
    return rows_step(database, CLOCK);
}

int
rows_change_knowledge(struct database *database, const struct knowledge *knowledge)
{
    sqlite3_stmt *know = database->statements[KNOW];
    int code = rows_step(database, KNOW_NOTHING);
    for (guint i = 0; i < knowledge->n && code == SQLITE_OK; i++) {
        sqlite3_bind_int64(know, 1, (gint64)knowledge->of[i].writer);
        sqlite3_bind_int64(know, 2, (gint64)knowledge->of[i].counter);
        code = rows_step(database, KNOW);
    }
    return code;
}
