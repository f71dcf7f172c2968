#include "netsvc/failover/store.h"

#include "lib/base/fail.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_VERSION 1
#define STORE_TABLES                                                                               \
    "BEGIN IMMEDIATE; CREATE TABLE record (only INTEGER PRIMARY KEY CHECK (only = 0),"             \
    " cluster TEXT NOT NULL, id TEXT NOT NULL, peer TEXT NOT NULL, attempt TEXT NOT NULL,"         \
    " promised TEXT NOT NULL, uuid TEXT NOT NULL, parity INTEGER NOT NULL, term INTEGER NOT NULL," \
    " taken INTEGER NOT NULL, granted INTEGER NOT NULL, unmerged INTEGER NOT NULL,"                \
    " fresh INTEGER NOT NULL, adopts INTEGER NOT NULL) STRICT;"                                    \
    "PRAGMA user_version = " G_STRINGIFY(STORE_VERSION) "; COMMIT"
#define STORE_COLUMNS                                                                              \
    "cluster, id, peer, attempt, promised, uuid, parity, term, taken, granted, unmerged, fresh,"   \
    " adopts"

/* The columns in their order: ids, then parity, term and flags. */
#define IDS 6
#define FLAGS 5

struct failover_store {
    sqlite3 *sqlite;
    sqlite3_stmt *put;
    char *path;
    struct stat main, wal; /* those that it has open */
};

/* ---- errors ---- */

static gboolean
is_damage(int code)
{
    int primary = code & 0xff;
    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR ||
           primary == SQLITE_MISMATCH || code == SQLITE_IOERR_SHORT_READ ||
           code == SQLITE_IOERR_CORRUPTFS;
}

static gboolean
failed(const struct failover_store *store, int code, GError **error)
{
    const char *cause = store->sqlite != NULL ? sqlite3_errmsg(store->sqlite) : "";
    if (is_damage(code))
        return fail_set(error, FAIL_DAMAGED, "record '%s': %s", store->path,
                        cause[0] != 0 ? cause : sqlite3_errstr(code));
    if ((code & 0xff) == SQLITE_BUSY)
        return fail_set(error, FAIL_LATER, "record '%s' is in use by another process", store->path);
    int number = store->sqlite != NULL ? sqlite3_system_errno(store->sqlite) : 0;
    if ((code & 0xff) == SQLITE_FULL)
        return fail_errno(error, ENOSPC, "record '%s'", store->path);
    if ((code & 0xff) == SQLITE_IOERR && number != 0)
        return fail_errno(error, number, "record '%s'", store->path);
    return fail_set(error, FAIL_FAILED, "record '%s': %s", store->path, sqlite3_errstr(code));
}

/* ---- opening ---- */

static struct stat
file_of(const struct failover_store *store, const char *suffix)
{
    g_autofree char *name = g_strconcat(store->path, suffix, NULL);
    struct stat found;
    return stat(name, &found) == 0 ? found : (struct stat){0};
}

static gboolean
is_there(const struct failover_store *store, const char *suffix, const struct stat *open)
{
    struct stat found = file_of(store, suffix);
    return found.st_ino == open->st_ino && found.st_dev == open->st_dev;
}

static int
run(struct failover_store *store, const char *text)
{
    return sqlite3_exec(store->sqlite, text, NULL, NULL, NULL);
}

/* The first value of the first row. */
static int
ask(struct failover_store *store, const char *text, char **value)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->sqlite, text, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *value = g_strdup((const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static int
check_whole(struct failover_store *store)
{
    g_autofree char *found = NULL;
    int code = ask(store, "PRAGMA quick_check(1)", &found);
    return code != SQLITE_OK ? code : g_strcmp0(found, "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
}

static int
open_sqlite(struct failover_store *store)
{
    int code =
        sqlite3_open_v2(store->path, &store->sqlite,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return code;
    sqlite3_extended_result_codes(store->sqlite, 1);
    sqlite3_db_config(store->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* The lock is taken by the first transaction and held from then on. */
    code = run(store, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;"
                      "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;"
                      "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 100;"
                      "BEGIN IMMEDIATE; COMMIT");
    return code == SQLITE_OK ? check_whole(store) : code;
}

static int
make_tables(struct failover_store *store, int *version)
{
    g_autofree char *text = NULL;
    int code = ask(store, "PRAGMA user_version", &text);
    *version = code == SQLITE_OK && text != NULL ? (int)g_ascii_strtoll(text, NULL, 10) : 0;
    if (code == SQLITE_OK && *version == 0)
        code = run(store, STORE_TABLES);
    if (code == SQLITE_OK && *version <= STORE_VERSION)
        code = sqlite3_prepare_v3(store->sqlite,
                                  "INSERT OR REPLACE INTO record (only, " STORE_COLUMNS
                                  ") VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                  -1, SQLITE_PREPARE_PERSISTENT, &store->put, NULL);
    return code;
}

static void
close_files(struct failover_store *store)
{
    sqlite3_finalize(store->put);
    sqlite3_close(store->sqlite);
    store->put = NULL;
    store->sqlite = NULL;
}

/* *is_damaged: what is there cannot be relied on. */
static gboolean
open_files(struct failover_store *store, gboolean *is_damaged, GError **error)
{
    int version = 0, code = open_sqlite(store);
    if (code == SQLITE_OK)
        code = make_tables(store, &version);
    *is_damaged = is_damage(code);
    if (code != SQLITE_OK)
        return failed(store, code, error);
    if (version > STORE_VERSION)
        return fail_set(error, FAIL_FAILED, "record '%s' was written by a newer Lifeboat",
                        store->path);
    store->main = file_of(store, "");
    store->wal = file_of(store, "-wal");
    return TRUE;
}

/* The file first: without it SQLite takes no WAL for true; without its WAL it would tell what was
 * true once. */
static gboolean
set_aside(struct failover_store *store, char **name, GError **error)
{
    *name = g_strdup_printf("%s.damaged-%" G_GINT64_FORMAT, store->path,
                            g_get_real_time() / G_USEC_PER_SEC);
    g_autofree char *wal = g_strconcat(store->path, "-wal", NULL);
    g_autofree char *wal_aside = g_strconcat(*name, "-wal", NULL);
    if (rename(store->path, *name) != 0 || (rename(wal, wal_aside) != 0 && errno != ENOENT))
        return fail_errno(error, errno, "record '%s' is damaged and cannot be set aside",
                          store->path);
    return TRUE;
}

struct failover_store *
failover_store_open(const char *path, char **damaged, GError **error)
{
    AUTO(failover_store) *store = g_new0(struct failover_store, 1);
    g_autoptr(GError) found = NULL;
    gboolean is_damaged;
    store->path = g_strdup(path);
    *damaged = NULL;
    if (!open_files(store, &is_damaged, &found)) {
        if (!is_damaged) {
            g_propagate_error(error, g_steal_pointer(&found));
            return NULL;
        }
        sqlite3_db_config(store->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        close_files(store);
        if (!set_aside(store, damaged, error) || !open_files(store, &is_damaged, error))
            return NULL;
    }
    struct failover_store *opened = store;
    store = NULL;
    return opened;
}

void
failover_store_free(struct failover_store *store)
{
    if (store == NULL)
        return;
    close_files(store);
    g_free(store->path);
    g_free(store);
}

/* ---- the row ---- */

static void
places(struct protocol_record *record, char *ids[IDS], gboolean *flags[FLAGS])
{
    char *const id_places[IDS] = {record->cluster, record->id,       record->peer,
                                  record->attempt, record->promised, record->uuid};
    gboolean *const flag_places[FLAGS] = {&record->taken, &record->granted, &record->unmerged,
                                          &record->fresh, &record->adopts};
    memcpy(ids, id_places, sizeof id_places);
    memcpy(flags, flag_places, sizeof flag_places);
}

/* FALSE: that is none of ours. */
static gboolean
read_row(sqlite3_stmt *row, struct protocol_record *record)
{
    char *ids[IDS];
    gboolean *flags[FLAGS];
    places(record, ids, flags);
    for (int i = 0; i < IDS; i++) {
        const char *text = (const char *)sqlite3_column_text(row, i);
        if (text == NULL || g_strlcpy(ids[i], text, PROTOCOL_ID_SIZE) >= PROTOCOL_ID_SIZE)
            return FALSE;
    }
    gint64 parity = sqlite3_column_int64(row, IDS), term = sqlite3_column_int64(row, IDS + 1);
    record->parity = (guint32)parity;
    record->term = (guint64)term;
    for (int i = 0; i < FLAGS; i++)
        *flags[i] = sqlite3_column_int64(row, IDS + 2 + i) != 0;
    return (parity == 0 || parity == 1) && term >= 0 && record->term <= PROTOCOL_TERM_MAX;
}

gboolean
failover_store_read(struct failover_store *store, struct protocol_record *record, gboolean *found,
                    GError **error)
{
    sqlite3_stmt *row = NULL;
    *record = (struct protocol_record){0};
    int code =
        sqlite3_prepare_v2(store->sqlite, "SELECT " STORE_COLUMNS " FROM record", -1, &row, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(row);
    *found = code == SQLITE_ROW && read_row(row, record);
    if (!*found)
        *record = (struct protocol_record){0};
    sqlite3_finalize(row);
    return code == SQLITE_ROW || code == SQLITE_DONE || failed(store, code, error);
}

static int
write_row(struct failover_store *store, const struct protocol_record *record)
{
    struct protocol_record copy = *record;
    char *ids[IDS];
    gboolean *flags[FLAGS];
    places(&copy, ids, flags);
    for (int i = 0; i < IDS; i++)
        sqlite3_bind_text(store->put, i + 1, ids[i], -1, SQLITE_STATIC);
    sqlite3_bind_int64(store->put, IDS + 1, copy.parity);
    sqlite3_bind_int64(store->put, IDS + 2, (gint64)copy.term);
    for (int i = 0; i < FLAGS; i++)
        sqlite3_bind_int64(store->put, IDS + 3 + i, *flags[i] ? 1 : 0);
    int code = sqlite3_step(store->put);
    sqlite3_reset(store->put);
    sqlite3_clear_bindings(store->put);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Somebody removed the files, or put others in their place: what is written to those that are open
 * would be found by nobody. */
static gboolean
open_again_if_lost(struct failover_store *store, GError **error)
{
    gboolean is_damaged;
    if (store->sqlite != NULL && is_there(store, "", &store->main) &&
        is_there(store, "-wal", &store->wal))
        return TRUE;
    if (store->sqlite != NULL)
        sqlite3_db_config(store->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    close_files(store);
    if (open_files(store, &is_damaged, error))
        return TRUE;
    close_files(store);
    return FALSE;
}

gboolean
failover_store_write(struct failover_store *store, const struct protocol_record *record,
                     GError **error)
{
    if (!open_again_if_lost(store, error))
        return FALSE;
    int code = write_row(store, record);
    return code == SQLITE_OK || failed(store, code, error);
}
