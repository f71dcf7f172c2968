#include "netsvc/failover/store.h"

#include "lib/sqlite/sqlite.h"

#include <string.h>

#define STORE_VERSION 2

static const struct sqlite_kind record_kind = {
    .what = "record",
    .version = STORE_VERSION,
    .tables = "CREATE TABLE record (only INTEGER PRIMARY KEY CHECK (only = 0),"
              " cluster TEXT NOT NULL, id TEXT NOT NULL, peer TEXT NOT NULL,"
              " attempt TEXT NOT NULL, promised TEXT NOT NULL, uuid TEXT NOT NULL,"
              " rival TEXT NOT NULL DEFAULT '',"
              " parity INTEGER NOT NULL, term INTEGER NOT NULL, taken INTEGER NOT NULL,"
              " granted INTEGER NOT NULL, unmerged INTEGER NOT NULL, fresh INTEGER NOT NULL,"
              " adopts INTEGER NOT NULL) STRICT",
};

#define STORE_FROM_1                                                                               \
    "BEGIN IMMEDIATE; ALTER TABLE record ADD COLUMN rival TEXT NOT NULL DEFAULT '';"               \
    "PRAGMA user_version = " G_STRINGIFY(STORE_VERSION) "; COMMIT"
#define STORE_COLUMNS                                                                              \
    "cluster, id, peer, attempt, promised, uuid, rival, parity, term, taken, granted, unmerged, "  \
    "fresh,"                                                                                       \
    " adopts"

/* The columns in their order: ids, then parity, term and flags. */
#define IDS 7
#define FLAGS 5

struct failover_store {
    char *path;
    struct sqlite file; /* closed: it was lost, and could not be opened again yet */
    sqlite3_stmt *put;
};

/* ---- opening ---- */

/* FALSE: to be closed; its file says whether it is damaged. */
static gboolean
open_files(struct failover_store *store, GError **error)
{
    if (!sqlite_open(&store->file, &record_kind, store->path, error))
        return FALSE;
    int code = sqlite_run(&store->file, "PRAGMA wal_autocheckpoint = 100");
    if (code == SQLITE_OK && store->file.version == 1)
        code = sqlite_run(&store->file, STORE_FROM_1);
    if (code == SQLITE_OK)
        code = sqlite_prepare(&store->file,
                              "INSERT OR REPLACE INTO record (only, " STORE_COLUMNS
                              ") VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              &store->put);
    return code == SQLITE_OK || sqlite_failed(&store->file, code, error);
}

static void
close_files(struct failover_store *store)
{
    sqlite3_finalize(g_steal_pointer(&store->put));
    sqlite_close(&store->file);
}

struct failover_store *
failover_store_open(const char *path, char **damaged, GError **error)
{
    AUTO(failover_store) *store = g_new0(struct failover_store, 1);
    g_autoptr(GError) failure = NULL;
    store->path = g_strdup(path);
    *damaged = NULL;
    if (open_files(store, &failure))
        return g_steal_pointer(&store);
    if (!store->file.damaged) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    sqlite3_finalize(g_steal_pointer(&store->put));
    if (!sqlite_set_aside(&store->file, damaged, error) || !open_files(store, error))
        return NULL;
    return g_steal_pointer(&store);
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
    char *const id_places[IDS] = {record->cluster,  record->id,   record->peer, record->attempt,
                                  record->promised, record->uuid, record->rival};
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

struct reading {
    struct protocol_record *record;
    gboolean found;
};

static void
take_row(gpointer context, sqlite3_stmt *row)
{
    struct reading *reading = context;
    reading->found = read_row(row, reading->record);
}

gboolean
failover_store_read(struct failover_store *store, struct protocol_record *record, gboolean *found,
                    GError **error)
{
    struct reading reading = {.record = record};
    *record = (struct protocol_record){0};
    int code =
        sqlite_each(&store->file, "SELECT " STORE_COLUMNS " FROM record", take_row, &reading);
    *found = code == SQLITE_OK && reading.found;
    if (!*found)
        *record = (struct protocol_record){0};
    return code == SQLITE_OK || sqlite_failed(&store->file, code, error);
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
    int code = sqlite_step(store->put);
    sqlite3_clear_bindings(store->put);
    return code;
}

/* Somebody removed the files, or put others in their place: what is written to those that are open
 * would be found by nobody. */
static gboolean
open_again_if_lost(struct failover_store *store, GError **error)
{
    if (store->file.db != NULL && !sqlite_is_lost(&store->file))
        return TRUE;
    sqlite3_finalize(g_steal_pointer(&store->put));
    sqlite_abandon(&store->file);
    if (open_files(store, error))
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
    return code == SQLITE_OK || sqlite_failed(&store->file, code, error);
}
