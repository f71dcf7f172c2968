/* acme_client: for tests, an ACME client's key, and what it signs with it. */
#pragma once

#include "netsvc/web/acme/jose/base64url.h"
#include "netsvc/web/acme/jose/jws.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

struct acme_client {
    enum jwk_kind kind;
    EVP_PKEY *key;
    char *jwk; /* JSON */
};

static inline char *
acme_client_number(EVP_PKEY *key, const char *name, int size)
{
    BIGNUM *number = NULL;
    guint8 bytes[512];
    int done = EVP_PKEY_get_bn_param(key, name, &number);
    g_assert_cmpint(done, ==, 1);
    size = size > 0 ? size : BN_num_bytes(number);
    g_assert_cmpint(BN_bn2binpad(number, bytes, size), ==, size);
    BN_free(number);
    return base64url_text(bytes, (gsize)size);
}

static inline char *
acme_client_jwk(enum jwk_kind kind, EVP_PKEY *key)
{
    guint8 raw[32];
    gsize size = sizeof raw;
    g_autofree char *x = NULL, *y = NULL;
    if (kind == JWK_ED25519) {
        g_assert_cmpint(EVP_PKEY_get_raw_public_key(key, raw, &size), ==, 1);
        x = base64url_text(raw, size);
        return g_strdup_printf("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}", x);
    }
    const gboolean rsa = kind == JWK_RSA;
    const int width = rsa ? 0 : kind == JWK_P256 ? 32 : 48;
    x = acme_client_number(key, rsa ? OSSL_PKEY_PARAM_RSA_N : OSSL_PKEY_PARAM_EC_PUB_X, width);
    y = acme_client_number(key, rsa ? OSSL_PKEY_PARAM_RSA_E : OSSL_PKEY_PARAM_EC_PUB_Y, width);
    if (rsa)
        return g_strdup_printf("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", x, y);
    return g_strdup_printf("{\"kty\":\"EC\",\"crv\":\"P-%d\",\"x\":\"%s\",\"y\":\"%s\"}", width * 8,
                           x, y);
}

static inline struct acme_client *
acme_client_new(enum jwk_kind kind)
{
    struct acme_client *client = g_new0(struct acme_client, 1);
    client->kind = kind;
    client->key = kind == JWK_RSA ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                  : kind == JWK_ED25519
                      ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                      : EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind == JWK_P256 ? "P-256" : "P-384");
    g_assert_nonnull(client->key);
    client->jwk = acme_client_jwk(kind, client->key);
    return client;
}

static inline void
acme_client_free(struct acme_client *client)
{
    if (client == NULL)
        return;
    EVP_PKEY_free(client->key);
    g_free(client->jwk);
    g_free(client);
}
AUTO_DEFINE(acme_client)

/* JOSE's form of an ECDSA signature. */
static inline char *
acme_client_pair(const guint8 *der, gsize size, int width)
{
    guint8 bytes[2 * 48];
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)size);
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), bytes, width);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), bytes + width, width);
    ECDSA_SIG_free(pair);
    return base64url_text(bytes, 2 * (gsize)width);
}

static inline char *
acme_client_signature(const struct acme_client *client, const char *input)
{
    guint8 bytes[512];
    gsize size = sizeof bytes;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *digest = client->kind == JWK_ED25519 ? NULL
                           : client->kind == JWK_P384  ? EVP_sha384()
                                                       : EVP_sha256();
    EVP_DigestSignInit(context, NULL, digest, NULL, client->key);
    int done = EVP_DigestSign(context, bytes, &size, (const guint8 *)input, strlen(input));
    g_assert_cmpint(done, ==, 1);
    EVP_MD_CTX_free(context);
    if (client->kind == JWK_P256 || client->kind == JWK_P384)
        return acme_client_pair(bytes, size, client->kind == JWK_P256 ? 32 : 48);
    return base64url_text(bytes, size);
}

/* The whole request, of a header's members behind the algorithm: "\"kid\":…,\"url\":…". */
static inline char *
acme_client_sign(const struct acme_client *client, const char *members, const char *payload)
{
    static const char *const names[] = {"ES256", "ES384", "RS256", "EdDSA"};
    g_autofree char *header =
        g_strdup_printf("{\"alg\":\"%s\"%s%s}", names[client->kind], *members ? "," : "", members);
    g_autofree char *first = base64url_text(header, strlen(header));
    g_autofree char *second = base64url_text(payload, strlen(payload));
    g_autofree char *input = g_strconcat(first, ".", second, NULL);
    g_autofree char *signature = acme_client_signature(client, input);
    return g_strdup_printf("{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}", first,
                           second, signature);
}
