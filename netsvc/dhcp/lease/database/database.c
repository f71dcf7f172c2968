#include "netsvc/dhcp/lease/database/parts.h"

#include "lib/base/fail.h"

#define WAL_KEPT 4194304 /* bytes (4 MB) that the WAL keeps as its own when it begins anew */

const struct sqlite_kind database_kind = {
    .what = "leases",
    .version = DATABASE_VERSION,
    .unreadable_is_damage = TRUE, /* the rest of it is salvaged */
};

enum database_fault
database_failed(struct database *database, int code, GError **error)
{
    sqlite_failed(&database->file, code, error);
    if ((code & 0xff) == SQLITE_FULL)
        fail_add_hint(error, "make room on that disk; no lease is given until then");
    return database->file.damaged ? DATABASE_DAMAGED : DATABASE_FAILED;
}

/* ---- opening ---- */

static int
count_wal(gpointer context, sqlite3 *sqlite, const char *name, int pages)
{
    struct database *database = context;
    (void)sqlite;
    (void)name;
    database->wal_pages = (guint)pages;
    return SQLITE_OK;
}

static enum database_fault
open_here(struct database *database, const char *path, GError **error)
{
    struct sqlite *file = &database->file;
    if (!sqlite_open(file, &database_kind, path, error))
        return file->damaged ? DATABASE_DAMAGED : DATABASE_FAILED;
    int code = sqlite_run(file, "PRAGMA journal_size_limit = " G_STRINGIFY(WAL_KEPT));
    if (code == SQLITE_OK && file->version == 1)
        code = rows_migrate(database);
    if (code == SQLITE_OK)
        code = rows_prepare(database);
    if (code != SQLITE_OK)
        return database_failed(database, code, error);
    sqlite3_wal_hook(file->db, count_wal, database);
    return DATABASE_FINE;
}

gboolean
database_is_lost(const struct database *database)
{
    return sqlite_is_lost(&database->file);
}

void
database_free(struct database *database)
{
    if (database == NULL)
        return;
    for (gsize i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(database->statements[i]);
    sqlite_close(&database->file);
    g_free(database);
}

void
database_abandon(struct database *database)
{
    database->file.damaged = TRUE;
    database_free(database);
}

struct database *
database_open(const char *path, enum database_fault *fault, GError **error)
{
    *fault = DATABASE_FAILED;
    if (!database_settle_files(path, error))
        return NULL;
    AUTO(database) *database = g_new0(struct database, 1);
    *fault = open_here(database, path, error);
    return *fault == DATABASE_FINE ? g_steal_pointer(&database) : NULL;
}

/* ---- changes ---- */

enum database_fault
database_commit(struct database *database, const struct database_change *changes, gsize count,
                const struct database_rest *rest, GError **error)
{
    int code = rows_step(database, BEGIN);
    for (gsize i = 0; i < count && code == SQLITE_OK; i++)
        code = rows_change(database, &changes[i]);
    if (code == SQLITE_OK && rest->clock != NULL)
        code = rows_change_clock(database, rest->clock);
    if (code == SQLITE_OK && rest->knowledge != NULL)
        code = rows_change_knowledge(database, rest->knowledge);
    if (code == SQLITE_OK)
        code = rows_step(database, COMMIT);
    if (code == SQLITE_OK)
        return DATABASE_FINE;
    enum database_fault fault = database_failed(database, code, error);
    /* Some errors have rolled it back already. */
    if (!sqlite3_get_autocommit(database->file.db))
        rows_step(database, ROLLBACK);
    return fault;
}

guint
database_wal_pages(const struct database *database)
{
    return database->wal_pages;
}

enum database_fault
database_write_back(struct database *database, GError **error)
{
    int code =
        sqlite3_wal_checkpoint_v2(database->file.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (code != SQLITE_OK)
        return database_failed(database, code, error);
    database->wal_pages = 0;
    return DATABASE_FINE;
}
