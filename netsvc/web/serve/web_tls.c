#include "netsvc/web/serve/web_tls.h"

#include "lib/base/fail.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>

#define CHAIN_MAX 8 /* certificates behind the leaf */

typedef BIO auto_bio;
typedef X509 auto_x509;
typedef EVP_PKEY auto_pkey;
typedef SSL_CTX auto_tls;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(auto_bio, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(auto_x509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(auto_pkey, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(auto_tls, SSL_CTX_free)

static BIO *
open_text(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    g_assert(bio != NULL);
    return bio;
}

static gboolean
use_chain(SSL_CTX *tls, const char *chain)
{
    g_autoptr(auto_bio) bio = open_text(chain);
    g_autoptr(auto_x509) leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (leaf == NULL || SSL_CTX_use_certificate(tls, leaf) != 1)
        return FALSE;
    for (guint i = 0; i < CHAIN_MAX; i++) {
        X509 *next = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (next == NULL)
            return TRUE;
        if (SSL_CTX_add_extra_chain_cert(tls, next) != 1) {
            X509_free(next);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
use_key(SSL_CTX *tls, const char *key)
{
    g_autoptr(auto_bio) bio = open_text(key);
    g_autoptr(auto_pkey) read = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    return read != NULL && SSL_CTX_use_PrivateKey(tls, read) == 1 &&
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
    g_autoptr(auto_tls) tls = SSL_CTX_new(TLS_server_method());
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
    g_autoptr(auto_tls) tls = SSL_CTX_new(TLS_server_method());
    (void)tls;
}
