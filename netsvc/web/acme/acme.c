#include "netsvc/web/acme/inside.h"

#include "lib/base/chance.h"
#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/json/json.h"
#include "netsvc/web/acme/jose/base64url.h"

#define DATABASE "acme.db"
#define PREFIX "/acme/"
#define ID_BYTES 16
#define PRUNE_SECONDS 3600
#define ACCOUNT_USED_SECONDS 86400 /* so often it is noted that an account is used */
#define JOSE "application/jose+json"

gint64
acme_now(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

static guint32
uptime(void)
{
    return (guint32)(g_get_monotonic_time() / G_USEC_PER_SEC);
}

char *
acme_new_id(void)
{
    guint8 bytes[ID_BYTES];
    chance_bytes(bytes, sizeof bytes);
    return base64url_text(bytes, sizeof bytes);
}

gboolean
acme_absent(const char *what, GError **error)
{
    return *error != NULL ? FALSE
                          : problem_set(error, PROBLEM_NOT_FOUND, "there is no such %s", what);
}

/* ---- answers ---- */

void
call_field(struct call *call, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *value = g_strdup_vprintf(format, args);
    va_end(args);
    web_answer_field(call->answer, name, value);
}

static void
send_whole(struct call *call, int status, const char *type, const char *body, gsize size)
{
    char nonce[NONCES_TEXT];
    if (call->request->method == WEB_POST ||
        g_strcmp0(call->request->path, PREFIX "new-nonce") == 0) {
        nonces_make(call->acme->nonces, uptime(), nonce);
        web_answer_field(call->answer, "Replay-Nonce", nonce);
    }
    web_answer_field(call->answer, "Cache-Control", "no-store");
    if (call->base != NULL)
        call_field(call, "Link", "<%sdirectory>;rel=\"index\"", call->base);
    web_answer_send(g_steal_pointer(&call->answer), status, type, body, size);
}

void
call_send_as(struct call *call, int status, const char *type, const char *body, gsize size)
{
    send_whole(call, status, type, body, size);
}

void
call_send(struct call *call, int status, const GString *json)
{
    send_whole(call, status, "application/json", json->str, json->len);
}

void
call_fail(struct call *call, const GError *error)
{
    g_autoptr(GString) json = g_string_new(NULL);
    if (error->domain != PROBLEM)
        log_warning("ACME: %s", error->message);
    if (problem_of(error) == PROBLEM_RATE_LIMITED)
        web_answer_field(call->answer, "Retry-After", QUOTA_RETRY);
    problem_json(json, error);
    send_whole(call, problem_status(error), "application/problem+json", json->str, json->len);
}

/* ---- resources without a signature ---- */

static gboolean
directory(struct call *call, GError **error)
{
    static const char *const entries[][2] = {
        {"newNonce", "new-nonce"},   {"newAccount", "new-account"},
        {"newOrder", "new-order"},   {"revokeCert", "revoke-cert"},
        {"keyChange", "key-change"}, {"renewalInfo", "renewal-info"},
    };
    g_autoptr(GString) json = g_string_new(NULL);
    (void)error;
    json_text_begin_object(json);
    for (gsize i = 0; i < G_N_ELEMENTS(entries); i++) {
        g_autofree char *url = g_strconcat(call->base, entries[i][1], NULL);
        json_text_member_string(json, entries[i][0], url);
    }
    json_text_member_object(json, "meta");
    json_text_member_boolean(json, "externalAccountRequired", FALSE);
    json_text_end_object(json);
    json_text_end_object(json);
    call_send(call, 200, json);
    return TRUE;
}

static gboolean
new_nonce(struct call *call, GError **error)
{
    (void)error;
    call_send_as(call, call->request->method == WEB_GET ? 204 : 200, "", "", 0);
    return TRUE;
}

/* ---- which resource ---- */

enum signing {
    UNSIGNED,      /* GET */
    BY_KEY,        /* the key itself stands in it */
    BY_ACCOUNT,    /* an account's URL does */
    BY_EITHER,     /* an account's, or a certificate's key */
    BY_ACCOUNT_GET /* and the payload is empty */
};

static const struct resource {
    const char *name; /* one that ends with '/' has an id behind it */
    enum signing signing;
    gboolean (*handle)(struct call *call, GError **error);
} resources[] = {
    {"directory", UNSIGNED, directory},
    {"new-nonce", UNSIGNED, new_nonce},
    {"renewal-info/", UNSIGNED, certificate_renewal},
    {"new-account", BY_KEY, account_new},
    {"account/", BY_ACCOUNT, account_handle},
    {"orders/", BY_ACCOUNT_GET, account_orders},
    {"key-change", BY_ACCOUNT, account_change_key},
    {"new-order", BY_ACCOUNT, order_new},
    {"order/", BY_ACCOUNT_GET, order_handle},
    {"authorization/", BY_ACCOUNT, authorization_handle},
    {"challenge/", BY_ACCOUNT, authorization_challenge},
    {"finalize/", BY_ACCOUNT, certificate_finalize},
    {"certificate/", BY_ACCOUNT_GET, certificate_handle},
    {"revoke-cert", BY_EITHER, certificate_revoke},
};

static const struct resource *
find_resource(struct call *call, GError **error)
{
    const char *path = call->request->path + strlen(PREFIX);
    for (gsize i = 0; i < G_N_ELEMENTS(resources); i++) {
        const struct resource *resource = &resources[i];
        const gsize size = strlen(resource->name);
        const gboolean has_id = resource->name[size - 1] == '/';
        if (has_id ? strncmp(path, resource->name, size) == 0 && path[size] != '\0'
                   : strcmp(path, resource->name) == 0) {
            call->id = path + size;
            return resource;
        }
    }
    problem_set(error, PROBLEM_NOT_FOUND, "there is no such resource");
    return NULL;
}

/* ---- who signed it ---- */

/* The key of an account that we may not know: it stands in its URL, which any of our names may be
 * in front of. */
static struct jwk *
key_of_url(struct call *call, const char *url, GError **error)
{
    static const char scheme[] = "https://", middle[] = PREFIX "account/";
    const char *host = g_str_has_prefix(url, scheme) ? url + strlen(scheme) : NULL;
    const char *path = host != NULL ? strchr(host, '/') : NULL;
    if (path == NULL || !g_str_has_prefix(path, middle))
        problem_set(error, PROBLEM_ACCOUNT_DOES_NOT_EXIST, "'kid' is no account of this server");
    else {
        g_autofree char *name = g_strndup(host, (gsize)(path - host));
        g_autoptr(GError) failure = NULL;
        struct jwk *key = policy_is_host(call->acme->policy, name)
                              ? jwk_from_text(path + strlen(middle), &failure)
                              : NULL;
        if (key != NULL)
            return key;
        problem_set(error, PROBLEM_ACCOUNT_DOES_NOT_EXIST, "'kid' is no account of this server");
    }
    return NULL;
}

/* An account is its key: one that this node does not know, be it that the other one made it just
 * before it was lost, is made when the signature is good. */
static gboolean
find_account(struct call *call, GError **error)
{
    g_autoptr(GError) failure = NULL;
    AUTO(jwk) *named = key_of_url(call, call->jws->kid, error);
    if (named == NULL)
        return FALSE;
    call->account = ledger_account(call->acme->ledger, named->thumbprint, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    call->key =
        call->account == NULL ? g_steal_pointer(&named) : jwk_from_text(call->account->key, error);
    return call->key != NULL;
}

static gboolean
find_key(struct call *call, enum signing signing, GError **error)
{
    const gboolean by_key = call->jws->jwk != NULL;
    if (by_key != (signing == BY_KEY) && signing != BY_EITHER)
        return problem_set(error, PROBLEM_MALFORMED, "this is signed with '%s'",
                           signing == BY_KEY ? "jwk" : "kid");
    if (!by_key)
        return find_account(call, error);
    call->key = g_steal_pointer(&call->jws->jwk);
    return TRUE;
}

/* Whoever signed it is real now: what it needs of an account. */
static gboolean
check_account(struct call *call, GError **error)
{
    const gint64 now = acme_now();
    if (call->jws->kid == NULL)
        return TRUE;
    if (call->account == NULL)
        call->account = account_make(call->acme, call->key, call->request->from, "[]", error);
    if (call->account == NULL)
        return FALSE;
    if (call->account->status != LEDGER_VALID)
        return problem_set(error, PROBLEM_UNAUTHORIZED, "the account is %s",
                           ledger_status_name(call->account->status));
    if (call->account->used > now - ACCOUNT_USED_SECONDS)
        return TRUE;
    call->account->used = now;
    return ledger_put_account(call->acme->ledger, call->account, error);
}

static gboolean
check_payload(struct call *call, enum signing signing, GError **error)
{
    call->payload = (struct slice){call->jws->payload->str, call->jws->payload->len};
    if (call->payload.size == 0)
        return TRUE;
    if (signing == BY_ACCOUNT_GET)
        return problem_set(error, PROBLEM_MALFORMED, "the payload of a POST-as-GET is empty");
    return (json_check(call->payload, NULL) && json_type(call->payload) == JSON_OBJECT) ||
           problem_set(error, PROBLEM_MALFORMED, "the payload is no JSON object");
}

static gboolean
check_signature(struct call *call, enum signing signing, GError **error)
{
    const struct web_request *request = call->request;
    if (g_ascii_strcasecmp(request->type, JOSE) != 0)
        return problem_set(error, PROBLEM_MEDIA_TYPE, "requests are " JOSE);
    call->jws = jws_parse(request->body, error);
    if (call->jws == NULL)
        return FALSE;
    g_autofree char *url = g_strconcat(call->base, request->path + strlen(PREFIX), NULL);
    if (request->query != NULL || strcmp(call->jws->url, url) != 0)
        return problem_set(error, PROBLEM_UNAUTHORIZED, "'url' is not where the request went");
    if (!find_key(call, signing, error) || !jws_verify(call->jws, call->key, error))
        return FALSE;
    if (call->jws->nonce == NULL)
        return problem_set(error, PROBLEM_BAD_NONCE, "there is no nonce");
    return nonces_use(call->acme->nonces, uptime(), call->jws->nonce, error) &&
           check_account(call, error) && check_payload(call, signing, error);
}

static gboolean
handle(struct call *call, GError **error)
{
    const struct web_request *request = call->request;
    if (!policy_serves(call->acme->policy, request->from))
        return problem_set(error, PROBLEM_UNAUTHORIZED,
                           "your address is not among those that certificates are for "
                           "(acme_networks under [web])");
    if (!request->tls)
        return problem_set(error, PROBLEM_MALFORMED, "ACME is spoken over HTTPS here");
    if (!policy_is_host(call->acme->policy, request->host))
        return problem_set(error, PROBLEM_MALFORMED, "this server does not have that name");
    call->base = g_strdup_printf("https://%s" PREFIX, request->host);
    const struct resource *resource = find_resource(call, error);
    if (resource == NULL)
        return FALSE;
    if ((request->method == WEB_POST) != (resource->signing != UNSIGNED)) {
        const gboolean get = resource->signing == UNSIGNED;
        web_answer_field(call->answer, "Allow", get ? "GET, HEAD" : "POST");
        return problem_set(error, PROBLEM_METHOD, "this is for %s", get ? "GET" : "POST");
    }
    return (resource->signing == UNSIGNED || check_signature(call, resource->signing, error)) &&
           resource->handle(call, error);
}

gboolean
acme_handle(void *context, const struct web_request *request, struct web_answer *answer)
{
    struct acme *acme = context;
    struct call call = {.acme = acme, .request = request, .answer = answer};
    g_autoptr(GError) error = NULL;
    if (!g_str_has_prefix(request->path, PREFIX))
        return FALSE;
    if (!handle(&call, &error))
        call_fail(&call, error);
    g_free(call.base);
    jws_free(call.jws);
    jwk_free(call.key);
    ledger_account_free(call.account);
    return TRUE;
}

/* ---- begin and end ---- */

static void
prune(evutil_socket_t fd, short what, void *context)
{
    struct acme *acme = context;
    g_autoptr(GError) error = NULL;
    (void)fd;
    (void)what;
    if (!ledger_prune(acme->ledger, acme_now(), &error))
        log_warning("ACME: old orders were not removed, trying again in an hour: %s",
                    error->message);
}

static GArray *
own_addresses(struct child *child)
{
    const GArray *sockets = child_sockets(child);
    GArray *own = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    for (guint i = 0; i < sockets->len; i++) {
        struct config_peer peer = {.address =
                                       g_array_index(sockets, struct child_socket, i).what.address};
        peer.size = peer.address.ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                                      : sizeof(struct sockaddr_in6);
        g_array_append_val(own, peer);
    }
    return own;
}

struct acme *
acme_new(struct child *child, GError **error)
{
    AUTO(acme) *acme = g_new0(struct acme, 1);
    const struct timeval interval = {.tv_sec = PRUNE_SECONDS};
    acme->child = child;
    acme->nonces = nonces_new();
    acme->policy = policy_new(child_config(child));
    acme->ledger = ledger_open(DATABASE, error);
    if (acme->ledger == NULL || !ledger_prune(acme->ledger, acme_now(), error))
        return NULL;
    acme->quotas = quotas_new(acme->ledger);
    g_autoptr(GArray) own = own_addresses(child);
    acme->validator = validator_new(child_events(child), child_config(child), acme->policy, own);
    acme->pruning = event_new(child_events(child), -1, EV_PERSIST, prune, acme);
    event_add(acme->pruning, &interval);
    peer_begin(acme);
    if (!authorization_resume(acme, error) || !certificate_resume(acme, error))
        return NULL;
    return g_steal_pointer(&acme);
}

void
acme_root(struct acme *acme, const char *root)
{
    policy_take_root(acme->policy, root);
}

void
acme_free(struct acme *acme)
{
    if (acme == NULL)
        return;
    certificate_forget(acme);
    if (acme->pruning != NULL)
        event_free(acme->pruning);
    peer_end(acme);
    validator_free(acme->validator);
    quotas_free(acme->quotas);
    ledger_free(acme->ledger);
    policy_free(acme->policy);
    nonces_free(acme->nonces);
    g_free(acme);
}
