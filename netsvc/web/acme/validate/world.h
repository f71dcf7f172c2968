/*
 * world: where challenges are looked for: our own DNS says which address a name has, and only where
 * the policy lets us is anything connected to.
 *
 * What goes on (lookup, addresses, probes) has one shape: X_start gives it, or calls nobody; `done`
 * is called once, from the loop, and X_free may be called there or at any other time before. An
 * error is a problem, as the client is told it.
 */
#pragma once

#include "netsvc/web/acme/problem.h"
#include "netsvc/web/acme/rules/policy.h"

#include <event2/event.h>
#include <openssl/types.h>

#define WORLD_SECONDS 10 /* that one step may take */

struct world {
    struct event_base *events;
    const struct policy *policy;
    const GArray *servers; /* struct config_peer: our DNS, asked in turn */
    SSL_CTX *tls;          /* for what is asked over TLS: nobody's certificate is checked */
    guint16 http_port, tls_port;
};
