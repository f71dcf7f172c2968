#include "netsvc/dhcp/lease/database/parts.h"

#include "lib/base/fail.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#define WAL_KEPT 4194304 /* bytes (4 MB) that the WAL keeps as its own when it begins anew */

/* ---- errors ---- */

static enum database_fault
fault_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return DATABASE_FINE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* tables are not as they should be */
    case SQLITE_MISMATCH:
        return DATABASE_DAMAGED;
    default:
        break;
    }
    if (code == SQLITE_IOERR_READ || code == SQLITE_IOERR_SHORT_READ ||
        code == SQLITE_IOERR_CORRUPTFS)
        return DATABASE_DAMAGED;
    return DATABASE_FAILED;
}

enum database_fault
database_failed(struct database *database, int code, GError **error)
{
    database->damaged |= fault_of(code) == DATABASE_DAMAGED;
    int primary = code & 0xff;
    int number = database->sqlite != NULL ? sqlite3_system_errno(database->sqlite) : 0;
    const char *cause =
        database->sqlite != NULL ? sqlite3_errmsg(database->sqlite) : sqlite3_errstr(code);
    if (primary == SQLITE_BUSY)
        fail_set(error, FAIL_LATER, "leases '%s' are in use by another process", database->path);
    else if (primary == SQLITE_FULL)
        fail_errno(error, number != 0 ? number : ENOSPC, "leases '%s'", database->path);
    else if (primary == SQLITE_IOERR && number != 0)
        fail_errno(error, number, "leases '%s': %s", database->path, cause);
    else
        fail_set(error, fault_of(code) == DATABASE_DAMAGED ? FAIL_DAMAGED : FAIL_FAILED,
                 "leases '%s': %s", database->path, cause);
    if (primary == SQLITE_FULL)
        fail_add_hint(error, "make room on that disk; no lease is given until then");
    return fault_of(code);
}

/* ---- its files ---- */

static struct database_file
file_of(const struct database *database, const char *suffix)
{
    char name[PATH_MAX];
    struct stat found;
    g_snprintf(name, sizeof name, "%s%s", database->path, suffix);
    if (stat(name, &found) != 0)
        return (struct database_file){0};
    return (struct database_file){found.st_dev, found.st_ino};
}

static gboolean
is_file(struct database_file a, struct database_file b)
{
    return a.device == b.device && a.number == b.number;
}

gboolean
database_is_lost(const struct database *database)
{
    return !is_file(database->main, file_of(database, "")) ||
           !is_file(database->wal, file_of(database, "-wal"));
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

int
database_run(struct database *database, const char *text)
{
    return sqlite3_exec(database->sqlite, text, NULL, NULL, NULL);
}

int
database_open_sqlite(struct database *database, const char *path, int flags)
{
    int code = sqlite3_open_v2(path, &database->sqlite, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return code;
    sqlite3_extended_result_codes(database->sqlite, 1);
    sqlite3_db_config(database->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(database->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return database_run(database, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;"
                                  "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON");
}

/* The first value of the first row. */
int
database_ask(struct database *database, const char *text, char **value)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(database->sqlite, text, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *value = g_strdup((const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static enum database_fault
check(struct database *database, GError **error)
{
    g_autofree char *version = NULL, *found = NULL;
    int code = database_ask(database, "PRAGMA user_version", &version);
    if (code == SQLITE_OK && version != NULL &&
        g_ascii_strtoll(version, NULL, 10) > DATABASE_VERSION) {
        fail_set(error, FAIL_FAILED, "leases '%s' were written by a newer Lifeboat",
                 database->path);
        return DATABASE_FAILED;
    }
    if (code == SQLITE_OK)
        code = database_ask(database, "PRAGMA quick_check(1)", &found);
    if (code != SQLITE_OK)
        return database_failed(database, code, error);
    if (g_strcmp0(found, "ok") != 0) {
        database->damaged = TRUE;
        fail_set(error, FAIL_DAMAGED, "leases '%s' are damaged: %s", database->path, found);
        return DATABASE_DAMAGED;
    }
    return DATABASE_FINE;
}

/* The lock is taken by the first transaction and held from then on. */
static enum database_fault
take_lock(struct database *database, GError **error)
{
    int code = database_run(database, "PRAGMA journal_mode = WAL");
    if (code == SQLITE_OK)
        code = database_run(database, "PRAGMA journal_size_limit = " G_STRINGIFY(WAL_KEPT));
    if (code == SQLITE_OK)
        code = database_run(database, "BEGIN IMMEDIATE; COMMIT");
    return code == SQLITE_OK ? DATABASE_FINE : database_failed(database, code, error);
}

static enum database_fault
open_here(struct database *database, GError **error)
{
    int code = database_open_sqlite(database, database->path, SQLITE_OPEN_READWRITE);
    if (code != SQLITE_OK)
        return database_failed(database, code, error);
    enum database_fault fault = take_lock(database, error);
    if (fault == DATABASE_FINE)
        fault = check(database, error);
    if (fault != DATABASE_FINE)
        return fault;
    code = rows_migrate(database);
    if (code == SQLITE_OK)
        code = rows_prepare(database);
    if (code != SQLITE_OK)
        return database_failed(database, code, error);
    sqlite3_wal_hook(database->sqlite, count_wal, database);
    database->main = file_of(database, "");
    database->wal = file_of(database, "-wal");
    return DATABASE_FINE;
}

void
database_free(struct database *database)
{
    if (database == NULL)
        return;
    for (gsize i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(database->statements[i]);
    if (database->damaged && database->sqlite != NULL)
        sqlite3_db_config(database->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(database->sqlite);
    g_free(database->path);
    g_free(database);
}

void
database_abandon(struct database *database)
{
    database->damaged = TRUE;
    database_free(database);
}

struct database *
database_open(const char *path, enum database_fault *fault, GError **error)
{
    *fault = DATABASE_FAILED;
    if (!database_settle_files(path, error))
        return NULL;
    AUTO(database) *database = g_new0(struct database, 1);
    database->path = g_strdup(path);
    *fault = open_here(database, error);
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
    if (!sqlite3_get_autocommit(database->sqlite))
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
        sqlite3_wal_checkpoint_v2(database->sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (code != SQLITE_OK)
        return database_failed(database, code, error);
    database->wal_pages = 0;
    return DATABASE_FINE;
}
