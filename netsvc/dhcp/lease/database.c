#include "netsvc/dhcp/lease/database.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAC_MAX (int)sizeof((struct lease *)0)->mac
#define WAL_KEPT 4194304 /* bytes (4 MB) that the WAL keeps as its own when it begins anew */

#define DATABASE_PAIR_COLUMN(name) name " INTEGER NOT NULL DEFAULT 0"
#define DATABASE_KNOWLEDGE                                                                         \
    "CREATE TABLE knowledge (writer INTEGER PRIMARY KEY, counter INTEGER NOT NULL) STRICT;"
#define DATABASE_SET_VERSION "PRAGMA user_version = " G_STRINGIFY(DATABASE_VERSION) ";"

#define DATABASE_TABLES                                                                                                                                                                                  \
    "CREATE TABLE lease (address INTEGER PRIMARY KEY, state INTEGER NOT NULL,"                                                                                                                           \
    " until INTEGER NOT NULL, since INTEGER NOT NULL, key BLOB NOT NULL, mac BLOB NOT NULL,"                                                                                                             \
    " name TEXT NOT NULL, seconds INTEGER NOT NULL, " DATABASE_PAIR_COLUMN(                                                                                                                              \
        "writer") ", " DATABASE_PAIR_COLUMN("counter") ", " DATABASE_PAIR_COLUMN("acked") ","                                                                                                            \
                                                                                          " " DATABASE_PAIR_COLUMN(                                                                                      \
                                                                                              "pe"                                                                                                       \
                                                                                              "nd"                                                                                                       \
                                                                                              "in"                                                                                                       \
                                                                                              "g") ") STRICT;"                                                                                           \
                                                                                                   "CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 0), boot_id TEXT NOT NULL,"                   \
                                                                                                   " boot INTEGER NOT NULL, wall INTEGER NOT NULL, elapsed INTEGER NOT NULL) STRICT;" DATABASE_KNOWLEDGE \
                                                                                                       DATABASE_SET_VERSION

/* Rows that were written by version 1 have the first ones only. */
#define COLUMNS_1 "address, state, until, since, key, mac, name, seconds"
#define COLUMNS COLUMNS_1 ", writer, counter, acked, pending"

enum { BEGIN, COMMIT, ROLLBACK, PUT, REMOVE, CLOCK, KNOW_NOTHING, KNOW, STATEMENTS };
static const char *const statement_text[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [PUT] = ("INSERT OR REPLACE INTO lease (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?,"
             " ?, ?, ?, ?)"),
    [REMOVE] = "DELETE FROM lease WHERE address = ?",
    [CLOCK] = "INSERT OR REPLACE INTO clock VALUES (0, ?, ?, ?, ?)",
    [KNOW_NOTHING] = "DELETE FROM knowledge",
    [KNOW] = "INSERT OR REPLACE INTO knowledge VALUES (?, ?)",
};

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

static enum database_fault
failed(struct database *database, int code, GError **error)
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

static int
run(struct database *database, const char *text)
{
    return sqlite3_exec(database->sqlite, text, NULL, NULL, NULL);
}

static int
open_sqlite(struct database *database, const char *path, int flags)
{
    int code = sqlite3_open_v2(path, &database->sqlite, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return code;
    sqlite3_extended_result_codes(database->sqlite, 1);
    sqlite3_db_config(database->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(database->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return run(database, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;"
                         "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON");
}

static int
prepare(struct database *database)
{
    int code = SQLITE_OK;
    for (gsize i = 0; i < STATEMENTS && code == SQLITE_OK; i++)
        code = sqlite3_prepare_v3(database->sqlite, statement_text[i], -1,
                                  SQLITE_PREPARE_PERSISTENT, &database->statements[i], NULL);
    return code;
}

/* The first value of the first row. */
static int
ask(struct database *database, const char *text, char **value)
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
    int code = ask(database, "PRAGMA user_version", &version);
    if (code == SQLITE_OK && version != NULL &&
        g_ascii_strtoll(version, NULL, 10) > DATABASE_VERSION) {
        fail_set(error, FAIL_FAILED, "leases '%s' were written by a newer Lifeboat",
                 database->path);
        return DATABASE_FAILED;
    }
    if (code == SQLITE_OK)
        code = ask(database, "PRAGMA quick_check(1)", &found);
    if (code != SQLITE_OK)
        return failed(database, code, error);
    if (g_strcmp0(found, "ok") != 0) {
        database->damaged = TRUE;
        fail_set(error, FAIL_DAMAGED, "leases '%s' are damaged: %s", database->path, found);
        return DATABASE_DAMAGED;
    }
    return DATABASE_FINE;
}

/* One of version 1 gets what is new in one step. */
static enum database_fault
migrate(struct database *database, GError **error)
{
    g_autofree char *version = NULL;
    int code = ask(database, "PRAGMA user_version", &version);
    if (code == SQLITE_OK && g_strcmp0(version, "1") == 0)
        code =
            run(database,
                "BEGIN IMMEDIATE;"
                "ALTER TABLE lease ADD COLUMN " DATABASE_PAIR_COLUMN(
                    "writer") ";"
                              "ALTER TABLE lease ADD COLUMN " DATABASE_PAIR_COLUMN(
                                  "counter") ";"
                                             "ALTER TABLE lease ADD COLUMN " DATABASE_PAIR_COLUMN(
                                                 "acked") ";"
                                                          "ALTER TABLE lease ADD "
                                                          "COLUMN " DATABASE_PAIR_COLUMN(
                                                              "pending") ";" DATABASE_KNOWLEDGE
                                                              DATABASE_SET_VERSION "COMMIT");
    return code == SQLITE_OK ? DATABASE_FINE : failed(database, code, error);
}

/* The lock is taken by the first transaction and held from then on. */
static enum database_fault
take_lock(struct database *database, GError **error)
{
    int code = run(database, "PRAGMA journal_mode = WAL");
    if (code == SQLITE_OK)
        code = run(database, "PRAGMA journal_size_limit = " G_STRINGIFY(WAL_KEPT));
    if (code == SQLITE_OK)
        code = run(database, "BEGIN IMMEDIATE; COMMIT");
    return code == SQLITE_OK ? DATABASE_FINE : failed(database, code, error);
}

static enum database_fault
open_here(struct database *database, GError **error)
{
    int code = open_sqlite(database, database->path, SQLITE_OPEN_READWRITE);
    if (code != SQLITE_OK)
        return failed(database, code, error);
    enum database_fault fault = take_lock(database, error);
    if (fault == DATABASE_FINE)
        fault = check(database, error);
    if (fault == DATABASE_FINE)
        fault = migrate(database, error);
    if (fault != DATABASE_FINE)
        return fault;
    code = prepare(database);
    if (code != SQLITE_OK)
        return failed(database, code, error);
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

/* ---- rows ---- */

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
static gboolean
read_row(sqlite3_stmt *row, struct lease *lease)
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

static int
read_clock(struct database *database, struct database_clock *clock)
{
    sqlite3_stmt *row = NULL;
    *clock = (struct database_clock){0};
    int code = sqlite3_prepare_v2(database->sqlite,
                                  "SELECT boot_id, boot, wall, elapsed FROM clock", -1, &row, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        g_strlcpy(clock->boot_id, (const char *)sqlite3_column_text(row, 0), sizeof clock->boot_id);
        clock->boot = sqlite3_column_int64(row, 1);
        clock->wall = sqlite3_column_int64(row, 2);
        clock->elapsed = sqlite3_column_int64(row, 3);
        if (!database_is_time(clock->boot) || !database_is_time(clock->wall) ||
            !database_is_time(clock->elapsed))
            code = SQLITE_CORRUPT;
    }
    sqlite3_finalize(row);
    return code == SQLITE_ROW ? SQLITE_OK : code == SQLITE_DONE ? SQLITE_CORRUPT : code;
}

enum database_fault
database_read_clock(struct database *database, struct database_clock *clock, GError **error)
{
    int code = read_clock(database, clock);
    return code == SQLITE_OK ? DATABASE_FINE : failed(database, code, error);
}

enum database_fault
database_read(struct database *database, database_row row, void *context, guint *senseless,
              GError **error)
{
    sqlite3_stmt *rows = NULL;
    int code =
        sqlite3_prepare_v2(database->sqlite, "SELECT " COLUMNS " FROM lease", -1, &rows, NULL);
    *senseless = 0;
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(rows);
        struct lease lease;
        if (code == SQLITE_ROW && read_row(rows, &lease))
            row(context, &lease);
        else if (code == SQLITE_ROW)
            (*senseless)++;
    }
    sqlite3_finalize(rows);
    return code == SQLITE_DONE ? DATABASE_FINE : failed(database, code, error);
}

enum database_fault
database_read_knowledge(struct database *database, struct knowledge *knowledge, GError **error)
{
    sqlite3_stmt *rows = NULL;
    int code = sqlite3_prepare_v2(database->sqlite, "SELECT writer, counter FROM knowledge", -1,
                                  &rows, NULL);
    *knowledge = (struct knowledge){0};
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(rows);
        gint64 writer = code == SQLITE_ROW ? sqlite3_column_int64(rows, 0) : 0;
        gint64 counter = code == SQLITE_ROW ? sqlite3_column_int64(rows, 1) : 0;
        if (writer > 0 && counter > 0)
            knowledge_raise(knowledge, (guint64)writer, (guint64)counter);
    }
    sqlite3_finalize(rows);
    return code == SQLITE_DONE ? DATABASE_FINE : failed(database, code, error);
}

/* ---- changes ---- */

static int
step(struct database *database, int which)
{
    sqlite3_stmt *statement = database->statements[which];
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int
change_row(struct database *database, const struct database_change *change)
{
    const struct lease *lease = &change->lease;
    sqlite3_stmt *put = database->statements[PUT], *gone = database->statements[REMOVE];
    if (change->gone) {
        sqlite3_bind_int64(gone, 1, lease->address);
        return step(database, REMOVE);
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
    return step(database, PUT);
}

static int
change_clock(struct database *database, const struct database_clock *clock)
{
    sqlite3_stmt *put = database->statements[CLOCK];
    sqlite3_bind_text(put, 1, clock->boot_id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(put, 2, clock->boot);
    sqlite3_bind_int64(put, 3, clock->wall);
    sqlite3_bind_int64(put, 4, clock->elapsed);
    return step(database, CLOCK);
}

static int
change_knowledge(struct database *database, const struct knowledge *knowledge)
{
    sqlite3_stmt *know = database->statements[KNOW];
    int code = step(database, KNOW_NOTHING);
    for (guint i = 0; i < knowledge->n && code == SQLITE_OK; i++) {
        sqlite3_bind_int64(know, 1, (gint64)knowledge->of[i].writer);
        sqlite3_bind_int64(know, 2, (gint64)knowledge->of[i].counter);
        code = step(database, KNOW);
    }
    return code;
}

enum database_fault
database_commit(struct database *database, const struct database_change *changes, gsize count,
                const struct database_rest *rest, GError **error)
{
    int code = step(database, BEGIN);
    for (gsize i = 0; i < count && code == SQLITE_OK; i++)
        code = change_row(database, &changes[i]);
    if (code == SQLITE_OK && rest->clock != NULL)
        code = change_clock(database, rest->clock);
    if (code == SQLITE_OK && rest->knowledge != NULL)
        code = change_knowledge(database, rest->knowledge);
    if (code == SQLITE_OK)
        code = step(database, COMMIT);
    if (code == SQLITE_OK)
        return DATABASE_FINE;
    enum database_fault fault = failed(database, code, error);
    /* Some errors have rolled it back already. */
    if (!sqlite3_get_autocommit(database->sqlite))
        step(database, ROLLBACK);
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
        return failed(database, code, error);
    database->wal_pages = 0;
    return DATABASE_FINE;
}

/* ---- building a new one ---- */

static gboolean
sync_folder(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    AUTO_FD int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(error, errno, "cannot open folder '%s'", folder);
    return file_sync(fd, folder, error);
}

static gboolean
remove_file(const char *path, const char *suffix, GError **error)
{
    g_autofree char *name = g_strconcat(path, suffix, NULL);
    if (unlink(name) != 0 && errno != ENOENT)
        return fail_errno(error, errno, "cannot remove '%s'", name);
    return TRUE;
}

static enum database_fault
fill(struct database *database, const struct database_change *changes, gsize count,
     const struct database_rest *rest, GError **error)
{
    /* Nothing to roll back to: who is interrupted begins anew. */
    int code = open_sqlite(database, database->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (code == SQLITE_OK)
        code = run(database, "PRAGMA journal_mode = OFF; " DATABASE_TABLES);
    if (code == SQLITE_OK)
        code = prepare(database);
    if (code != SQLITE_OK)
        return failed(database, code, error);
    return database_commit(database, changes, count, rest, error);
}

/* NAME.built is complete. */
static gboolean
build(const char *path, const struct database_change *changes, gsize count,
      const struct database_rest *rest, GError **error)
{
    g_autofree char *name = g_strconcat(path, ".new", NULL), *built = NULL;
    if (!remove_file(name, "", error) || !remove_file(name, "-journal", error))
        return FALSE;
    struct database *database = g_new0(struct database, 1);
    database->path = g_strdup(name);
    gboolean filled = fill(database, changes, count, rest, error) == DATABASE_FINE;
    database_free(database);
    if (!filled)
        return FALSE;
    AUTO_FD int fd = open(name, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(error, errno, "cannot open '%s'", name);
    built = g_strconcat(path, ".built", NULL);
    if (!file_sync(fd, name, error) || !sync_folder(path, error))
        return FALSE;
    if (rename(name, built) != 0)
        return fail_errno(error, errno, "cannot rename '%s'", name);
    return sync_folder(path, error);
}

/* What NAME.built replaces is out of the way, and it has its name. */
static gboolean
install(const char *path, GError **error)
{
    g_autofree char *built = g_strconcat(path, ".built", NULL);
    if (access(built, F_OK) != 0)
        return errno == ENOENT ? TRUE : fail_errno(error, errno, "cannot look for '%s'", built);
    if (!remove_file(path, "-wal", error) || !remove_file(path, "-journal", error) ||
        !sync_folder(path, error))
        return FALSE;
    if (rename(built, path) != 0)
        return fail_errno(error, errno, "cannot rename '%s'", built);
    return sync_folder(path, error);
}

/* By another name, until the new one takes its own. One that others put there may not be linked to
 * (protected_hardlinks): it is renamed, once NAME.built is there to be found instead. */
static gboolean
keep_as(const char *path, const char *aside, const char *suffix, gboolean is_built, GError **error)
{
    g_autofree char *from = g_strconcat(path, suffix, NULL);
    g_autofree char *to = g_strconcat(aside, suffix, NULL);
    int result = is_built ? rename(from, to) : link(from, to);
    if (result != 0 && errno != ENOENT && errno != EEXIST && (is_built || errno != EPERM))
        return fail_errno(error, errno, "cannot keep '%s' as '%s'", from, to);
    return TRUE;
}

static gboolean
keep(const char *path, const char *aside, gboolean is_built, GError **error)
{
    if (is_built && access(aside, F_OK) == 0)
        return TRUE;
    return keep_as(path, aside, "", is_built, error) &&
           keep_as(path, aside, "-wal", is_built, error);
}

gboolean
database_replace(const char *path, const struct database_change *changes, gsize count,
                 const struct database_rest *rest, gint64 time, char **aside, GError **error)
{
    g_autofree char *name = g_strdup_printf("%s.damaged-%" G_GINT64_FORMAT, path, time);
    if (!keep(path, name, FALSE, error) || !build(path, changes, count, rest, error) ||
        !keep(path, name, TRUE, error) || !install(path, error))
        return FALSE;
    if (aside != NULL)
        *aside = g_steal_pointer(&name);
    return TRUE;
}

struct database *
database_open(const char *path, enum database_fault *fault, GError **error)
{
    *fault = DATABASE_FAILED;
    if (!install(path, error))
        return NULL;
    static const struct database_clock never = {0};
    static const struct database_rest empty = {.clock = &never};
    if (access(path, F_OK) != 0 && errno == ENOENT &&
        (!build(path, NULL, 0, &empty, error) || !install(path, error)))
        return NULL;
    AUTO(database) *database = g_new0(struct database, 1);
    database->path = g_strdup(path);
    *fault = open_here(database, error);
    return *fault == DATABASE_FINE ? g_steal_pointer(&database) : NULL;
}

/* ---- salvage ---- */

#define SALVAGE_QUERIES 20000 /* of a damaged file, before the rest of it is given up */

struct salvage {
    struct database *database;
    GQueue ranges; /* struct config_range */
    database_row row;
    void *context;
    gboolean misses; /* something could not be read */
};

static void
push_range(struct salvage *salvage, gint64 first, gint64 last)
{
    if (first > last)
        return;
    struct config_range *range = g_new(struct config_range, 1);
    *range = (struct config_range){(guint32)first, (guint32)last};
    g_queue_push_tail(&salvage->ranges, range);
}

static sqlite3_stmt *
salvage_query(struct salvage *salvage, const char *columns, gboolean up)
{
    sqlite3_stmt *rows = NULL;
    g_autofree char *text =
        g_strdup_printf("SELECT %s FROM lease WHERE address BETWEEN ? AND ? ORDER BY address %s",
                        columns, up ? "ASC" : "DESC");
    sqlite3_prepare_v2(salvage->database->sqlite, text, -1, &rows, NULL);
    return rows;
}

/* Reads up or down until something cannot be read; gives the address that it came to. */
static gint64
salvage_run(struct salvage *salvage, struct config_range range, gboolean up)
{
    gint64 next = up ? range.first : range.last;
    sqlite3_stmt *rows = salvage_query(salvage, COLUMNS, up);
    if (rows == NULL)
        rows = salvage_query(salvage, COLUMNS_1, up); /* of version 1 */
    if (rows == NULL)
        return next;
    sqlite3_bind_int64(rows, 1, range.first);
    sqlite3_bind_int64(rows, 2, range.last);
    int code;
    while ((code = sqlite3_step(rows)) == SQLITE_ROW) {
        struct lease lease;
        gint64 address = sqlite3_column_int64(rows, 0);
        if (address < range.first || address > range.last)
            break;
        if (read_row(rows, &lease))
            salvage->row(salvage->context, &lease);
        next = up ? address + 1 : address - 1;
    }
    sqlite3_finalize(rows);
    return code == SQLITE_DONE ? (up ? (gint64)range.last + 1 : (gint64)range.first - 1) : next;
}

/* From both ends; what is left in the middle is halved. */
static void
salvage_range(struct salvage *salvage, struct config_range range)
{
    gint64 first = salvage_run(salvage, range, TRUE);
    if (first > range.last)
        return;
    salvage->misses = TRUE;
    range.first = (guint32)first;
    gint64 last = salvage_run(salvage, range, FALSE);
    if (last <= first)
        return;
    gint64 middle = first + (last - first) / 2;
    push_range(salvage, first, middle);
    push_range(salvage, middle + 1, last);
}

gboolean
database_salvage(const char *path, struct database_clock *clock, database_row row, void *context)
{
    AUTO(database) *database = g_new0(struct database, 1);
    struct salvage salvage = {.database = database, .row = row, .context = context};
    *clock = (struct database_clock){0};
    database->path = g_strdup(path);
    database->damaged = TRUE;
    if (open_sqlite(database, path, SQLITE_OPEN_READWRITE) != SQLITE_OK)
        return FALSE;
    if (read_clock(database, clock) != SQLITE_OK)
        *clock = (struct database_clock){0};
    g_queue_init(&salvage.ranges);
    push_range(&salvage, 0, G_MAXUINT32);
    for (guint i = 0; i < SALVAGE_QUERIES && !g_queue_is_empty(&salvage.ranges); i++) {
        g_autofree struct config_range *range = g_queue_pop_head(&salvage.ranges);
        salvage_range(&salvage, *range);
    }
    g_queue_clear_full(&salvage.ranges, g_free);
    return !salvage.misses;
}
