/*
 * validator: whether who asks for a certificate has the name: the challenges of RFC 8555, 8 and RFC
 * 8737, tried several times where nobody answers yet, and only so many at once.
 *
 *     http-01      port 80 of the name's address
 *     tls-alpn-01  its port 443
 *     dns-01       TXT at _acme-challenge.NAME in our DNS
 */
#pragma once

#include "netsvc/web/acme/validate/http_probe.h"

#define VALIDATOR_AT_ONCE 16
#define VALIDATOR_WAITING_MAX 256
#define VALIDATOR_TRIES 3
#define VALIDATOR_PAUSE 3 /* seconds between two tries */

struct validator_task {
    const char *type; /* of the challenge */
    const char *name;
    gboolean is_address;
    const char *token, *key_authorization;
};

struct validator;

/* `config` and `policy` outlive it. `own` (struct config_peer): addresses that we serve at, where
 * our DNS is too unless the configuration has other ones. */
struct validator *validator_new(struct event_base *events, const struct config *config,
                                const struct policy *policy, const GArray *own);
void validator_free(struct validator *validator); /* nobody is called any more */
AUTO_DEFINE(validator)

/* For tests: other ports than 80 and 443, and another DNS. */
void validator_elsewhere(struct validator *validator, guint16 http, guint16 tls,
                         const struct config_peer *dns);

/* `done` is called once, later. `context` is freed with `destroy` then, or now where FALSE is
 * given, with a problem: too many wait. */
gboolean validator_start(struct validator *validator, const struct validator_task *task,
                         probe_done done, gpointer context, GDestroyNotify destroy, GError **error);
