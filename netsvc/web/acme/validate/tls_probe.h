/*
 * tls_probe: the answer to a tls-alpn-01 challenge (RFC 8737): a handshake at port 443 for the
 * protocol acme-tls/1, whose certificate is for that name alone and holds the digest of the token.
 */
#pragma once

#include "netsvc/web/acme/validate/http_probe.h"

#define TLS_PROBE_PROTOCOL "acme-tls/1"

struct tls_probe;

struct tls_probe *tls_probe_start(const struct world *world, const char *host, gboolean is_address,
                                  const char *key_authorization, probe_done done, gpointer context);
void tls_probe_free(struct tls_probe *probe);
AUTO_DEFINE(tls_probe)

/* Of the certificate alone. FALSE with a problem. */
gboolean tls_probe_judge(X509 *certificate, const char *host, gboolean is_address,
                         const char *key_authorization, GError **error);
