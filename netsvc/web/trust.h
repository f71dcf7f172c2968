/*
 * trust: what the cert child tells of the site's certificates (tasks cert/public, cert/key), read
 * once, in the forms in which it is handed out.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

struct trust {
    char *name;         /* of the service: "clinic.example" */
    char *organisation; /* as the root says; "" where it says none */
    GBytes *root;       /* DER */
    char *root_pem;
    GBytes *issuing;      /* DER; NULL: the root issues itself */
    GBytes *crl;          /* DER, of what the issuing one issued; NULL: none */
    GBytes *root_crl;     /* likewise of the root */
    char *leaf;           /* PEM: the certificate in force … */
    char *chain;          /* … and what stands between it and the root; "" for none */
    char *full;           /* both */
    char *key;            /* PEM; NULL: not known yet */
    gboolean public_one;  /* the one in force is of a public authority, not of the site's own */
    guint8 digest[32];    /* SHA-256 of the root's DER */
    GPtrArray *permitted; /* char *: "clinic.example", "10.66.0.0/16": all that the root can
                             certify; empty: it says no limit */
};

/* Of cert/public's answer. */
struct trust *trust_read(struct slice answer, GError **error);

/* Of cert/key's. Kept to the end. */
gboolean trust_read_key(struct trust *trust, struct slice answer, GError **error);

void trust_free(struct trust *trust);
AUTO_DEFINE(trust)

/* "1A:2B:3C:…": the root's SHA-256, as devices show it. */
char *trust_fingerprint(const struct trust *trust);
