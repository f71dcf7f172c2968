#include "netsvc/failover/link/keys/tls.h"

#include "lib/base/fail.h"

#include <openssl/x509_vfy.h>
#include <string.h>

#define EXPORT_LABEL "EXPORTER-lifeboat-pairing"

struct tls {
    SSL_CTX *ctx;
    tls_judge judge;
    void *context;
};

/* In the place of all that OpenSSL would check of a chain. */
static int
verify(X509_STORE_CTX *store, void *context)
{
    const struct tls *tls = context;
    guint8 pin[IDENTITY_PIN_SIZE];
    const X509 *leaf = X509_STORE_CTX_get0_cert(store);
    if (leaf != NULL && identity_pin(leaf, pin) && tls->judge(tls->context, pin))
        return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
    return 0;
}

static gboolean
set_up(struct tls *tls, const struct identity *identity)
{
    SSL_CTX_set_options(tls->ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(tls->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(tls->ctx, verify, tls);
    SSL_CTX_set_mode(tls->ctx, SSL_MODE_RELEASE_BUFFERS);
    return SSL_CTX_set_min_proto_version(tls->ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_num_tickets(tls->ctx, 0) == 1 &&
           SSL_CTX_use_certificate(tls->ctx, identity->certificate) == 1 &&
           SSL_CTX_use_PrivateKey(tls->ctx, identity->key) == 1;
}

struct tls *
tls_new(const struct identity *identity, tls_judge judge, void *context, GError **error)
{
    AUTO(tls) *tls = g_new0(struct tls, 1);
    tls->judge = judge;
    tls->context = context;
    tls->ctx = SSL_CTX_new(TLS_method());
    if (tls->ctx == NULL || !set_up(tls, identity)) {
        fail_set(error, FAIL_FAILED, "OpenSSL takes this node's key for no connection");
        return NULL;
    }
    return g_steal_pointer(&tls);
}

void
tls_free(struct tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    g_free(tls);
}

SSL *
tls_connection(struct tls *tls)
{
    SSL *connection = SSL_new(tls->ctx);
    if (connection == NULL)
        g_error("out of memory");
    return connection;
}

gboolean
tls_pin(const SSL *connection, guint8 pin[IDENTITY_PIN_SIZE])
{
    const X509 *certificate = SSL_get0_peer_certificate(connection);
    return certificate != NULL && identity_pin(certificate, pin);
}

gboolean
tls_export(SSL *connection, guint8 out[TLS_EXPORT_SIZE])
{
    return SSL_export_keying_material(connection, out, TLS_EXPORT_SIZE, EXPORT_LABEL,
                                      strlen(EXPORT_LABEL), NULL, 0, 0) == 1;
}
