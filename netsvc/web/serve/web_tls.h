/*
 * web_tls: what the server's side of TLS needs: a certificate with its key, of PEM texts.
 */
#pragma once

#include "lib/base/cleanup.h"

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */
struct ssl_st;

/* Loads what OpenSSL reads of the disk. */
void web_tls_prepare(void);

struct ssl_ctx_st *web_tls_new(const char *chain, const char *key, GError **error);
void web_tls_free(struct ssl_ctx_st *tls);

/* One connection's; it keeps that certificate to its end. */
struct ssl_st *web_tls_session(struct ssl_ctx_st *tls);

/* Tells the peer that nothing more comes. */
void web_tls_end(struct ssl_st *session);
