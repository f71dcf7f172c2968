/* Its rows as structs, and back. */
#include "netsvc/web/acme/ledger/ledger_inside.h"

/* The first row of a statement as a struct, or NULL. */
typedef gpointer (*take_row)(sqlite3_stmt *row);

static gpointer
one(struct ledger *ledger, sqlite3_stmt *statement, take_row take, GError **error)
{
    gpointer taken = NULL;
    if (statement != NULL && ledger_row(ledger, statement, error))
        taken = take(statement);
    sqlite3_finalize(statement);
    return taken;
}

static GPtrArray *
several(struct ledger *ledger, sqlite3_stmt *statement, take_row take, GDestroyNotify destroy,
        GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(destroy);
    g_autoptr(GError) failure = NULL;
    if (statement == NULL)
        return NULL;
    while (ledger_row(ledger, statement, &failure))
        g_ptr_array_add(rows, take(statement));
    sqlite3_finalize(statement);
    if (failure == NULL)
        return g_steal_pointer(&rows);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

static gpointer
take_id(sqlite3_stmt *row)
{
    return ledger_text(row, 0);
}

/* ---- accounts ---- */

#define ACCOUNT                                                                                    \
    "id, name, key, thumbprint, contacts, status, created, used, key_version, contacts_version"

static gpointer
take_account(sqlite3_stmt *row)
{
    struct ledger_account *account = g_new0(struct ledger_account, 1);
    account->id = ledger_text(row, 0);
    account->name = ledger_text(row, 1);
    account->key = ledger_text(row, 2);
    account->thumbprint = ledger_text(row, 3);
    account->contacts = ledger_text(row, 4);
    account->status = ledger_status(row, 5);
    account->created = sqlite3_column_int64(row, 6);
    account->used = sqlite3_column_int64(row, 7);
    account->key_version = (guint32)sqlite3_column_int64(row, 8);
    account->contacts_version = (guint32)sqlite3_column_int64(row, 9);
    return account;
}

struct ledger_account *
ledger_account(struct ledger *ledger, const char *id, GError **error)
{
    static const char text[] = "SELECT " ACCOUNT " FROM account WHERE id = ?";
    return one(ledger, ledger_statement(ledger, text, error, "s", id), take_account, error);
}

struct ledger_account *
ledger_account_of_key(struct ledger *ledger, const char *thumbprint, GError **error)
{
    static const char text[] = "SELECT " ACCOUNT " FROM account WHERE thumbprint = ?"
                               " ORDER BY status <> 'valid', created, id";
    return one(ledger, ledger_statement(ledger, text, error, "s", thumbprint), take_account, error);
}

gboolean
ledger_put_account(struct ledger *ledger, const struct ledger_account *account, GError **error)
{
    static const char text[] = "INSERT OR REPLACE INTO account (" ACCOUNT ")"
                               " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    return ledger_run(
        ledger,
        ledger_statement(ledger, text, error, "ssssssiiii", account->id, account->name,
                         account->key, account->thumbprint, account->contacts,
                         ledger_status_name(account->status), account->created, account->used,
                         (gint64)account->key_version, (gint64)account->contacts_version),
        error);
}

void
ledger_account_free(struct ledger_account *account)
{
    if (account == NULL)
        return;
    g_free(account->id);
    g_free(account->name);
    g_free(account->key);
    g_free(account->thumbprint);
    g_free(account->contacts);
    g_free(account);
}

/* ---- orders ---- */

#define ORDER                                                                                      \
    "id, account, status, created, expires, identifiers, error, certificate, csr, replaces"

static gpointer
take_order(sqlite3_stmt *row)
{
    struct ledger_order *order = g_new0(struct ledger_order, 1);
    order->id = ledger_text(row, 0);
    order->account = ledger_text(row, 1);
    order->status = ledger_status(row, 2);
    order->created = sqlite3_column_int64(row, 3);
    order->expires = sqlite3_column_int64(row, 4);
    order->identifiers = ledger_text(row, 5);
    order->error = ledger_text(row, 6);
    order->certificate = ledger_text(row, 7);
    order->csr = ledger_text(row, 8);
    order->replaces = ledger_text(row, 9);
    return order;
}

struct ledger_order *
ledger_order(struct ledger *ledger, const char *id, GError **error)
{
    static const char text[] = "SELECT " ORDER " FROM orders WHERE id = ?";
    return one(ledger, ledger_statement(ledger, text, error, "s", id), take_order, error);
}

GPtrArray *
ledger_orders_of(struct ledger *ledger, const char *account, GError **error)
{
    static const char text[] = "SELECT id FROM orders WHERE account = ? AND status <> 'invalid'"
                               " ORDER BY created DESC, rowid DESC LIMIT 200";
    return several(ledger, ledger_statement(ledger, text, error, "s", account), take_id, g_free,
                   error);
}

GPtrArray *
ledger_orders_processed(struct ledger *ledger, GError **error)
{
    static const char text[] = "SELECT id FROM orders WHERE status = 'processing'";
    return several(ledger, ledger_statement(ledger, text, error, ""), take_id, g_free, error);
}

gboolean
ledger_put_order(struct ledger *ledger, const struct ledger_order *order, GError **error)
{
    static const char text[] = "INSERT OR REPLACE INTO orders (" ORDER ")"
                               " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    return ledger_run(ledger,
                      ledger_statement(ledger, text, error, "sssiisssss", order->id, order->account,
                                       ledger_status_name(order->status), order->created,
                                       order->expires, order->identifiers, order->error,
                                       order->certificate, order->csr, order->replaces),
                      error);
}

void
ledger_order_free(struct ledger_order *order)
{
    if (order == NULL)
        return;
    g_free(order->id);
    g_free(order->account);
    g_free(order->identifiers);
    g_free(order->error);
    g_free(order->certificate);
    g_free(order->csr);
    g_free(order->replaces);
    g_free(order);
}

/* ---- authorizations ---- */

#define AUTHORIZATION                                                                              \
    "id, account, orders, type, value, wildcard, status, expires, secret, tried, error, validated"

static gpointer
take_authorization(sqlite3_stmt *row)
{
    struct ledger_authorization *authorization = g_new0(struct ledger_authorization, 1);
    authorization->id = ledger_text(row, 0);
    authorization->account = ledger_text(row, 1);
    authorization->order = ledger_text(row, 2);
    authorization->type = ledger_text(row, 3);
    authorization->value = ledger_text(row, 4);
    authorization->wildcard = sqlite3_column_int64(row, 5) != 0;
    authorization->status = ledger_status(row, 6);
    authorization->expires = sqlite3_column_int64(row, 7);
    authorization->secret = ledger_text(row, 8);
    authorization->tried = ledger_text(row, 9);
    authorization->error = ledger_text(row, 10);
    authorization->validated = sqlite3_column_int64(row, 11);
    return authorization;
}

struct ledger_authorization *
ledger_authorization(struct ledger *ledger, const char *id, GError **error)
{
    static const char text[] = "SELECT " AUTHORIZATION " FROM authorization WHERE id = ?";
    return one(ledger, ledger_statement(ledger, text, error, "s", id), take_authorization, error);
}

static void
free_authorization(gpointer authorization)
{
    ledger_authorization_free(authorization);
}

GPtrArray *
ledger_authorizations_of(struct ledger *ledger, const char *order, GError **error)
{
    static const char text[] =
        "SELECT " AUTHORIZATION " FROM authorization WHERE orders = ? ORDER BY number";
    return several(ledger, ledger_statement(ledger, text, error, "s", order), take_authorization,
                   free_authorization, error);
}

GPtrArray *
ledger_authorizations_tried(struct ledger *ledger, GError **error)
{
    static const char text[] = "SELECT " AUTHORIZATION
                               " FROM authorization WHERE status = 'pending' AND tried IS NOT NULL";
    return several(ledger, ledger_statement(ledger, text, error, ""), take_authorization,
                   free_authorization, error);
}

gboolean
ledger_put_authorization(struct ledger *ledger, const struct ledger_authorization *authorization,
                         GError **error)
{
    static const char text[] =
        "INSERT INTO authorization (" AUTHORIZATION ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET status = excluded.status, tried = excluded.tried,"
        " error = excluded.error, validated = excluded.validated, expires = excluded.expires";
    return ledger_run(
        ledger,
        ledger_statement(ledger, text, error, "sssssisisssi", authorization->id,
                         authorization->account, authorization->order, authorization->type,
                         authorization->value, (gint64)authorization->wildcard,
                         ledger_status_name(authorization->status), authorization->expires,
                         authorization->secret, authorization->tried, authorization->error,
                         authorization->validated),
        error);
}

void
ledger_authorization_free(struct ledger_authorization *authorization)
{
    if (authorization == NULL)
        return;
    g_free(authorization->id);
    g_free(authorization->account);
    g_free(authorization->order);
    g_free(authorization->type);
    g_free(authorization->value);
    g_free(authorization->secret);
    g_free(authorization->tried);
    g_free(authorization->error);
    g_free(authorization);
}

/* ---- certificates ---- */

#define CERTIFICATE                                                                                \
    "id, account, serial, issuer, key, identifiers, chain, not_before, not_after, revoked, "       \
    "replaced"

static gpointer
take_certificate(sqlite3_stmt *row)
{
    struct ledger_certificate *certificate = g_new0(struct ledger_certificate, 1);
    certificate->id = ledger_text(row, 0);
    certificate->account = ledger_text(row, 1);
    certificate->serial = ledger_text(row, 2);
    certificate->issuer = ledger_text(row, 3);
    certificate->key = ledger_text(row, 4);
    certificate->identifiers = ledger_text(row, 5);
    certificate->chain = ledger_text(row, 6);
    certificate->not_before = sqlite3_column_int64(row, 7);
    certificate->not_after = sqlite3_column_int64(row, 8);
    certificate->revoked = sqlite3_column_int64(row, 9);
    certificate->replaced = sqlite3_column_int64(row, 10) != 0;
    return certificate;
}

struct ledger_certificate *
ledger_certificate(struct ledger *ledger, const char *id, GError **error)
{
    static const char text[] = "SELECT " CERTIFICATE " FROM certificate WHERE id = ?";
    return one(ledger, ledger_statement(ledger, text, error, "s", id), take_certificate, error);
}

struct ledger_certificate *
ledger_certificate_of_serial(struct ledger *ledger, const char *serial, GError **error)
{
    static const char text[] = "SELECT " CERTIFICATE " FROM certificate WHERE serial = ?";
    return one(ledger, ledger_statement(ledger, text, error, "s", serial), take_certificate, error);
}

gboolean
ledger_put_certificate(struct ledger *ledger, const struct ledger_certificate *certificate,
                       GError **error)
{
    static const char text[] = "INSERT OR REPLACE INTO certificate (" CERTIFICATE ")"
                               " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    return ledger_run(ledger,
                      ledger_statement(ledger, text, error, "sssssssiiii", certificate->id,
                                       certificate->account, certificate->serial,
                                       certificate->issuer, certificate->key,
                                       certificate->identifiers, certificate->chain,
                                       certificate->not_before, certificate->not_after,
                                       certificate->revoked, (gint64)certificate->replaced),
                      error);
}

void
ledger_certificate_free(struct ledger_certificate *certificate)
{
    if (certificate == NULL)
        return;
    g_free(certificate->id);
    g_free(certificate->account);
    g_free(certificate->serial);
    g_free(certificate->issuer);
    g_free(certificate->key);
    g_free(certificate->identifiers);
    g_free(certificate->chain);
    g_free(certificate);
}
