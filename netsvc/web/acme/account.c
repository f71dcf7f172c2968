/* Accounts (RFC 8555, 7.3). An account's URL holds the key that it began with, so that both nodes,
 * and one that was set up anew, know it without having been told. */
#include "netsvc/web/acme/inside.h"

#include "lib/json/json.h"
#include "netsvc/web/acme/rules/contacts.h"

/* ---- what is told of one ---- */

static void
send_account(struct call *call, int status, const struct ledger_account *account)
{
    g_autoptr(GString) json = g_string_new(NULL);
    g_autofree char *orders = g_strconcat(call->base, "orders/", account->id, NULL);
    json_text_begin_object(json);
    json_text_member_string(json, "status", ledger_status_name(account->status));
    json_text_member_raw(json, "contact", slice_of(account->contacts));
    json_text_member_string(json, "orders", orders);
    json_text_end_object(json);
    call_send(call, status, json);
}

/* FALSE with a problem; `contacts` stays NULL where there are none. */
static gboolean
take_contacts(struct slice payload, char **contacts, GError **error)
{
    struct slice list;
    if (!json_member(payload, "contact", &list))
        return TRUE;
    *contacts = contacts_read(list, error);
    return *contacts != NULL;
}

/* ---- new ones ---- */

struct ledger_account *
account_make(struct acme *acme, const struct jwk *key, const struct sockaddr_storage *from,
             const char *contacts, GError **error)
{
    const gint64 now = acme_now();
    g_autoptr(GError) failure = NULL;
    AUTO(ledger_account) *known = ledger_account(acme->ledger, key->thumbprint, &failure);
    AUTO(ledger_account) *other = ledger_account_of_key(acme->ledger, key->thumbprint, NULL);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    if (known != NULL || other != NULL) {
        problem_set(error, PROBLEM_UNAUTHORIZED, "that key was of an account which changed it");
        return NULL;
    }
    if (!quotas_account(acme->quotas, from, now, error))
        return NULL;
    AUTO(ledger_account) *account = g_new0(struct ledger_account, 1);
    account->id = g_strdup(key->thumbprint);
    account->name = g_strdup(key->text);
    account->key = g_strdup(key->text);
    account->thumbprint = g_strdup(key->thumbprint);
    account->contacts = g_strdup(contacts);
    account->status = LEDGER_VALID;
    account->created = account->used = now;
    return ledger_put_account(acme->ledger, account, error) ? g_steal_pointer(&account) : NULL;
}

gboolean
account_new(struct call *call, GError **error)
{
    g_autofree char *contacts = NULL;
    g_autoptr(GError) failure = NULL;
    if (call->payload.size == 0)
        return problem_set(error, PROBLEM_MALFORMED, "the payload is empty");
    AUTO(ledger_account) *account =
        ledger_account_of_key(call->acme->ledger, call->key->thumbprint, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (account != NULL && account->status != LEDGER_VALID)
        return problem_set(error, PROBLEM_UNAUTHORIZED, "the account is %s",
                           ledger_status_name(account->status));
    const int status = account != NULL ? 200 : 201;
    if (account == NULL && json_member_true(call->payload, "onlyReturnExisting"))
        return problem_set(error, PROBLEM_ACCOUNT_DOES_NOT_EXIST,
                           "there is no account with that key");
    if (account == NULL) {
        if (!take_contacts(call->payload, &contacts, error))
            return FALSE;
        account = account_make(call->acme, call->key, call->request->from,
                               contacts != NULL ? contacts : "[]", error);
    }
    if (account == NULL)
        return FALSE;
    call_field(call, "Location", "%saccount/%s", call->base, account->name);
    send_account(call, status, account);
    return TRUE;
}

/* ---- known ones ---- */

gboolean
account_handle(struct call *call, GError **error)
{
    struct ledger_account *account = call->account;
    g_autofree char *contacts = NULL, *status = NULL;
    if (strcmp(call->id, account->name) != 0)
        return problem_set(error, PROBLEM_UNAUTHORIZED, "that is another account");
    if (call->payload.size > 0) {
        if (!take_contacts(call->payload, &contacts, error))
            return FALSE;
        if (json_member_text(call->payload, "status", &status)) {
            if (strcmp(status, "deactivated") != 0)
                return problem_set(error, PROBLEM_MALFORMED,
                                   "an account's status can become 'deactivated' only");
            account->status = LEDGER_DEACTIVATED;
        }
        if (contacts != NULL) {
            g_free(account->contacts);
            account->contacts = g_steal_pointer(&contacts);
            account->contacts_version++;
        }
        if (!ledger_put_account(call->acme->ledger, account, error))
            return FALSE;
    }
    send_account(call, 200, account);
    return TRUE;
}

gboolean
account_orders(struct call *call, GError **error)
{
    if (strcmp(call->id, call->account->id) != 0)
        return problem_set(error, PROBLEM_UNAUTHORIZED, "those are another account's");
    g_autoptr(GPtrArray) ids = ledger_orders_of(call->acme->ledger, call->account->id, error);
    g_autoptr(GString) json = g_string_new(NULL);
    if (ids == NULL)
        return FALSE;
    json_text_begin_object(json);
    json_text_member_array(json, "orders");
    for (guint i = 0; i < ids->len; i++) {
        g_autofree char *url = g_strconcat(call->base, "order/", ids->pdata[i], NULL);
        json_text_string(json, url);
    }
    json_text_end_array(json);
    json_text_end_object(json);
    call_send(call, 200, json);
    return TRUE;
}

/* ---- another key (7.3.5) ---- */

static gboolean
check_inner(struct call *call, const struct jws *inner, GError **error)
{
    g_autofree char *account = NULL;
    struct slice old;
    const struct slice payload = {inner->payload->str, inner->payload->len};
    if (inner->jwk == NULL || inner->nonce != NULL || strcmp(inner->url, call->jws->url) != 0)
        return problem_set(error, PROBLEM_MALFORMED,
                           "the inner request has 'jwk', the same 'url', and no nonce");
    if (!jws_verify(inner, inner->jwk, error))
        return FALSE;
    if (!json_check(payload, NULL) || !json_member_text(payload, "account", &account) ||
        !json_member(payload, "oldKey", &old))
        return problem_set(error, PROBLEM_MALFORMED, "'account' or 'oldKey' is missing");
    if (strcmp(account, call->jws->kid) != 0)
        return problem_set(error, PROBLEM_MALFORMED, "'account' is not the one that signed");
    AUTO(jwk) *old_key = jwk_parse(old, error);
    if (old_key == NULL)
        return FALSE;
    return jwk_is(old_key, call->key->key) ||
           problem_set(error, PROBLEM_MALFORMED, "'oldKey' is not the account's");
}

gboolean
account_change_key(struct call *call, GError **error)
{
    struct ledger_account *account = call->account;
    g_autoptr(GError) failure = NULL;
    if (call->payload.size == 0)
        return problem_set(error, PROBLEM_MALFORMED, "the payload is empty");
    AUTO(jws) *inner = jws_parse(call->payload, error);
    if (inner == NULL || !check_inner(call, inner, error))
        return FALSE;
    AUTO(ledger_account) *other =
        ledger_account_of_key(call->acme->ledger, inner->jwk->thumbprint, &failure);
    AUTO(ledger_account) *before = ledger_account(call->acme->ledger, inner->jwk->thumbprint, NULL);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (other != NULL || (before != NULL && strcmp(before->id, account->id) != 0)) {
        const struct ledger_account *has = other != NULL ? other : before;
        call_field(call, "Location", "%saccount/%s", call->base, has->name);
        return problem_set(error, PROBLEM_KEY_IN_USE, "that key is another account's");
    }
    g_free(account->key);
    g_free(account->thumbprint);
    account->key = g_strdup(inner->jwk->text);
    account->thumbprint = g_strdup(inner->jwk->thumbprint);
    account->key_version++;
    if (!ledger_put_account(call->acme->ledger, account, error))
        return FALSE;
    call_field(call, "Location", "%saccount/%s", call->base, account->name);
    send_account(call, 200, account);
    return TRUE;
}
