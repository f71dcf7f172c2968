#include "netsvc/web/serve/web_tls.h"

#include "lib/base/fail.h"

#include "netsvc/cert/x509/pem.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL_CTX, SSL_CTX_free)

static gboolean
use_chain(SSL_CTX *tls, const char *text)
{
    g_autoptr(GPtrArray) chain = pem_read_chain(text);
    if (chain->len == 0 || SSL_CTX_use_certificate(tls, chain->pdata[0]) != 1)
        return FALSE;
    for (guint i = 1; i < chain->len; i++)
        if (SSL_CTX_add1_chain_cert(tls, chain->pdata[i]) != 1)
            return FALSE;
    return TRUE;
}

static gboolean
use_key(SSL_CTX *tls, const char *text)
{
    g_autoptr(EVP_PKEY) key = pem_read_key(text);
    return key != NULL && SSL_CTX_use_PrivateKey(tls, key) == 1 &&
           SSL_CTX_check_private_key(tls) == 1;
}

/* HTTP/1.1 is all that is spoken. Who does not offer it, but others, is served all the same. */
static int
choose_protocol(SSL *session, const unsigned char **out, unsigned char *out_size,
                const unsigned char *in, unsigned int in_size, void *context)
{
    static const unsigned char spoken[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    (void)session;
    (void)context;
    if (SSL_select_next_proto(&chosen, out_size, spoken, sizeof spoken - 1, in, in_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

struct ssl_ctx_st *
web_tls_new(const char *chain, const char *key, GError **error)
{
    g_autoptr(SSL_CTX) tls = SSL_CTX_new(TLS_server_method());
    g_assert(tls != NULL);
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF); /* tickets do */
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
    const gboolean done = use_chain(tls, chain) && use_key(tls, key);
    ERR_clear_error();
    if (!done) {
        fail_set(error, FAIL_FAILED, "the certificate and its key make no sense for TLS");
        return NULL;
    }
    return g_steal_pointer(&tls);
}

void
web_tls_free(struct ssl_ctx_st *tls)
{
    SSL_CTX_free(tls);
}

struct ssl_st *
web_tls_session(struct ssl_ctx_st *tls)
{
    SSL *session = SSL_new(tls);
    g_assert(session != NULL);
    return session;
}

void
web_tls_end(struct ssl_st *session)
{
    SSL_shutdown(session);
    ERR_clear_error();
}

void
web_tls_prepare(void)
{
    g_autoptr(SSL_CTX) tls = SSL_CTX_new(TLS_server_method());
    (void)tls;
}
