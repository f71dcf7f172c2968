/* Authorizations and their challenges (RFC 8555, 7.5 and 8; RFC 8737; RFC 8738). */
#include "netsvc/web/acme/inside.h"

#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/json/json.h"
#include "netsvc/web/acme/jose/base64url.h"

static const char *const types[] = {"http-01", "dns-01", "tls-alpn-01"};

/* ---- challenges ---- */

/* A wildcard has nobody who could answer for it but its DNS, and an address has none. */
static gboolean
goes_with(const struct ledger_authorization *authorization, const char *type)
{
    if (strcmp(authorization->type, "ip") == 0)
        return strcmp(type, "dns-01") != 0;
    return !authorization->wildcard || strcmp(type, "dns-01") == 0;
}

static char *
token_of(const struct ledger_authorization *authorization, const char *type)
{
    guint8 digest[HASH_SHA256_SIZE];
    g_autofree char *text = g_strconcat(authorization->secret, ":", type, NULL);
    hash_sha256(text, strlen(text), digest);
    return base64url_text(digest, sizeof digest);
}

static char *
time_text(gint64 time)
{
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(time);
    return g_date_time_format(date, "%Y-%m-%dT%H:%M:%SZ");
}

static const char *
challenge_status(const struct ledger_authorization *authorization, gboolean tried)
{
    if (!tried)
        return "pending";
    return ledger_status_name(authorization->status == LEDGER_PENDING ? LEDGER_PROCESSING
                              : authorization->status == LEDGER_VALID ? LEDGER_VALID
                                                                      : LEDGER_INVALID);
}

static void
challenge_json(const char *base, const struct ledger_authorization *authorization, const char *type,
               GString *out)
{
    const gboolean tried = g_strcmp0(authorization->tried, type) == 0;
    g_autofree char *url = g_strconcat(base, "challenge/", authorization->id, "/", type, NULL);
    g_autofree char *token = token_of(authorization, type);
    json_text_begin_object(out);
    json_text_member_string(out, "type", type);
    json_text_member_string(out, "url", url);
    json_text_member_string(out, "status", challenge_status(authorization, tried));
    json_text_member_string(out, "token", token);
    if (tried && authorization->validated != 0 && authorization->status == LEDGER_VALID) {
        g_autofree char *time = time_text(authorization->validated);
        json_text_member_string(out, "validated", time);
    }
    if (tried && authorization->error != NULL)
        json_text_member_raw(out, "error", slice_of(authorization->error));
    json_text_end_object(out);
}

/* While it is pending all that there is to try, then the one that was. */
static void
authorization_json(const char *base, const struct ledger_authorization *authorization, GString *out)
{
    g_autofree char *expires = time_text(authorization->expires);
    json_text_begin_object(out);
    json_text_member_string(out, "status", ledger_status_name(authorization->status));
    json_text_member_string(out, "expires", expires);
    json_text_member_object(out, "identifier");
    json_text_member_string(out, "type", authorization->type);
    json_text_member_string(out, "value", authorization->value);
    json_text_end_object(out);
    json_text_member_array(out, "challenges");
    for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
        if (goes_with(authorization, types[i]) &&
            (authorization->status == LEDGER_PENDING || authorization->tried == NULL ||
             strcmp(authorization->tried, types[i]) == 0))
            challenge_json(base, authorization, types[i], out);
    json_text_end_array(out);
    if (authorization->wildcard)
        json_text_member_boolean(out, "wildcard", TRUE);
    json_text_end_object(out);
}

/* ---- trying one ---- */

struct trial {
    struct acme *acme;
    char *authorization;
};

static void
free_trial(gpointer data)
{
    struct trial *trial = data;
    g_free(trial->authorization);
    g_free(trial);
}

static gboolean
note_result(struct acme *acme, const char *id, const GError *failure, GError **error)
{
    AUTO(ledger_authorization) *found = ledger_authorization(acme->ledger, id, error);
    if (found == NULL || found->status != LEDGER_PENDING)
        return found != NULL || *error == NULL;
    found->validated = acme_now();
    found->status = failure == NULL ? LEDGER_VALID : LEDGER_INVALID;
    if (failure != NULL) {
        g_autoptr(GString) json = g_string_new(NULL);
        problem_json(json, failure);
        found->error = g_strdup(json->str);
    }
    log_info("ACME: '%s' by %s: %s", found->value, found->tried,
             failure == NULL ? "it is the client's" : failure->message);
    return ledger_put_authorization(acme->ledger, found, error);
}

static void
tried(gpointer context, const GError *failure)
{
    const struct trial *trial = context;
    g_autoptr(GError) error = NULL;
    if (!note_result(trial->acme, trial->authorization, failure, &error))
        log_warning("ACME: the result of a challenge was not kept: %s", error->message);
}

static gboolean
try_challenge(struct acme *acme, const struct ledger_authorization *authorization,
              const char *thumbprint, GError **error)
{
    g_autofree char *token = token_of(authorization, authorization->tried);
    g_autofree char *key = g_strconcat(token, ".", thumbprint, NULL);
    const struct validator_task task = {
        .type = authorization->tried,
        .name = authorization->value,
        .is_address = strcmp(authorization->type, "ip") == 0,
        .token = token,
        .key_authorization = key,
    };
    struct trial *trial = g_new0(struct trial, 1);
    trial->acme = acme;
    trial->authorization = g_strdup(authorization->id);
    return validator_start(acme->validator, &task, tried, trial, free_trial, error);
}

gboolean
authorization_resume(struct acme *acme, GError **error)
{
    g_autoptr(GPtrArray) all = ledger_authorizations_tried(acme->ledger, error);
    if (all == NULL)
        return FALSE;
    for (guint i = 0; i < all->len; i++) {
        const struct ledger_authorization *one = all->pdata[i];
        AUTO(ledger_account) *account = ledger_account(acme->ledger, one->account, NULL);
        g_autoptr(GError) failure = NULL;
        if (account != NULL && !try_challenge(acme, one, account->thumbprint, &failure))
            log_warning("ACME: a challenge is not tried again: %s", failure->message);
    }
    return TRUE;
}

/* ---- requests ---- */

static struct ledger_authorization *
find(struct call *call, const char *id, GError **error)
{
    AUTO(ledger_authorization) *found = ledger_authorization(call->acme->ledger, id, error);
    if (found == NULL)
        acme_absent("authorization", error);
    else if (strcmp(found->account, call->account->id) != 0)
        problem_set(error, PROBLEM_UNAUTHORIZED, "that authorization is another account's");
    else {
        if (found->status == LEDGER_PENDING && found->expires < acme_now())
            found->status = LEDGER_EXPIRED;
        return g_steal_pointer(&found);
    }
    return NULL;
}

static gboolean
deactivate(struct call *call, struct ledger_authorization *authorization, GError **error)
{
    g_autofree char *status = NULL;
    if (!json_member_text(call->payload, "status", &status) || strcmp(status, "deactivated") != 0)
        return problem_set(error, PROBLEM_MALFORMED,
                           "an authorization's status can become 'deactivated' only");
    if (authorization->status != LEDGER_PENDING && authorization->status != LEDGER_VALID)
        return problem_set(error, PROBLEM_MALFORMED, "the authorization is %s",
                           ledger_status_name(authorization->status));
    authorization->status = LEDGER_DEACTIVATED;
    return ledger_put_authorization(call->acme->ledger, authorization, error);
}

gboolean
authorization_handle(struct call *call, GError **error)
{
    g_autoptr(GString) json = g_string_new(NULL);
    AUTO(ledger_authorization) *found = find(call, call->id, error);
    if (found == NULL || (call->payload.size > 0 && !deactivate(call, found, error)))
        return FALSE;
    if (found->status == LEDGER_PENDING)
        call_field(call, "Retry-After", "1");
    authorization_json(call->base, found, json);
    call_send(call, 200, json);
    return TRUE;
}

/* The client says that it is ready. Saying so again changes nothing. */
static gboolean
begin(struct call *call, struct ledger_authorization *authorization, const char *type,
      GError **error)
{
    if (authorization->status != LEDGER_PENDING)
        return TRUE;
    if (authorization->tried != NULL)
        return strcmp(authorization->tried, type) == 0 ||
               problem_set(error, PROBLEM_MALFORMED, "'%s' is being tried already",
                           authorization->tried);
    if (!quotas_challenge(call->acme->quotas, call->account->id, acme_now(), error))
        return FALSE;
    authorization->tried = g_strdup(type);
    return try_challenge(call->acme, authorization, call->account->thumbprint, error) &&
           ledger_put_authorization(call->acme->ledger, authorization, error);
}

gboolean
authorization_challenge(struct call *call, GError **error)
{
    const char *slash = strchr(call->id, '/'), *type = NULL;
    g_autoptr(GString) json = g_string_new(NULL);
    for (gsize i = 0; slash != NULL && i < G_N_ELEMENTS(types); i++)
        type = strcmp(slash + 1, types[i]) == 0 ? types[i] : type;
    if (type == NULL)
        return acme_absent("challenge", error);
    g_autofree char *id = g_strndup(call->id, (gsize)(slash - call->id));
    AUTO(ledger_authorization) *found = find(call, id, error);
    if (found == NULL)
        return FALSE;
    if (!goes_with(found, type))
        return acme_absent("challenge", error);
    if (call->payload.size > 0 && !begin(call, found, type, error))
        return FALSE;
    if (found->status == LEDGER_PENDING)
        call_field(call, "Retry-After", "1");
    call_field(call, "Link", "<%sauthorization/%s>;rel=\"up\"", call->base, id);
    challenge_json(call->base, found, type, json);
    call_send(call, 200, json);
    return TRUE;
}
