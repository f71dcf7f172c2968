/*
 * policy: who may have a certificate for what, by the configuration and the root. The cert child
 * checks the names once more, against the root's own constraints.
 *
 *     clients     the networks of [web] acme_networks, else each [subnet]'s, and the service
 * address addresses   the same ones, that challenges may be looked for at: nobody makes us knock at
 *                 loopback or elsewhere
 *     names, IPs  what the root may certify (cert/x509/limits.h), which may be older than the
 *                 configuration's names
 *     hosts       what clients may call this server: what its own certificate says
 */
#pragma once

#include "netsvc/config/config.h"

struct policy;

struct policy *policy_new(const struct config *config); /* which outlives it */
void policy_free(struct policy *policy);
AUTO_DEFINE(policy)

/* The site's root (PEM), whose limits hold from now on. */
void policy_take_root(struct policy *policy, const char *root);

/* Whether the client's address is one of those. */
gboolean policy_serves(const struct policy *policy, const struct sockaddr_storage *from);

/* Whether a challenge may be looked for there. */
gboolean policy_reaches(const struct policy *policy, const struct sockaddr_storage *address);

/* Whether "clinic.example:8443" is us. */
gboolean policy_is_host(const struct policy *policy, const char *host);

/* An identifier's name in its one spelling, "*." aside, which `wildcard` says; caller frees. NULL
 * with a problem: it may not be certified. */
char *policy_name(const struct policy *policy, const char *type, const char *value,
                  gboolean *wildcard, GError **error);

/* An address as a socket has it; FALSE: it is none, or not in its canonical form. */
gboolean policy_address(const char *text, guint16 port, struct sockaddr_storage *address,
                        socklen_t *size);
