/*
 * make: certificates, requests and revocation lists. ECDSA P-256 and SHA-256 throughout. Times are
 * seconds since 1970; who calls has judged them.
 *
 *     root      CA, pathlen 1, limits critical, keyCertSign and cRLSign; signed by itself
 *     issuing   CA, pathlen 0, the same limits; signed by the root
 *     leaf      no CA, digitalSignature, serverAuth, names; signed by the issuing one
 */
#pragma once

#include "netsvc/cert/x509/limits.h"

struct make_life {
    gint64 from, to;
};

/* Whom it is signed by; both NULL: by itself. */
struct make_signer {
    X509 *certificate;
    EVP_PKEY *key;
};

struct make_revoked {
    char *serial; /* hex */
    gint64 when;
};

EVP_PKEY *make_key(GError **error);

/* `title` becomes the subject's name; `organisation` NULL: none. `crl` is the address of the
 * signer's revocation list; NULL: none. */
struct make_authority {
    const char *organisation, *title;
    int path_length;
    const struct limits *limits;
    const char *crl;
};
X509 *make_authority(EVP_PKEY *key, const struct make_authority *what, struct make_life life,
                     struct make_signer signer, GError **error);

X509 *make_leaf(EVP_PKEY *key, const GPtrArray *names, const char *crl, struct make_life life,
                struct make_signer signer, GError **error);

/* For those names; the first one is the subject's, too. */
X509_REQ *make_request(EVP_PKEY *key, const GPtrArray *names, GError **error);

X509_CRL *make_crl(const GArray *revoked, guint64 number, struct make_life life,
                   struct make_signer signer, GError **error);

/* Whether `leaf` is good as a server's at `when`, trusting the root alone; says what is wrong. */
gboolean make_verify(X509 *leaf, const GPtrArray *intermediates, X509 *root, gint64 when,
                     GError **error);
