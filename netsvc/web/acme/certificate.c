/* Certificates (RFC 8555, 7.4.2 and 7.6; RFC 9773). The cert child makes and revokes them. */
#include "netsvc/web/acme/inside.h"

#include "lib/base/log.h"
#include "lib/crypt/base64.h"
#include "lib/json/json.h"
#include "netsvc/web/acme/issue/csr.h"
#include "netsvc/web/acme/issue/leaf.h"
#include "netsvc/web/acme/jose/base64url.h"

#define PEM_CHAIN "application/pem-certificate-chain"
#define PATIENCE 3             /* seconds that a client is kept waiting for the cert child */
#define RENEWAL_ASK "21600"    /* seconds, in Retry-After */
#define RENEWAL_WINDOW_PART 24 /* of a certificate's life: how long the window is */
#define REASON_MAX 10          /* RFC 5280, 5.3.1 */
#define REASON_UNUSED 7

/* What the cert child was asked for, and who waits for that. */
struct waiting {
    struct acme *acme;
    struct web_answer *answer; /* NULL: nobody any more */
    char *base;
    char *id; /* of the order, or the certificate */
    struct event *patience;
};

static void answer_unfinished(evutil_socket_t fd, short what, void *context);

static struct waiting *
wait_for(struct acme *acme, struct call *call, const char *id)
{
    struct waiting *waiting = g_new0(struct waiting, 1);
    const struct timeval patience = {.tv_sec = PATIENCE};
    waiting->acme = acme;
    waiting->id = g_strdup(id);
    waiting->patience = evtimer_new(child_events(acme->child), answer_unfinished, waiting);
    evtimer_add(waiting->patience, &patience);
    if (call != NULL) {
        waiting->answer = g_steal_pointer(&call->answer);
        waiting->base = g_strdup(call->base);
    }
    if (acme->waiting == NULL)
        acme->waiting = g_hash_table_new(NULL, NULL);
    g_hash_table_add(acme->waiting, waiting);
    return waiting;
}

static void
waiting_free(struct waiting *waiting)
{
    g_hash_table_remove(waiting->acme->waiting, waiting);
    event_free(waiting->patience);
    g_free(waiting->base);
    g_free(waiting->id);
    g_free(waiting);
}
AUTO_DEFINE(waiting)

void
certificate_forget(struct acme *acme)
{
    GHashTableIter at;
    gpointer waiting;
    if (acme->waiting == NULL)
        return;
    g_hash_table_iter_init(&at, acme->waiting);
    while (g_hash_table_iter_next(&at, &waiting, NULL)) {
        child_forget(acme->child, waiting);
        event_free(((struct waiting *)waiting)->patience);
        g_free(((struct waiting *)waiting)->base);
        g_free(((struct waiting *)waiting)->id);
        g_free(waiting);
    }
    g_hash_table_unref(acme->waiting);
}

/* Answers whoever waits. */
static void
answer_waiting(struct waiting *waiting, const GError *error, const GString *json)
{
    static const struct web_request post = {.method = WEB_POST};
    if (waiting->answer == NULL)
        return;
    struct call call = {.acme = waiting->acme,
                        .request = &post,
                        .answer = g_steal_pointer(&waiting->answer),
                        .base = waiting->base};
    if (error != NULL)
        call_fail(&call, error);
    else
        call_send(&call, 200, json);
}

/* It goes on, and the client asks for its order again; of a revocation it is not known yet. */
static void
answer_unfinished(evutil_socket_t fd, short what, void *context)
{
    struct waiting *waiting = context;
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) json = g_string_new(NULL);
    (void)fd;
    (void)what;
    AUTO(ledger_order) *order = ledger_order(waiting->acme->ledger, waiting->id, &error);
    if (waiting->answer != NULL && order != NULL) {
        web_answer_field(waiting->answer, "Retry-After", "1");
        order_json(waiting->acme, waiting->base, order, json);
    } else if (error == NULL) {
        problem_set(&error, PROBLEM_SERVER_INTERNAL, "it is not known yet whether that was done");
    }
    answer_waiting(waiting, error, json);
}

/* ---- issuing ---- */

/* What came of it becomes durable in one piece. */
static gboolean
put_issued(struct acme *acme, struct ledger_order *order,
           const struct ledger_certificate *certificate, GError **error)
{
    g_autoptr(GError) ignored = NULL;
    gboolean done = ledger_begin(acme->ledger, error);
    if (!done)
        return FALSE;
    AUTO(ledger_certificate) *replaced =
        order->replaces != NULL ? leaf_by_name(acme->ledger, order->replaces, &ignored) : NULL;
    done = ledger_put_certificate(acme->ledger, certificate, error) &&
           ledger_put_order(acme->ledger, order, error);
    if (done && replaced != NULL) {
        replaced->replaced = TRUE;
        done = ledger_put_certificate(acme->ledger, replaced, error);
    }
    return ledger_end(acme->ledger, done, done ? error : NULL);
}

static gboolean
take_chain(struct acme *acme, struct ledger_order *order, const char *answer, gsize size,
           GError **error)
{
    AUTO(ledger_certificate) *made = g_new0(struct ledger_certificate, 1);
    const struct slice text = {answer, size};
    if (!json_check(text, error) || !json_member_text(text, "chain", &made->chain))
        return FALSE;
    made->id = acme_new_id();
    made->account = g_strdup(order->account);
    made->identifiers = g_strdup(order->identifiers);
    if (!leaf_of_chain(made->chain, made, error))
        return FALSE;
    order->status = LEDGER_VALID;
    order->certificate = g_strdup(made->id);
    g_clear_pointer(&order->csr, g_free);
    if (!put_issued(acme, order, made, error))
        return FALSE;
    log_info("ACME: certificate %s for %s", made->serial, order->identifiers);
    return TRUE;
}

static gboolean
note_refusal(struct acme *acme, struct ledger_order *order, const char *why, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(GString) json = g_string_new(NULL);
    log_warning("ACME: no certificate for %s: %s", order->identifiers, why);
    problem_set(&problem, PROBLEM_SERVER_INTERNAL, "the certificate was not issued: %s", why);
    problem_json(json, problem);
    order->status = LEDGER_INVALID;
    g_free(order->error);
    order->error = g_strdup(json->str);
    g_clear_pointer(&order->csr, g_free);
    return ledger_put_order(acme->ledger, order, error);
}

static void
issued(gpointer context, gboolean done, const char *answer, gsize size)
{
    AUTO(waiting) *waiting = context;
    struct acme *acme = waiting->acme;
    g_autoptr(GError) error = NULL, refusal = NULL;
    g_autoptr(GString) json = g_string_new(NULL);
    AUTO(ledger_order) *order = ledger_order(acme->ledger, waiting->id, &error);
    if (order == NULL)
        acme_absent("order", &error);
    else if (!done)
        note_refusal(acme, order, answer, &error);
    else if (!take_chain(acme, order, answer, size, &refusal))
        note_refusal(acme, order, refusal != NULL ? refusal->message : "there is no chain", &error);
    if (error == NULL && waiting->answer != NULL)
        order_json(acme, waiting->base, order, json);
    answer_waiting(waiting, error, json);
}

/* {"csr": …, "names": […], "account": …}, as cert takes it. */
static void
ask_to_issue(struct acme *acme, struct call *call, const struct ledger_order *order)
{
    struct slice element;
    gsize place = 0;
    g_autoptr(GString) body = g_string_new(NULL);
    json_text_begin_object(body);
    json_text_member_string(body, "csr", order->csr);
    json_text_member_array(body, "names");
    while (json_next_element(slice_of(order->identifiers), &place, &element)) {
        g_autofree char *value = NULL;
        if (json_member_text(element, "value", &value))
            json_text_string(body, value);
    }
    json_text_end_array(body);
    json_text_member_string(body, "account", order->account);
    json_text_end_object(body);
    child_ask(acme->child, "cert/issue", body->str, body->len, issued,
              wait_for(acme, call, order->id));
}

gboolean
certificate_resume(struct acme *acme, GError **error)
{
    g_autoptr(GPtrArray) ids = ledger_orders_processed(acme->ledger, error);
    if (ids == NULL)
        return FALSE;
    for (guint i = 0; i < ids->len; i++) {
        AUTO(ledger_order) *order = ledger_order(acme->ledger, ids->pdata[i], NULL);
        if (order != NULL && order->csr != NULL)
            ask_to_issue(acme, NULL, order);
    }
    return TRUE;
}

static gboolean
take_csr(struct call *call, struct ledger_order *order, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GString) der = json_member_text(call->payload, "csr", &text)
                                 ? base64url_decode(slice_of(text), CSR_MAX)
                                 : NULL;
    if (der == NULL)
        return problem_set(error, PROBLEM_MALFORMED, "there is no 'csr' in base64url");
    if (!csr_check((struct slice){der->str, der->len}, order->identifiers, call->key, error))
        return FALSE;
    GString *kept = g_string_new(NULL);
    base64_append(kept, der->str, der->len, TRUE);
    g_free(order->csr);
    order->csr = g_string_free(kept, FALSE);
    return TRUE;
}

/* The client is answered when the certificate is there, which takes a moment only. */
gboolean
certificate_finalize(struct call *call, GError **error)
{
    AUTO(ledger_order) *order = order_of_call(call, error);
    if (order == NULL)
        return FALSE;
    if (order->status != LEDGER_READY)
        return problem_set(error, PROBLEM_ORDER_NOT_READY, "the order is %s",
                           ledger_status_name(order->status));
    if (!take_csr(call, order, error))
        return FALSE;
    order->status = LEDGER_PROCESSING;
    if (!ledger_put_order(call->acme->ledger, order, error))
        return FALSE;
    call_field(call, "Location", "%sorder/%s", call->base, order->id);
    ask_to_issue(call->acme, call, order);
    return TRUE;
}

gboolean
certificate_handle(struct call *call, GError **error)
{
    AUTO(ledger_certificate) *found = ledger_certificate(call->acme->ledger, call->id, error);
    if (found == NULL)
        return acme_absent("certificate", error);
    if (strcmp(found->account, call->account->id) != 0)
        return problem_set(error, PROBLEM_UNAUTHORIZED, "that certificate is another account's");
    call_send_as(call, 200, PEM_CHAIN, found->chain, strlen(found->chain));
    return TRUE;
}

/* ---- revoking ---- */

static void
revoked(gpointer context, gboolean done, const char *answer, gsize size)
{
    AUTO(waiting) *waiting = context;
    struct acme *acme = waiting->acme;
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) nothing = g_string_new(NULL);
    (void)size;
    AUTO(ledger_certificate) *found =
        ledger_certificate_of_serial(acme->ledger, waiting->id, &error);
    if (!done) {
        log_warning("ACME: certificate %s was not revoked: %s", waiting->id, answer);
        g_clear_error(&error);
        problem_set(&error, PROBLEM_SERVER_INTERNAL, "it was not revoked: %s", answer);
    } else if (found != NULL) {
        found->revoked = acme_now();
        ledger_put_certificate(acme->ledger, found, &error);
    }
    answer_waiting(waiting, error, nothing);
}

static gboolean
check_reason(struct slice payload, GError **error)
{
    struct slice value;
    guint64 reason;
    if (!json_member(payload, "reason", &value))
        return TRUE;
    return (json_type(value) == JSON_NUMBER && json_unsigned(value, &reason) &&
            reason <= REASON_MAX && reason != REASON_UNUSED) ||
           problem_set(error, PROBLEM_BAD_REVOCATION_REASON, "there is no such reason (RFC 5280)");
}

/* Whoever has its key may, and whoever it was issued to. One that this node does not know was
 * issued by the other one: then it takes its key. */
static gboolean
may_revoke(struct call *call, const struct ledger_certificate *shown,
           const struct ledger_certificate *known, GError **error)
{
    if (known != NULL && strcmp(known->key, shown->key) != 0)
        return problem_set(error, PROBLEM_NOT_FOUND, "there is no such certificate");
    if (known != NULL && known->revoked != 0)
        return problem_set(error, PROBLEM_ALREADY_REVOKED, "it was revoked before");
    if (call->account == NULL ? leaf_has_key(shown, call->key)
                              : known != NULL && strcmp(known->account, call->account->id) == 0)
        return TRUE;
    return problem_set(error, PROBLEM_UNAUTHORIZED,
                       "it is revoked by the account that has it, or with its own key");
}

gboolean
certificate_revoke(struct call *call, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GString) der =
        call->payload.size > 0 && json_member_text(call->payload, "certificate", &text)
            ? base64url_decode(slice_of(text), LEAF_MAX)
            : NULL;
    g_autoptr(GError) failure = NULL;
    AUTO(ledger_certificate) *shown = g_new0(struct ledger_certificate, 1);
    if (der == NULL)
        return problem_set(error, PROBLEM_MALFORMED, "there is no 'certificate' in base64url");
    if (!leaf_of_der((struct slice){der->str, der->len}, shown, error) ||
        !check_reason(call->payload, error))
        return FALSE;
    AUTO(ledger_certificate) *known =
        ledger_certificate_of_serial(call->acme->ledger, shown->serial, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!may_revoke(call, shown, known, error))
        return FALSE;
    g_autoptr(GString) body = g_string_new(NULL);
    json_text_begin_object(body);
    json_text_member_string(body, "serial", shown->serial);
    json_text_end_object(body);
    child_ask(call->acme->child, "cert/revoke", body->str, body->len, revoked,
              wait_for(call->acme, call, shown->serial));
    return TRUE;
}

/* ---- when to renew (RFC 9773) ---- */

static void
add_time(GString *out, const char *name, gint64 time)
{
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(time);
    g_autofree char *text = g_date_time_format(date, "%Y-%m-%dT%H:%M:%SZ");
    json_text_member_string(out, name, text);
}

/* At two thirds of its life, as the site's own are; one that was revoked at once. */
gboolean
certificate_renewal(struct call *call, GError **error)
{
    g_autoptr(GString) json = g_string_new(NULL);
    AUTO(ledger_certificate) *found = leaf_by_name(call->acme->ledger, call->id, error);
    if (found == NULL)
        return FALSE;
    const gint64 life = found->not_after - found->not_before;
    const gint64 begin = found->revoked != 0 ? found->not_before : found->not_before + life / 3 * 2;
    json_text_begin_object(json);
    json_text_member_object(json, "suggestedWindow");
    add_time(json, "start", begin);
    add_time(json, "end", begin + MAX(life / RENEWAL_WINDOW_PART, 1));
    json_text_end_object(json);
    json_text_end_object(json);
    call_field(call, "Retry-After", RENEWAL_ASK);
    call_send(call, 200, json);
    return TRUE;
}
