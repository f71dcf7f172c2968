/*
 * jws: a signed request (RFC 7515, 7.2.2; RFC 8555, 6.2): flattened JSON with `protected`,
 * `payload` and `signature`, and nothing that is not protected.
 *
 *     jws_parse → the caller finds the key: its own `jwk`, or the account of its `kid` → jws_verify
 *
 * Nothing of it may be believed before jws_verify. ES256, ES384, RS256 and EdDSA, each with its own
 * kind of key.
 */
#pragma once

#include "netsvc/web/acme/jose/jwk.h"

struct jws {
    enum jwk_kind kind; /* of key that its algorithm wants */
    char *nonce;        /* NULL: none, as in the inner one of a key change */
    char *url;
    char *kid; /* one of these two, the other is NULL */
    struct jwk *jwk;
    GString *payload; /* decoded; empty: POST-as-GET */
    GString *input;   /* what was signed */
    GString *signature;
};

/* FALSE with a problem. */
struct jws *jws_parse(struct slice body, GError **error);
void jws_free(struct jws *jws);
AUTO_DEFINE(jws)

gboolean jws_verify(const struct jws *jws, const struct jwk *key, GError **error);
