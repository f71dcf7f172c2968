#include "lib/sqlite/sqlite.h"

#include "lib/base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- errors ---- */

static gboolean
is_damage(const struct sqlite_kind *kind, int code)
{
    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* tables are not as they should be */
    case SQLITE_MISMATCH:
        return TRUE;
    default:
        return code == SQLITE_IOERR_SHORT_READ || code == SQLITE_IOERR_CORRUPTFS ||
               (code == SQLITE_IOERR_READ && kind->unreadable_is_damage);
    }
}

gboolean
sqlite_failed(struct sqlite *sqlite, int code, GError **error)
{
    const char *what = sqlite->kind->what, *path = sqlite->path;
    const char *cause = sqlite->db != NULL ? sqlite3_errmsg(sqlite->db) : sqlite3_errstr(code);
    int primary = code & 0xff;
    int number = sqlite->db != NULL ? sqlite3_system_errno(sqlite->db) : 0;
    if (is_damage(sqlite->kind, code)) {
        sqlite->damaged = TRUE;
        return fail_set(error, FAIL_DAMAGED, "%s '%s': %s", what, path, cause);
    }
    if (primary == SQLITE_BUSY)
        return fail_set(error, FAIL_LATER, "%s '%s': in use by another process", what, path);
    if (primary == SQLITE_FULL)
        return fail_errno(error, number != 0 ? number : ENOSPC, "%s '%s'", what, path);
    if (primary == SQLITE_IOERR && number != 0)
        return fail_errno(error, number, "%s '%s': %s", what, path, cause);
    return fail_set(error, FAIL_FAILED, "%s '%s': %s", what, path, cause);
}

/* ---- its files ---- */

static struct sqlite_place
place_of(const struct sqlite *sqlite, const char *suffix)
{
    g_autofree char *name = g_strconcat(sqlite->path, suffix, NULL);
    struct stat found;
    if (stat(name, &found) != 0)
        return (struct sqlite_place){0};
    return (struct sqlite_place){found.st_dev, found.st_ino};
}

static gboolean
is_at(const struct sqlite *sqlite, const char *suffix, struct sqlite_place open)
{
    struct sqlite_place found = place_of(sqlite, suffix);
    return found.device == open.device && found.number == open.number;
}

gboolean
sqlite_is_lost(const struct sqlite *sqlite)
{
    return !is_at(sqlite, "", sqlite->main) || !is_at(sqlite, "-wal", sqlite->wal);
}

/* The file first: without it SQLite takes no WAL for true; without its WAL it would tell what was
 * true once. */
static gboolean
rename_all(const char *path, const char *name)
{
    g_autofree char *wal = g_strconcat(path, "-wal", NULL);
    g_autofree char *wal_aside = g_strconcat(name, "-wal", NULL);
    g_autofree char *shared = g_strconcat(path, "-shm", NULL);
    if (rename(path, name) != 0 || (rename(wal, wal_aside) != 0 && errno != ENOENT))
        return FALSE;
    unlink(shared);
    return TRUE;
}

gboolean
sqlite_set_aside(struct sqlite *sqlite, char **name, GError **error)
{
    const struct sqlite_kind *kind = sqlite->kind;
    g_autofree char *path = g_strdup(sqlite->path);
    sqlite_abandon(sqlite);
    *name =
        g_strdup_printf("%s.damaged-%" G_GINT64_FORMAT, path, g_get_real_time() / G_USEC_PER_SEC);
    return rename_all(path, *name) ||
           fail_errno(error, errno, "%s '%s': damaged, and cannot be set aside", kind->what, path);
}

/* ---- opening ---- */

int
sqlite_connect(struct sqlite *sqlite, const struct sqlite_kind *kind, const char *path, int flags)
{
    *sqlite = (struct sqlite){.kind = kind, .path = g_strdup(path)};
    int code = sqlite3_open_v2(path, &sqlite->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return code;
    sqlite3_extended_result_codes(sqlite->db, 1);
    sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_busy_timeout(sqlite->db, kind->share_ms);
    if (kind->share_ms == 0)
        code = sqlite_run(sqlite, "PRAGMA locking_mode = EXCLUSIVE");
    return code == SQLITE_OK ? sqlite_run(sqlite, "PRAGMA synchronous = FULL;"
                                                  "PRAGMA temp_store = MEMORY;"
                                                  "PRAGMA cell_size_check = ON")
                             : code;
}

/* With locking_mode EXCLUSIVE the lock is taken by the first transaction and held from then on. */
static int
take_lock(struct sqlite *sqlite)
{
    return sqlite_run(sqlite, "PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; COMMIT");
}

static int
read_version(struct sqlite *sqlite)
{
    g_autofree char *text = NULL;
    int code = sqlite_ask(sqlite, "PRAGMA user_version", &text);
    sqlite->version = text != NULL ? (int)g_ascii_strtoll(text, NULL, 10) : 0;
    return code;
}

static gboolean
check_whole(struct sqlite *sqlite, GError **error)
{
    g_autofree char *found = NULL;
    int code = sqlite_ask(sqlite, "PRAGMA quick_check(1)", &found);
    if (code != SQLITE_OK)
        return sqlite_failed(sqlite, code, error);
    if (g_strcmp0(found, "ok") == 0)
        return TRUE;
    sqlite->damaged = TRUE;
    return fail_set(error, FAIL_DAMAGED, "%s '%s': damaged: %s", sqlite->kind->what, sqlite->path,
                    found);
}

/* At once, so that a power cut leaves an empty one. What fails on the way, closing rolls back. */
static int
make_tables(struct sqlite *sqlite)
{
    g_autofree char *text = g_strdup_printf("BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; COMMIT",
                                            sqlite->kind->tables, sqlite->kind->version);
    return sqlite_run(sqlite, text);
}

gboolean
sqlite_open(struct sqlite *sqlite, const struct sqlite_kind *kind, const char *path, GError **error)
{
    int flags = SQLITE_OPEN_READWRITE | (kind->tables != NULL ? SQLITE_OPEN_CREATE : 0);
    int code = sqlite_connect(sqlite, kind, path, flags);
    if (code == SQLITE_OK)
        code = take_lock(sqlite);
    if (code == SQLITE_OK)
        code = read_version(sqlite);
    if (code != SQLITE_OK)
        return sqlite_failed(sqlite, code, error);
    if (sqlite->version > kind->version)
        return fail_set(error, FAIL_FAILED, "%s '%s': written by a newer Lifeboat", kind->what,
                        path);
    if (!check_whole(sqlite, error))
        return FALSE;
    if (sqlite->version == 0 && kind->tables != NULL)
        code = make_tables(sqlite);
    if (code != SQLITE_OK)
        return sqlite_failed(sqlite, code, error);
    sqlite->main = place_of(sqlite, "");
    sqlite->wal = place_of(sqlite, "-wal");
    return TRUE;
}

void
sqlite_close(struct sqlite *sqlite)
{
    if (sqlite->damaged && sqlite->db != NULL)
        sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(sqlite->db);
    g_free(sqlite->path);
    *sqlite = (struct sqlite){0};
}

void
sqlite_abandon(struct sqlite *sqlite)
{
    sqlite->damaged = TRUE;
    sqlite_close(sqlite);
}

/* ---- statements ---- */

int
sqlite_run(struct sqlite *sqlite, const char *text)
{
    return sqlite3_exec(sqlite->db, text, NULL, NULL, NULL);
}

int
sqlite_each(struct sqlite *sqlite, const char *text, sqlite_row row, gpointer context)
{
    sqlite3_stmt *rows = NULL;
    int code = sqlite3_prepare_v2(sqlite->db, text, -1, &rows, NULL);
    if (code == SQLITE_OK)
        while ((code = sqlite3_step(rows)) == SQLITE_ROW)
            row(context, rows);
    sqlite3_finalize(rows);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static void
take_first(gpointer context, sqlite3_stmt *row)
{
    char **value = context;
    if (*value == NULL)
        *value = g_strdup((const char *)sqlite3_column_text(row, 0));
}

int
sqlite_ask(struct sqlite *sqlite, const char *text, char **value)
{
    *value = NULL;
    return sqlite_each(sqlite, text, take_first, value);
}

int
sqlite_prepare(struct sqlite *sqlite, const char *text, sqlite3_stmt **statement)
{
    return sqlite3_prepare_v3(sqlite->db, text, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
}

int
sqlite_step(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}
