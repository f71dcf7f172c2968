#include "netsvc/web/acme/pair/row.h"

#include "lib/base/jsontext.h"
#include "lib/json/json.h"
#include "netsvc/cert/x509/pem.h"
#include "netsvc/web/acme/issue/leaf.h"
#include "netsvc/web/acme/problem.h"
#include "netsvc/web/acme/rules/contacts.h"
#include "netsvc/web/acme/rules/quotas.h"

#include <string.h>

#define TIME_MAX (G_GINT64_CONSTANT(1) << 40) /* seconds since 1970 */
#define VALUE_MAX 255                         /* bytes of an identifier, "*." too */
#define REPLACES_MAX 256                      /* bytes: RFC 9773, 4.1 */

static const char *const kinds[] = {
    [LEDGER_ACCOUNT] = "account",
    [LEDGER_CERTIFICATE] = "certificate",
    [LEDGER_ORDER] = "order",
};

/* ---- writing ---- */

static void
write_account(const struct ledger_account *account, GString *out)
{
    json_text_member_string(out, "name", account->name);
    json_text_member_string(out, "key", account->key);
    json_text_member_unsigned(out, "key_version", account->key_version);
    json_text_member_raw(out, "contacts", slice_of(account->contacts));
    json_text_member_unsigned(out, "contacts_version", account->contacts_version);
    json_text_member_string(out, "status", ledger_status_name(account->status));
    json_text_member_integer(out, "created", account->created);
    json_text_member_integer(out, "used", account->used);
}

static void
write_certificate(const struct ledger_certificate *certificate, GString *out)
{
    json_text_member_string(out, "id", certificate->id);
    json_text_member_string(out, "account", certificate->account);
    json_text_member_raw(out, "identifiers", slice_of(certificate->identifiers));
    json_text_member_string(out, "chain", certificate->chain);
    json_text_member_integer(out, "revoked", certificate->revoked);
    json_text_member_boolean(out, "replaced", certificate->replaced);
}

static void
write_order(const struct ledger_order *order, GString *out)
{
    json_text_member_string(out, "id", order->id);
    json_text_member_string(out, "account", order->account);
    json_text_member_raw(out, "identifiers", slice_of(order->identifiers));
    json_text_member_string(out, "certificate", order->certificate);
    json_text_member_integer(out, "created", order->created);
    json_text_member_integer(out, "expires", order->expires);
    if (order->replaces != NULL)
        json_text_member_string(out, "replaces", order->replaces);
}

void
row_write(const struct row *row, GString *out)
{
    json_text_begin_object(out);
    json_text_member_string(out, "kind", kinds[row->kind]);
    if (row->kind == LEDGER_ACCOUNT)
        write_account(row->account, out);
    else if (row->kind == LEDGER_CERTIFICATE)
        write_certificate(row->certificate, out);
    else
        write_order(row->order, out);
    json_text_end_object(out);
}

/* ---- members ---- */

static gboolean
bad(GError **error, const char *what)
{
    return problem_set(error, PROBLEM_MALFORMED, "its '%s' makes no sense", what);
}

static gboolean
read_id(struct slice json, const char *name, char **id, GError **error)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if (!json_member_text(json, name, id))
        return bad(error, name);
    const gsize size = strlen(*id);
    return (size > 0 && size < LEDGER_ID_MAX && strspn(*id, letters) == size) || bad(error, name);
}

static gboolean
read_time(struct slice json, const char *name, gint64 *time, GError **error)
{
    guint64 read;
    if (!json_member_unsigned(json, name, &read) || read > TIME_MAX)
        return bad(error, name);
    *time = (gint64)read;
    return TRUE;
}

static gboolean
read_version(struct slice json, const char *name, guint32 *version, GError **error)
{
    guint64 read;
    if (!json_member_unsigned(json, name, &read) || read > ROW_VERSION_MAX)
        return bad(error, name);
    *version = (guint32)read;
    return TRUE;
}

/* One, of those letters that names and addresses have. */
static gboolean
read_identifier(struct slice element, GString *json)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.:*";
    g_autofree char *type = NULL, *value = NULL;
    if (json_type(element) != JSON_OBJECT || !json_member_text(element, "type", &type) ||
        !json_member_text(element, "value", &value))
        return FALSE;
    const gsize size = strlen(value);
    if ((strcmp(type, "dns") != 0 && strcmp(type, "ip") != 0) || size == 0 || size > VALUE_MAX ||
        strspn(value, letters) != size)
        return FALSE;
    json_text_begin_object(json);
    json_text_member_string(json, "type", type);
    json_text_member_string(json, "value", value);
    json_text_end_object(json);
    return TRUE;
}

static gboolean
read_identifiers(struct slice json, char **identifiers, GError **error)
{
    static const char name[] = "identifiers";
    struct slice list, element;
    gsize place = 0;
    guint count = 0;
    g_autoptr(GString) text = g_string_new(NULL);
    if (!json_member(json, name, &list) || json_type(list) != JSON_ARRAY)
        return bad(error, name);
    json_text_begin_array(text);
    while (json_next_element(list, &place, &element))
        if (++count > QUOTA_NAMES || !read_identifier(element, text))
            return bad(error, name);
    json_text_end_array(text);
    *identifiers = g_string_free(g_steal_pointer(&text), FALSE);
    return count > 0 || bad(error, name);
}

static struct jwk *
read_key(struct slice json, const char *name, GError **error)
{
    g_autofree char *text = NULL;
    if (json_member_text(json, name, &text))
        return jwk_from_text(text, error);
    bad(error, name);
    return NULL;
}

/* ---- reading ---- */

static gboolean
read_account(struct ledger_account *account, struct slice json, GError **error)
{
    struct slice contacts;
    g_autofree char *status = NULL;
    AUTO(jwk) *first = read_key(json, "name", error);
    AUTO(jwk) *key = first != NULL ? read_key(json, "key", error) : NULL;
    if (key == NULL)
        return FALSE;
    account->id = g_strdup(first->thumbprint);
    account->name = g_strdup(first->text);
    account->key = g_strdup(key->text);
    account->thumbprint = g_strdup(key->thumbprint);
    if (!json_member(json, "contacts", &contacts))
        return bad(error, "contacts");
    account->contacts = contacts_read(contacts, error);
    if (!json_member_text(json, "status", &status) ||
        (strcmp(status, ledger_status_name(LEDGER_VALID)) != 0 &&
         strcmp(status, ledger_status_name(LEDGER_DEACTIVATED)) != 0))
        return bad(error, "status");
    account->status =
        strcmp(status, ledger_status_name(LEDGER_VALID)) == 0 ? LEDGER_VALID : LEDGER_DEACTIVATED;
    return account->contacts != NULL &&
           read_version(json, "key_version", &account->key_version, error) &&
           read_version(json, "contacts_version", &account->contacts_version, error) &&
           read_time(json, "created", &account->created, error) &&
           read_time(json, "used", &account->used, error);
}

static gboolean
read_chain(struct ledger_certificate *certificate, struct slice json, GError **error)
{
    g_autofree char *text = NULL;
    if (!json_member_text(json, "chain", &text) || strlen(text) > LEAF_MAX)
        return bad(error, "chain");
    g_autoptr(GPtrArray) chain = pem_read_chain(text);
    if (chain->len == 0)
        return bad(error, "chain");
    certificate->chain = pem_chain(chain, 0);
    return leaf_of_chain(certificate->chain, certificate, error);
}

static gboolean
read_certificate(struct ledger_certificate *certificate, struct slice json, GError **error)
{
    certificate->replaced = json_member_true(json, "replaced");
    return read_id(json, "id", &certificate->id, error) &&
           read_id(json, "account", &certificate->account, error) &&
           read_identifiers(json, &certificate->identifiers, error) &&
           read_chain(certificate, json, error) &&
           read_time(json, "revoked", &certificate->revoked, error);
}

static gboolean
read_order(struct ledger_order *order, struct slice json, GError **error)
{
    order->status = LEDGER_VALID;
    if (json_member_text(json, "replaces", &order->replaces) &&
        (strlen(order->replaces) > REPLACES_MAX || !g_str_is_ascii(order->replaces)))
        return bad(error, "replaces");
    return read_id(json, "id", &order->id, error) &&
           read_id(json, "account", &order->account, error) &&
           read_id(json, "certificate", &order->certificate, error) &&
           read_identifiers(json, &order->identifiers, error) &&
           read_time(json, "created", &order->created, error) &&
           read_time(json, "expires", &order->expires, error);
}

gboolean
row_read(struct row *row, struct slice json, GError **error)
{
    g_autofree char *kind = NULL;
    gboolean read = FALSE;
    if (json_type(json) != JSON_OBJECT || !json_member_text(json, "kind", &kind))
        return bad(error, "kind");
    if (strcmp(kind, kinds[LEDGER_ACCOUNT]) == 0) {
        *row = (struct row){LEDGER_ACCOUNT, {.account = g_new0(struct ledger_account, 1)}};
        read = read_account(row->account, json, error);
    } else if (strcmp(kind, kinds[LEDGER_CERTIFICATE]) == 0) {
        *row =
            (struct row){LEDGER_CERTIFICATE, {.certificate = g_new0(struct ledger_certificate, 1)}};
        read = read_certificate(row->certificate, json, error);
    } else if (strcmp(kind, kinds[LEDGER_ORDER]) == 0) {
        *row = (struct row){LEDGER_ORDER, {.order = g_new0(struct ledger_order, 1)}};
        read = read_order(row->order, json, error);
    } else {
        return bad(error, "kind");
    }
    if (!read)
        row_clear(row);
    return read;
}

/* ---- of the ledger ---- */

gboolean
row_of_change(struct row *row, struct ledger *ledger, const struct ledger_change *change,
              GError **error)
{
    *row = (struct row){.kind = change->kind};
    if (change->kind == LEDGER_ACCOUNT)
        row->account = ledger_account(ledger, change->id, error);
    else if (change->kind == LEDGER_CERTIFICATE)
        row->certificate = ledger_certificate(ledger, change->id, error);
    else if (change->kind == LEDGER_ORDER)
        row->order = ledger_order(ledger, change->id, error);
    return row->account != NULL;
}

void
row_clear(struct row *row)
{
    if (row->kind == LEDGER_ACCOUNT)
        ledger_account_free(row->account);
    else if (row->kind == LEDGER_CERTIFICATE)
        ledger_certificate_free(row->certificate);
    else
        ledger_order_free(row->order);
    row->account = NULL;
}
