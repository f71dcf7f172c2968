/*
 * jwk: a public key of an ACME client (RFC 7517, RFC 7518, 6; RFC 8037): P-256, P-384, RSA of 2048
 * to 4096 bits, Ed25519.
 *
 * Beside JSON it has a spelling that fits into a URL, "P-256.X.Y", "RSA.E.N", "Ed25519.X", the
 * parts as they stand in the JSON. Each key has one spelling only, as base64url is strict.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/hash.h"
#include "lib/base/slice.h"

#include <openssl/types.h>

#define JWK_TEXT_MAX 720 /* bytes: RSA of 4096 bits */

enum jwk_kind { JWK_P256, JWK_P384, JWK_RSA, JWK_ED25519, JWK_KINDS };

struct jwk {
    enum jwk_kind kind;
    EVP_PKEY *key;
    char *text;       /* for a URL */
    char *thumbprint; /* RFC 7638, SHA-256, base64url */
};

/* Of text that json_check has accepted; a problem otherwise. */
struct jwk *jwk_parse(struct slice json, GError **error);
struct jwk *jwk_from_text(const char *text, GError **error);
void jwk_free(struct jwk *jwk);
AUTO_DEFINE(jwk)

/* Whether it is the same key. */
gboolean jwk_is(const struct jwk *jwk, const EVP_PKEY *key);
