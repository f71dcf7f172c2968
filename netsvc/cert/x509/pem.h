/*
 * pem: certificates, keys and lists as text, and what people and files want to know of them. All
 * texts are the caller's.
 */
#pragma once

#include "netsvc/cert/x509/openssl.h"

#define PEM_CHAIN_MAX 8 /* certificates of one chain */

char *pem_certificate(X509 *certificate);
char *pem_key(EVP_PKEY *key); /* PKCS#8, not encrypted: wipe after use */
char *pem_request(X509_REQ *request);
char *pem_crl(X509_CRL *crl);

/* NULL: it is none. */
X509 *pem_read_certificate(const char *text);
EVP_PKEY *pem_read_key(const char *text);
X509_REQ *pem_read_request(const char *text);
X509_CRL *pem_read_crl(const char *text);
GPtrArray *pem_read_chain(const char *text); /* X509, the leaf first; empty: none */

/* An array of X509 that frees them. */
GPtrArray *pem_chain_new(void);
char *pem_chain(const GPtrArray *chain, guint first); /* from that one on */

/* "AB:CD:…", of SHA-256. */
char *pem_fingerprint(const X509 *certificate);
char *pem_serial(const X509 *certificate); /* hex, small letters */
gint64 pem_not_before(const X509 *certificate);
gint64 pem_not_after(const X509 *certificate);
X509 *pem_ends_first(const GPtrArray *chain); /* still the chain's; NULL: it is empty */
gint64 pem_time(const ASN1_TIME *time);       /* seconds since 1970 */
char *pem_common_name(const X509_NAME *name); /* or another word for it; never NULL */
