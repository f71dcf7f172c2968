#include "netsvc/web/acme/validate/validator.h"

#include "lib/base/hash.h"
#include "netsvc/web/acme/jose/base64url.h"
#include "netsvc/web/acme/validate/lookup.h"
#include "netsvc/web/acme/validate/tls_probe.h"

#include <openssl/ssl.h>

#define HTTP_PORT 80
#define TLS_PORT 443
#define DNS_PORT 53

struct validator {
    struct world world;
    GArray *servers; /* struct config_peer */
    GQueue waiting;  /* struct trial */
    GHashTable *running;
};

struct trial {
    struct validator *validator;
    char *type, *name, *token, *key_authorization;
    gboolean is_address;
    guint tries;
    struct lookup *lookup; /* one of these three */
    struct http_probe *http;
    struct tls_probe *tls;
    struct event *again;
    probe_done done;
    gpointer context;
    GDestroyNotify destroy;
};

/* ---- where our DNS is ---- */

/* As the parent opens its sockets (parent/socket/wanted.c). */
static GArray *
servers_of(const struct config *config, const GArray *own)
{
    GArray *servers = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    const GArray *from = config->dns.listen->len > 0 ? config->dns.listen : own;
    if (from->len > 0)
        g_array_append_vals(servers, from->data, from->len);
    for (guint i = 0; from == own && i < servers->len; i++) {
        struct config_peer *peer = &g_array_index(servers, struct config_peer, i);
        ((struct sockaddr_in *)&peer->address)->sin_port =
            htons(DNS_PORT); /* IPv6 has it there, too */
    }
    return servers;
}

struct validator *
validator_new(struct event_base *events, const struct config *config, const struct policy *policy,
              const GArray *own)
{
    struct validator *validator = g_new0(struct validator, 1);
    validator->servers = servers_of(config, own);
    validator->running = g_hash_table_new(NULL, NULL);
    validator->world = (struct world){
        .events = events,
        .policy = policy,
        .servers = validator->servers,
        .tls = SSL_CTX_new(TLS_client_method()),
        .http_port = HTTP_PORT,
        .tls_port = TLS_PORT,
    };
    if (validator->world.tls == NULL)
        g_error("OpenSSL has no TLS");
    SSL_CTX_set_verify(validator->world.tls, SSL_VERIFY_NONE, NULL);
    return validator;
}

void
validator_elsewhere(struct validator *validator, guint16 http, guint16 tls,
                    const struct config_peer *dns)
{
    validator->world.http_port = http;
    validator->world.tls_port = tls;
    g_array_set_size(validator->servers, 0);
    g_array_append_vals(validator->servers, dns, 1);
}

/* ---- one trial ---- */

static void
stop(struct trial *trial)
{
    lookup_free(g_steal_pointer(&trial->lookup));
    http_probe_free(g_steal_pointer(&trial->http));
    tls_probe_free(g_steal_pointer(&trial->tls));
}

static void
trial_free(gpointer data)
{
    struct trial *trial = data;
    stop(trial);
    event_free(trial->again);
    if (trial->destroy != NULL)
        trial->destroy(trial->context);
    g_free(trial->type);
    g_free(trial->name);
    g_free(trial->token);
    g_free(trial->key_authorization);
    g_free(trial);
}

static void start_waiting(struct validator *validator);

static void
end(struct trial *trial, const GError *error)
{
    struct validator *validator = trial->validator;
    g_hash_table_remove(validator->running, trial);
    trial->done(trial->context, error);
    trial_free(trial);
    start_waiting(validator);
}

/* Nobody answered, or the DNS has it not yet. What was wrong stays wrong. */
static gboolean
may_change(const struct trial *trial, const GError *error)
{
    const enum problem_type type = problem_of(error);
    return type == PROBLEM_CONNECTION || type == PROBLEM_DNS || strcmp(trial->type, "dns-01") == 0;
}

static void
tried(gpointer context, const GError *error)
{
    struct trial *trial = context;
    const struct timeval pause = {.tv_sec = VALIDATOR_PAUSE};
    g_autoptr(GError) kept = error != NULL ? g_error_copy(error) : NULL;
    stop(trial);
    if (kept != NULL && ++trial->tries < VALIDATOR_TRIES && may_change(trial, kept))
        evtimer_add(trial->again, &pause);
    else
        end(trial, kept);
}

/* ---- dns-01 (RFC 8555, 8.4) ---- */

static void
found_texts(gpointer context, const GPtrArray *values, const GError *error)
{
    struct trial *trial = context;
    guint8 digest[HASH_SHA256_SIZE];
    g_autoptr(GError) wrong = NULL;
    gboolean found = FALSE;
    hash_sha256(trial->key_authorization, strlen(trial->key_authorization), digest);
    g_autofree char *wanted = base64url_text(digest, sizeof digest);
    const guint n = values != NULL ? values->len : 0;
    for (guint i = 0; i < n; i++) {
        gsize size;
        const char *text = g_bytes_get_data(values->pdata[i], &size);
        found |= slice_is((struct slice){text, size}, wanted);
    }
    if (error == NULL && !found)
        problem_set(&wrong, n > 0 ? PROBLEM_INCORRECT_RESPONSE : PROBLEM_DNS,
                    "_acme-challenge.%s has %u TXT records, and none is the token's digest",
                    trial->name, n);
    tried(trial, error != NULL ? error : wrong);
}

static void
start(struct trial *trial)
{
    const struct world *world = &trial->validator->world;
    g_autofree char *name = g_strconcat("_acme-challenge.", trial->name, NULL);
    if (strcmp(trial->type, "dns-01") == 0)
        trial->lookup = lookup_start(world, name, LDNS_RR_TYPE_TXT, found_texts, trial);
    else if (strcmp(trial->type, "http-01") == 0)
        trial->http = http_probe_start(world, trial->name, trial->token, trial->key_authorization,
                                       tried, trial);
    else
        trial->tls = tls_probe_start(world, trial->name, trial->is_address,
                                     trial->key_authorization, tried, trial);
}

static void
on_again(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    start(context);
}

/* ---- all of them ---- */

static void
start_waiting(struct validator *validator)
{
    while (g_hash_table_size(validator->running) < VALIDATOR_AT_ONCE) {
        struct trial *trial = g_queue_pop_head(&validator->waiting);
        if (trial == NULL)
            return;
        g_hash_table_add(validator->running, trial);
        start(trial);
    }
}

gboolean
validator_start(struct validator *validator, const struct validator_task *task, probe_done done,
                gpointer context, GDestroyNotify destroy, GError **error)
{
    if (validator->waiting.length >= VALIDATOR_WAITING_MAX) {
        destroy(context);
        return problem_set(error, PROBLEM_RATE_LIMITED,
                           "there are too many challenges at once: try again later");
    }
    struct trial *trial = g_new0(struct trial, 1);
    trial->validator = validator;
    trial->type = g_strdup(task->type);
    trial->name = g_strdup(task->name);
    trial->is_address = task->is_address;
    trial->token = g_strdup(task->token);
    trial->key_authorization = g_strdup(task->key_authorization);
    trial->again = evtimer_new(validator->world.events, on_again, trial);
    trial->done = done;
    trial->context = context;
    trial->destroy = destroy;
    g_queue_push_tail(&validator->waiting, trial);
    start_waiting(validator);
    return TRUE;
}

void
validator_free(struct validator *validator)
{
    GHashTableIter at;
    gpointer trial;
    if (validator == NULL)
        return;
    g_hash_table_iter_init(&at, validator->running);
    while (g_hash_table_iter_next(&at, &trial, NULL))
        trial_free(trial);
    g_hash_table_unref(validator->running);
    g_queue_clear_full(&validator->waiting, trial_free);
    SSL_CTX_free(validator->world.tls);
    g_array_unref(validator->servers);
    g_free(validator);
}
