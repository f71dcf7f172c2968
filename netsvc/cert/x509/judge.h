/*
 * judge: whether a certificate that somebody brought is to be served. Each thing that may be wrong
 * has a sentence of its own.
 */
#pragma once

#include "netsvc/cert/x509/pile.h"

#define JUDGE_CHAIN_MAX 20000 /* bytes of a chain as PEM */
#define JUDGE_SECURITY 112    /* bits: RSA of 2048, SHA-256 */

struct judge {
    const char *name;      /* of the service: the certificate must be for it */
    const GPtrArray *keys; /* EVP_PKEY: those that we have for it; the pile's count, too */
    gint64 now;            /* believed */
    const X509 *present;   /* the public one that is in force; NULL: none */
};

struct judge_found {
    GPtrArray *chain; /* X509, the leaf first, without a root */
    EVP_PKEY *key;    /* a reference of its own */
};
void judge_found_clear(struct judge_found *found);

/* FAIL_USAGE with what is wrong; FAIL_LATER: it is the present one already. */
gboolean judge_pile(const struct judge *judge, const struct pile *pile, struct judge_found *found,
                    GError **error);

/* Whether a chain (PEM) leads to one of the public authorities that are known here, at `when`.
 * *topmost: who else would have to be trusted; caller frees. */
gboolean judge_is_known(const char *chain, X509_STORE *known, gint64 when, char **topmost);
