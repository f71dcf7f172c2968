/* Orders (RFC 8555, 7.4; RFC 8738 for addresses; RFC 9773, 5 for what they replace). */
#include "netsvc/web/acme/inside.h"

#include "lib/json/json.h"
#include "netsvc/web/acme/issue/leaf.h"

#define DAY 86400
#define SECRET_WORDS 2 /* ids, one behind the other */

/* ---- what is told of one ---- */

static char *
time_text(gint64 time)
{
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(time);
    return g_date_time_format(date, "%Y-%m-%dT%H:%M:%SZ");
}

static void
add_authorizations(struct acme *acme, const char *base, const char *order, GString *out)
{
    g_autoptr(GPtrArray) all = ledger_authorizations_of(acme->ledger, order, NULL);
    json_text_member_array(out, "authorizations");
    for (guint i = 0; all != NULL && i < all->len; i++) {
        const struct ledger_authorization *one = all->pdata[i];
        g_autofree char *url = g_strconcat(base, "authorization/", one->id, NULL);
        json_text_string(out, url);
    }
    json_text_end_array(out);
}

void
order_json(struct acme *acme, const char *base, const struct ledger_order *order, GString *out)
{
    g_autofree char *expires = time_text(order->expires);
    g_autofree char *finalize = g_strconcat(base, "finalize/", order->id, NULL);
    json_text_begin_object(out);
    json_text_member_string(out, "status", ledger_status_name(order->status));
    json_text_member_string(out, "expires", expires);
    json_text_member_raw(out, "identifiers", slice_of(order->identifiers));
    add_authorizations(acme, base, order->id, out);
    json_text_member_string(out, "finalize", finalize);
    if (order->error != NULL)
        json_text_member_raw(out, "error", slice_of(order->error));
    if (order->replaces != NULL)
        json_text_member_string(out, "replaces", order->replaces);
    if (order->status == LEDGER_VALID) {
        g_autofree char *url = g_strconcat(base, "certificate/", order->certificate, NULL);
        json_text_member_string(out, "certificate", url);
    }
    json_text_end_object(out);
}

/* ---- what becomes of one ---- */

static enum ledger_status
status_by_authorizations(const GPtrArray *authorizations)
{
    enum ledger_status status = LEDGER_READY;
    for (guint i = 0; i < authorizations->len; i++) {
        const struct ledger_authorization *one = authorizations->pdata[i];
        if (one->status == LEDGER_PENDING)
            status = status == LEDGER_READY ? LEDGER_PENDING : status;
        else if (one->status != LEDGER_VALID)
            status = LEDGER_INVALID;
    }
    return status;
}

gboolean
order_refresh(struct acme *acme, struct ledger_order *order, GError **error)
{
    const enum ledger_status before = order->status;
    if (before != LEDGER_PENDING && before != LEDGER_READY)
        return TRUE;
    g_autoptr(GPtrArray) authorizations = ledger_authorizations_of(acme->ledger, order->id, error);
    if (authorizations == NULL)
        return FALSE;
    order->status =
        order->expires < acme_now() ? LEDGER_INVALID : status_by_authorizations(authorizations);
    return order->status == before || ledger_put_order(acme->ledger, order, error);
}

/* ---- new ones ---- */

/* One identifier of the list: an authorization for it, and its JSON. */
static gboolean
take_identifier(struct call *call, struct slice element, GPtrArray *authorizations, GString *json,
                GError **error)
{
    g_autofree char *type = NULL, *value = NULL;
    gboolean wildcard;
    if (json_type(element) != JSON_OBJECT || !json_member_text(element, "type", &type) ||
        !json_member_text(element, "value", &value))
        return problem_set(error, PROBLEM_MALFORMED, "an identifier has 'type' and 'value'");
    g_autofree char *name = policy_name(call->acme->policy, type, value, &wildcard, error);
    if (name == NULL)
        return FALSE;
    for (guint i = 0; i < authorizations->len; i++) {
        const struct ledger_authorization *one = authorizations->pdata[i];
        if (one->wildcard == wildcard && strcmp(one->value, name) == 0)
            return TRUE; /* twice is once */
    }
    if (authorizations->len >= QUOTA_NAMES)
        return problem_set(error, PROBLEM_RATE_LIMITED, "an order has %d names at most",
                           QUOTA_NAMES);
    struct ledger_authorization *added = g_new0(struct ledger_authorization, 1);
    g_ptr_array_add(authorizations, added);
    g_autofree char *whole = g_strconcat(wildcard ? "*." : "", name, NULL);
    g_autofree char *more = acme_new_id();
    added->id = acme_new_id();
    added->account = g_strdup(call->account->id);
    added->type = g_steal_pointer(&type);
    added->value = g_steal_pointer(&name);
    added->wildcard = wildcard;
    added->status = LEDGER_PENDING;
    added->secret = g_strconcat(added->id, more, NULL);
    json_text_begin_object(json);
    json_text_member_string(json, "type", added->type);
    json_text_member_string(json, "value", whole);
    json_text_end_object(json);
    return TRUE;
}

static gboolean
take_identifiers(struct call *call, GPtrArray *authorizations, GString *json, GError **error)
{
    struct slice list, element;
    gsize place = 0;
    if (!json_member(call->payload, "identifiers", &list) || json_type(list) != JSON_ARRAY)
        return problem_set(error, PROBLEM_MALFORMED, "there is no list 'identifiers'");
    json_text_begin_array(json);
    while (json_next_element(list, &place, &element))
        if (!take_identifier(call, element, authorizations, json, error))
            return FALSE;
    json_text_end_array(json);
    return authorizations->len > 0 ||
           problem_set(error, PROBLEM_MALFORMED, "'identifiers' is empty");
}

/* Whether two lists of identifiers, in our spelling, have one in common. */
static gboolean
overlap(const char *one, const char *other)
{
    struct slice element;
    gsize place = 0;
    while (json_next_element(slice_of(one), &place, &element)) {
        g_autofree char *text = slice_dup(element);
        if (strstr(other, text) != NULL)
            return TRUE;
    }
    return FALSE;
}

/* RFC 9773, 5. `replaced` stays NULL where the order does not say so. */
static gboolean
take_replaced(struct call *call, const struct ledger_order *order,
              struct ledger_certificate **replaced, GError **error)
{
    g_autofree char *id = NULL;
    if (!json_member_text(call->payload, "replaces", &id))
        return TRUE;
    AUTO(ledger_certificate) *found = leaf_by_name(call->acme->ledger, id, error);
    if (found == NULL)
        return FALSE;
    if (strcmp(found->account, call->account->id) != 0)
        return problem_set(error, PROBLEM_UNAUTHORIZED,
                           "the certificate that is to be replaced is another account's");
    if (!overlap(order->identifiers, found->identifiers))
        return problem_set(error, PROBLEM_MALFORMED,
                           "the certificate that is to be replaced has none of these names");
    if (found->replaced)
        return problem_set(error, PROBLEM_ALREADY_REPLACED,
                           "another order replaces that certificate");
    *replaced = g_steal_pointer(&found);
    return TRUE;
}

static gboolean
put_whole(struct acme *acme, const struct ledger_order *order, const GPtrArray *authorizations,
          GError **error)
{
    gboolean done = ledger_begin(acme->ledger, error);
    if (!done)
        return FALSE;
    done = ledger_put_order(acme->ledger, order, error);
    for (guint i = 0; done && i < authorizations->len; i++) {
        struct ledger_authorization *one = authorizations->pdata[i];
        one->order = g_strdup(order->id);
        one->expires = order->expires;
        done = ledger_put_authorization(acme->ledger, one, error);
    }
    return ledger_end(acme->ledger, done, done ? error : NULL);
}

static void
free_authorization(gpointer authorization)
{
    ledger_authorization_free(authorization);
}

/* All of it but what stands in the payload. */
static struct ledger_order *
begin_order(const struct call *call)
{
    struct ledger_order *order = g_new0(struct ledger_order, 1);
    order->id = acme_new_id();
    order->account = g_strdup(call->account->id);
    order->status = LEDGER_PENDING;
    order->created = acme_now();
    order->expires = order->created + LEDGER_ORDER_DAYS * DAY;
    return order;
}

gboolean
order_new(struct call *call, GError **error)
{
    struct acme *acme = call->acme;
    struct slice value;
    g_autoptr(GPtrArray) authorizations = g_ptr_array_new_with_free_func(free_authorization);
    g_autoptr(GString) identifiers = g_string_new(NULL), json = g_string_new(NULL);
    AUTO(ledger_certificate) *replaced = NULL;
    AUTO(ledger_order) *order = begin_order(call);
    if (call->payload.size == 0 || json_member(call->payload, "notBefore", &value) ||
        json_member(call->payload, "notAfter", &value))
        return problem_set(error, PROBLEM_MALFORMED,
                           "an order has 'identifiers', and neither 'notBefore' nor 'notAfter'");
    if (!take_identifiers(call, authorizations, identifiers, error) ||
        !quotas_order(acme->quotas, call->account->id, order->created, error))
        return FALSE;
    order->identifiers = g_strdup(identifiers->str);
    if (!take_replaced(call, order, &replaced, error))
        return FALSE;
    if (replaced != NULL)
        json_member_text(call->payload, "replaces", &order->replaces);
    if (!put_whole(acme, order, authorizations, error))
        return FALSE;
    order_json(acme, call->base, order, json);
    call_field(call, "Location", "%sorder/%s", call->base, order->id);
    call_send(call, 201, json);
    return TRUE;
}

static gboolean
may_have(const struct call *call, struct ledger_order *order, GError **error)
{
    if (strcmp(order->account, call->account->id) != 0)
        return problem_set(error, PROBLEM_UNAUTHORIZED, "that order is another account's");
    return order_refresh(call->acme, order, error);
}

struct ledger_order *
order_of_call(const struct call *call, GError **error)
{
    AUTO(ledger_order) *order = ledger_order(call->acme->ledger, call->id, error);
    if (order == NULL)
        acme_absent("order", error);
    return order != NULL && may_have(call, order, error) ? g_steal_pointer(&order) : NULL;
}

gboolean
order_handle(struct call *call, GError **error)
{
    g_autoptr(GString) json = g_string_new(NULL);
    AUTO(ledger_order) *order = order_of_call(call, error);
    if (order == NULL)
        return FALSE;
    if (order->status == LEDGER_PROCESSING)
        call_field(call, "Retry-After", "1");
    order_json(call->acme, call->base, order, json);
    call_send(call, 200, json);
    return TRUE;
}
