#include "netsvc/web/acme/ledger/ledger_inside.h"

#include "lib/base/log.h"

#include <string.h>

#define VERSION 2
#define DAY (gint64)86400

#define TABLES_1                                                                                   \
    "CREATE TABLE account (id TEXT PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL,"            \
    " thumbprint TEXT NOT NULL UNIQUE, contacts TEXT NOT NULL, status TEXT NOT NULL,"              \
    " created INTEGER NOT NULL, used INTEGER NOT NULL) STRICT;"                                    \
    "CREATE TABLE orders (id TEXT PRIMARY KEY, account TEXT NOT NULL, status TEXT NOT NULL,"       \
    " created INTEGER NOT NULL, expires INTEGER NOT NULL, identifiers TEXT NOT NULL, error TEXT,"  \
    " certificate TEXT, csr TEXT, replaces TEXT) STRICT;"                                          \
    "CREATE INDEX orders_account ON orders (account, created);"                                    \
    "CREATE TABLE authorization (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"             \
    " account TEXT NOT NULL, orders TEXT NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL,"       \
    " wildcard INTEGER NOT NULL, status TEXT NOT NULL, expires INTEGER NOT NULL,"                  \
    " secret TEXT NOT NULL, tried TEXT, error TEXT, validated INTEGER NOT NULL) STRICT;"           \
    "CREATE INDEX authorization_orders ON authorization (orders);"                                 \
    "CREATE INDEX authorization_account ON authorization (account, validated);"                    \
    "CREATE TABLE certificate (id TEXT PRIMARY KEY, account TEXT NOT NULL,"                        \
    " serial TEXT NOT NULL UNIQUE, issuer TEXT NOT NULL, key TEXT NOT NULL,"                       \
    " identifiers TEXT NOT NULL, chain TEXT NOT NULL, not_before INTEGER NOT NULL,"                \
    " not_after INTEGER NOT NULL, revoked INTEGER NOT NULL, replaced INTEGER NOT NULL) STRICT"

/* All puts are INSERTs. The rows that are there already count as changed, too. */
#define FOLLOWED(table, kind, when)                                                                \
    "CREATE TRIGGER " table "_put AFTER INSERT ON " table " WHEN " when                            \
    " BEGIN INSERT OR REPLACE INTO change (kind, id) VALUES (" kind ", new.id); END;"              \
    "CREATE TRIGGER " table "_gone AFTER DELETE ON " table                                         \
    " BEGIN DELETE FROM change WHERE kind = " kind " AND id = old.id; END;"                        \
    "INSERT INTO change (kind, id) SELECT " kind ", id FROM " table " AS new WHERE " when ";"

/* Of an account it is known how often what was changed, two may have one key, and changes are
 * noted. */
#define TABLES_2                                                                                   \
    "ALTER TABLE account RENAME TO account_1;"                                                     \
    "CREATE TABLE account (id TEXT PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL,"            \
    " thumbprint TEXT NOT NULL, contacts TEXT NOT NULL, status TEXT NOT NULL,"                     \
    " created INTEGER NOT NULL, used INTEGER NOT NULL, key_version INTEGER NOT NULL,"              \
    " contacts_version INTEGER NOT NULL) STRICT;"                                                  \
    "INSERT INTO account SELECT id, name, key, thumbprint, contacts, status, created, used,"       \
    " thumbprint <> id, 0 FROM account_1;"                                                         \
    "DROP TABLE account_1;"                                                                        \
    "CREATE INDEX account_thumbprint ON account (thumbprint);"                                     \
    "CREATE TABLE change (number INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL,"        \
    " id TEXT NOT NULL, UNIQUE (kind, id)) STRICT;" FOLLOWED("account", "0", "TRUE")               \
        FOLLOWED("certificate", "1", "TRUE") FOLLOWED("orders", "2", "new.status = 'valid'")

static const struct sqlite_kind ledger_kind = {
    .what = "ACME's accounts",
    .version = VERSION,
    .tables = TABLES_1 ";" TABLES_2,
    .share_ms = 2000, /* the process before may be ending */
};

/* ---- statements ---- */

sqlite3_stmt *
ledger_statement(struct ledger *ledger, const char *text, GError **error, const char *types, ...)
{
    sqlite3_stmt *statement = NULL;
    va_list values;
    int code = sqlite3_prepare_v2(ledger->file.db, text, -1, &statement, NULL);
    if (code != SQLITE_OK) {
        sqlite_failed(&ledger->file, code, error);
        return NULL;
    }
    va_start(values, types);
    for (int i = 0; types[i] != '\0'; i++)
        if (types[i] == 's')
            sqlite3_bind_text(statement, i + 1, va_arg(values, const char *), -1, SQLITE_TRANSIENT);
        else
            sqlite3_bind_int64(statement, i + 1, va_arg(values, gint64));
    va_end(values);
    return statement;
}

gboolean
ledger_row(struct ledger *ledger, sqlite3_stmt *statement, GError **error)
{
    int code = sqlite3_step(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return sqlite_failed(&ledger->file, code, error);
    return code == SQLITE_ROW;
}

gboolean
ledger_run(struct ledger *ledger, sqlite3_stmt *statement, GError **error)
{
    int code = SQLITE_ROW;
    if (statement == NULL)
        return FALSE;
    while (code == SQLITE_ROW)
        code = sqlite3_step(statement);
    gboolean done = code == SQLITE_DONE || sqlite_failed(&ledger->file, code, error);
    sqlite3_finalize(statement);
    return done;
}

char *
ledger_text(sqlite3_stmt *row, int column)
{
    return g_strdup((const char *)sqlite3_column_text(row, column));
}

/* ---- status ---- */

static const char *const status_names[LEDGER_STATUSES] = {
    [LEDGER_PENDING] = "pending",       [LEDGER_READY] = "ready",
    [LEDGER_PROCESSING] = "processing", [LEDGER_VALID] = "valid",
    [LEDGER_INVALID] = "invalid",       [LEDGER_DEACTIVATED] = "deactivated",
    [LEDGER_EXPIRED] = "expired",       [LEDGER_REVOKED] = "revoked",
};

const char *
ledger_status_name(enum ledger_status status)
{
    return status_names[status];
}

enum ledger_status
ledger_status(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    for (guint i = 0; i < LEDGER_STATUSES; i++)
        if (g_strcmp0(text, status_names[i]) == 0)
            return (enum ledger_status)i;
    return LEDGER_INVALID;
}

/* ---- opening ---- */

static gboolean
run(struct ledger *ledger, const char *text, GError **error)
{
    int code = sqlite_run(&ledger->file, text);
    return code == SQLITE_OK || sqlite_failed(&ledger->file, code, error);
}

static gboolean
begin_anew(struct ledger *ledger, const char *path, GError **error)
{
    g_autofree char *aside = NULL;
    if (!sqlite_set_aside(&ledger->file, &aside, error))
        return FALSE;
    log_warning("ACME's accounts '%s' are damaged: they are begun anew, and kept as '%s'", path,
                aside);
    return sqlite_open(&ledger->file, &ledger_kind, path, error);
}

static gboolean
upgrade(struct ledger *ledger, GError **error)
{
    static const char text[] = TABLES_2 "PRAGMA user_version = " G_STRINGIFY(VERSION);
    if (ledger->file.version != 1)
        return TRUE;
    const gboolean done = ledger_begin(ledger, error);
    return done && ledger_end(ledger, run(ledger, text, error), error);
}

struct ledger *
ledger_open(const char *path, GError **error)
{
    AUTO(ledger) *ledger = g_new0(struct ledger, 1);
    g_autoptr(GError) failure = NULL;
    if (sqlite_open(&ledger->file, &ledger_kind, path, &failure))
        return upgrade(ledger, error) ? g_steal_pointer(&ledger) : NULL;
    if (ledger->file.damaged)
        return begin_anew(ledger, path, error) ? g_steal_pointer(&ledger) : NULL;
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

void
ledger_free(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    sqlite_close(&ledger->file);
    g_free(ledger);
}

gboolean
ledger_begin(struct ledger *ledger, GError **error)
{
    return run(ledger, "BEGIN IMMEDIATE", error);
}

gboolean
ledger_end(struct ledger *ledger, gboolean done, GError **error)
{
    if (done && run(ledger, "COMMIT", error))
        return TRUE;
    if (!sqlite3_get_autocommit(ledger->file.db))
        run(ledger, "ROLLBACK", NULL);
    return FALSE;
}

/* ---- all of them ---- */

gboolean
ledger_count(struct ledger *ledger, enum ledger_what what, const char *account, gint64 since,
             guint *count, GError **error)
{
    static const char *const texts[] = {
        [LEDGER_ACCOUNTS] = "SELECT count(*) FROM account WHERE ?1 IS NULL AND ?2 = 0",
        [LEDGER_CERTIFICATES] = "SELECT count(*) FROM certificate WHERE ?1 IS NULL AND ?2 = 0",
        [LEDGER_ORDERS] = "SELECT count(*) FROM orders WHERE ?1 IS NULL AND ?2 = 0",
        [LEDGER_ORDERS_PENDING] =
            "SELECT count(*) FROM orders WHERE account = ?1 AND expires > ?2 AND"
            " status IN ('pending', 'ready', 'processing')",
        [LEDGER_ORDERS_SINCE] = "SELECT count(*) FROM orders WHERE account = ?1 AND created >= ?2",
        [LEDGER_FAILURES_SINCE] = "SELECT count(*) FROM authorization WHERE account = ?1 AND"
                                  " validated >= ?2 AND status = 'invalid'",
    };
    sqlite3_stmt *row = ledger_statement(ledger, texts[what], error, "si", account, since);
    gboolean found = row != NULL && ledger_row(ledger, row, error);
    if (found)
        *count = (guint)sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return found;
}

gboolean
ledger_make_room(struct ledger *ledger, enum ledger_what what, guint max, GError **error)
{
    static const char *const texts[] = {
        [LEDGER_ACCOUNTS] = "DELETE FROM account WHERE id IN (SELECT id FROM account"
                            " ORDER BY used LIMIT ?)",
        [LEDGER_CERTIFICATES] = "DELETE FROM certificate WHERE id IN (SELECT id FROM certificate"
                                " ORDER BY not_before LIMIT ?)",
        [LEDGER_ORDERS] =
            "DELETE FROM orders WHERE id IN (SELECT id FROM orders WHERE status <> 'processing'"
            " ORDER BY status NOT IN ('valid', 'invalid'), created LIMIT ?)",
    };
    guint count;
    if (!ledger_count(ledger, what, NULL, 0, &count, error))
        return FALSE;
    return count < max ||
           ledger_run(ledger,
                      ledger_statement(ledger, texts[what], error, "i", (gint64)max / 20 + 1),
                      error);
}

gboolean
ledger_admits(struct ledger *ledger, enum ledger_what what, guint max, gint64 age,
              gboolean *admitted, GError **error)
{
    static const char *const texts[] = {
        [LEDGER_ACCOUNTS] = "SELECT min(used) FROM account",
        [LEDGER_CERTIFICATES] = "SELECT min(not_before) FROM certificate",
        [LEDGER_ORDERS] = "SELECT min(created) FROM orders",
    };
    guint count;
    *admitted = TRUE;
    if (!ledger_count(ledger, what, NULL, 0, &count, error))
        return FALSE;
    if (count < max)
        return TRUE;
    sqlite3_stmt *row = ledger_statement(ledger, texts[what], error, "");
    const gboolean found = row != NULL && ledger_row(ledger, row, error);
    *admitted = found && sqlite3_column_int64(row, 0) < age;
    sqlite3_finalize(row);
    return found && (!*admitted || ledger_make_room(ledger, what, max, error));
}

gboolean
ledger_prune(struct ledger *ledger, gint64 now, GError **error)
{
    static const struct {
        const char *text;
        gint64 days;
    } all[] = {
        {"DELETE FROM orders WHERE expires < ?", LEDGER_ORDER_DAYS},
        {"DELETE FROM authorization WHERE orders NOT IN (SELECT id FROM orders) AND ? > 0", 0},
        {"DELETE FROM certificate WHERE not_after < ?", LEDGER_CERTIFICATE_DAYS},
        {"DELETE FROM account WHERE used < ? AND"
         " id NOT IN (SELECT account FROM orders UNION SELECT account FROM certificate)",
         LEDGER_ACCOUNT_DAYS},
    };
    gboolean done = ledger_begin(ledger, error);
    if (!done)
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(all) && done; i++)
        done = ledger_run(
            ledger, ledger_statement(ledger, all[i].text, error, "i", now - all[i].days * DAY),
            error);
    return ledger_end(ledger, done, done ? error : NULL);
}
