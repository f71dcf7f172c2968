#include "netsvc/web/acme/jose/jwk.h"

#include "lib/json/json.h"
#include "netsvc/web/acme/jose/base64url.h"
#include "netsvc/web/acme/problem.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096
#define EXPONENT_MAX 8 /* bytes */
#define PART_MAX (RSA_BITS_MAX / 8)

/* How each stands in JSON, the members beside `kty` and `crv` in the order of the text. */
static const struct {
    const char *name, *kty, *curve, *group;
    const char *parts[2];
    gsize size; /* of each part; 0: it varies */
} kinds[JWK_KINDS] = {
    [JWK_P256] = {"P-256", "EC", "P-256", "P-256", {"x", "y"}, 32},
    [JWK_P384] = {"P-384", "EC", "P-384", "P-384", {"x", "y"}, 48},
    [JWK_RSA] = {"RSA", "RSA", NULL, NULL, {"e", "n"}, 0},
    [JWK_ED25519] = {"Ed25519", "OKP", "Ed25519", NULL, {"x", NULL}, 32},
};

static gboolean
bad_key(GError **error, const char *what)
{
    return problem_set(error, PROBLEM_BAD_PUBLIC_KEY, "the key of the account: %s", what);
}

/* ---- OpenSSL's form ---- */

static EVP_PKEY *
key_of(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    if (context == NULL || params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(context);
    return key;
}

/* A point that is not on the curve is none. */
static EVP_PKEY *
key_of_curve(const char *group, const GString *x, const GString *y)
{
    g_autoptr(GByteArray) point = g_byte_array_new();
    g_byte_array_append(point, (const guint8 *)"\4", 1); /* uncompressed: SEC 1, 2.3.3 */
    g_byte_array_append(point, (const guint8 *)x->str, (guint)x->len);
    g_byte_array_append(point, (const guint8 *)y->str, (guint)y->len);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point->data, point->len);
    EVP_PKEY *key = key_of("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *
key_of_rsa(const GString *e, const GString *n)
{
    BIGNUM *modulus = BN_bin2bn((const guint8 *)n->str, (int)n->len, NULL);
    BIGNUM *exponent = BN_bin2bn((const guint8 *)e->str, (int)e->len, NULL);
    const int bits = BN_num_bits(modulus);
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX && BN_is_odd(modulus) && BN_is_odd(exponent) &&
        !BN_is_one(exponent) && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent))
        key = key_of("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

static EVP_PKEY *
make_key(enum jwk_kind kind, GString *const parts[2])
{
    g_assert(parts[0] != NULL && (parts[1] != NULL || kind == JWK_ED25519));
    switch (kind) {
    case JWK_P256:
    case JWK_P384:
        return key_of_curve(kinds[kind].group, parts[0], parts[1]);
    case JWK_RSA:
        return key_of_rsa(parts[0], parts[1]);
    case JWK_ED25519:
        return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const guint8 *)parts[0]->str,
                                           parts[0]->len);
    default:
        g_assert_not_reached();
    }
}

/* ---- parts ---- */

static GString *
take_part(enum jwk_kind kind, guint which, struct slice text, GError **error)
{
    gboolean exponent = kind == JWK_RSA && which == 0;
    GString *part = base64url_decode(text, exponent ? EXPONENT_MAX : PART_MAX);
    gboolean good = part != NULL && part->len > 0;
    if (good && kinds[kind].size != 0)
        good = part->len == kinds[kind].size;
    else if (good) /* RFC 7518, 2: no zero bytes before a number */
        good = part->str[0] != '\0';
    if (good)
        return part;
    if (part != NULL)
        g_string_free(part, TRUE);
    bad_key(error, "a part of it has not the right size, or is no base64url");
    return NULL;
}

/* RFC 7638, 3: the required members in the order of their names. */
static char *
thumbprint_of(enum jwk_kind kind, char *const texts[2])
{
    g_autofree char *json = NULL;
    guint8 digest[HASH_SHA256_SIZE];
    if (kind == JWK_RSA)
        json = g_strdup_printf("{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", texts[0], texts[1]);
    else if (kind == JWK_ED25519)
        json = g_strdup_printf("{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", texts[0]);
    else
        json = g_strdup_printf("{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                               kinds[kind].curve, texts[0], texts[1]);
    hash_sha256(json, strlen(json), digest);
    return base64url_text(digest, sizeof digest);
}

static struct jwk *
make(enum jwk_kind kind, char *const texts[2], GError **error)
{
    GString *parts[2] = {NULL, NULL};
    gboolean good = TRUE;
    EVP_PKEY *key = NULL;
    for (guint i = 0; i < 2 && good && kinds[kind].parts[i] != NULL; i++) {
        g_assert(texts[i] != NULL); /* as many are given as the kind has */
        parts[i] = take_part(kind, i, slice_of(texts[i]), error);
        good = parts[i] != NULL;
    }
    if (good && (key = make_key(kind, parts)) == NULL)
        bad_key(error, kind == JWK_RSA ? "RSA keys have 2048 to 4096 bits and an odd exponent"
                                       : "it is no point on its curve");
    for (guint i = 0; i < 2; i++)
        if (parts[i] != NULL)
            g_string_free(parts[i], TRUE);
    if (key == NULL)
        return NULL;
    struct jwk *jwk = g_new0(struct jwk, 1);
    jwk->kind = kind;
    jwk->key = key;
    jwk->text = g_strjoin(".", kinds[kind].name, texts[0], texts[1], NULL);
    jwk->thumbprint = thumbprint_of(kind, texts);
    return jwk;
}

/* ---- its spellings ---- */

/* Whether the JSON is of that kind; its parts are given. */
static gboolean
take_members(struct slice json, guint kind, char *texts[2])
{
    g_autofree char *kty = NULL, *curve = NULL;
    if (!json_member_text(json, "kty", &kty) || strcmp(kty, kinds[kind].kty) != 0)
        return FALSE;
    if (kinds[kind].curve != NULL &&
        (!json_member_text(json, "crv", &curve) || strcmp(curve, kinds[kind].curve) != 0))
        return FALSE;
    for (guint i = 0; i < 2 && kinds[kind].parts[i] != NULL; i++)
        if (!json_member_text(json, kinds[kind].parts[i], &texts[i]))
            texts[i] = g_strdup("");
    return TRUE;
}

struct jwk *
jwk_parse(struct slice json, GError **error)
{
    struct slice nothing;
    if (json_type(json) != JSON_OBJECT) {
        bad_key(error, "it is no JSON object");
        return NULL;
    }
    if (json_member(json, "d", &nothing)) {
        bad_key(error, "that is the private key");
        return NULL;
    }
    for (guint kind = 0; kind < JWK_KINDS; kind++) {
        char *texts[2] = {NULL, NULL};
        if (!take_members(json, kind, texts))
            continue;
        struct jwk *jwk = make((enum jwk_kind)kind, texts, error);
        g_free(texts[0]);
        g_free(texts[1]);
        return jwk;
    }
    bad_key(error, "P-256, P-384, RSA and Ed25519 are taken");
    return NULL;
}

struct jwk *
jwk_from_text(const char *text, GError **error)
{
    g_auto(GStrv) words = strlen(text) <= JWK_TEXT_MAX ? g_strsplit(text, ".", 4) : NULL;
    const guint n = words != NULL ? g_strv_length(words) : 0;
    for (guint kind = 0; kind < JWK_KINDS; kind++) {
        const guint parts = kinds[kind].parts[1] != NULL ? 2 : 1;
        char *texts[2] = {n > 1 ? words[1] : NULL, n > 2 ? words[2] : NULL};
        if (n == 1 + parts && strcmp(words[0], kinds[kind].name) == 0)
            return make((enum jwk_kind)kind, texts, error);
    }
    bad_key(error, "there is none of that name");
    return NULL;
}

void
jwk_free(struct jwk *jwk)
{
    if (jwk == NULL)
        return;
    EVP_PKEY_free(jwk->key);
    g_free(jwk->text);
    g_free(jwk->thumbprint);
    g_free(jwk);
}

gboolean
jwk_is(const struct jwk *jwk, const EVP_PKEY *key)
{
    return EVP_PKEY_eq(jwk->key, key) == 1;
}
