/*
 * tls: TLS 1.3 between the nodes, both ways with a certificate of which the key counts and nothing
 * else. Whom the judge does not admit gets no further than the handshake.
 */
#pragma once

#include "netsvc/failover/link/keys/identity.h"

#include <openssl/ssl.h>

#define TLS_EXPORT_SIZE 32 /* bytes */

struct tls;

typedef gboolean (*tls_judge)(void *context, const guint8 pin[IDENTITY_PIN_SIZE]);

/* The identity is to live as long. */
struct tls *tls_new(const struct identity *identity, tls_judge judge, void *context,
                    GError **error);
void tls_free(struct tls *tls);
AUTO_DEFINE(tls)

SSL *tls_connection(struct tls *tls); /* for a bufferevent, which frees it */

/* Of the other side; once the handshake is done. */
gboolean tls_pin(const SSL *connection, guint8 pin[IDENTITY_PIN_SIZE]);
/* What only the two ends of this very connection know (RFC 8446 section 7.5). */
gboolean tls_export(SSL *connection, guint8 out[TLS_EXPORT_SIZE]);
