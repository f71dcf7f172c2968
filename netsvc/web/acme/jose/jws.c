#include "netsvc/web/acme/jose/jws.h"

#include "lib/json/json.h"
#include "netsvc/web/acme/jose/base64url.h"
#include "netsvc/web/acme/problem.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#define PART_MAX 65536    /* bytes of a part: no more than a body has */
#define SIGNATURE_MAX 512 /* RSA of 4096 bits */

static gboolean
malformed(GError **error, const char *what)
{
    return problem_set(error, PROBLEM_MALFORMED, "the request's signature: %s", what);
}

/* ---- parsing ---- */

/* One name twice would be one for us and another for somebody else (RFC 7515, 4). */
static gboolean
is_plain_object(struct slice text, GError **error)
{
    gsize place = 0;
    struct slice key, value;
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!json_check(text, NULL) || json_type(text) != JSON_OBJECT)
        return malformed(error, "it is no JSON object");
    while (json_next_member(text, &place, &key, &value)) {
        if (memchr(key.data, '\\', key.size) != NULL)
            return malformed(error, "a member's name is escaped");
        if (!g_hash_table_add(names, slice_dup(key)))
            return malformed(error, "a member is there twice");
    }
    return TRUE;
}

static GString *
take_part(struct slice body, const char *name, gsize max, GError **error)
{
    g_autofree char *text = NULL;
    GString *part =
        json_member_text(body, name, &text) ? base64url_decode(slice_of(text), max) : NULL;
    if (part == NULL)
        problem_set(error, PROBLEM_MALFORMED, "the request has no '%s' in base64url", name);
    return part;
}

static gboolean
take_algorithm(struct jws *jws, struct slice header, GError **error)
{
    static const char *const names[JWK_KINDS] = {
        [JWK_P256] = "ES256",
        [JWK_P384] = "ES384",
        [JWK_RSA] = "RS256",
        [JWK_ED25519] = "EdDSA",
    };
    g_autofree char *name = NULL;
    if (!json_member_text(header, "alg", &name))
        return malformed(error, "it has no 'alg'");
    for (guint kind = 0; kind < JWK_KINDS; kind++)
        if (strcmp(name, names[kind]) == 0) {
            jws->kind = (enum jwk_kind)kind;
            return TRUE;
        }
    return problem_set(error, PROBLEM_BAD_SIGNATURE_ALGORITHM,
                       "ES256, ES384, RS256 and EdDSA are taken");
}

static gboolean
take_key(struct jws *jws, struct slice header, GError **error)
{
    struct slice jwk;
    const gboolean has_jwk = json_member(header, "jwk", &jwk);
    const gboolean has_kid = json_member_text(header, "kid", &jws->kid);
    if (has_jwk == has_kid)
        return malformed(error, "it has to have either 'jwk' or 'kid'");
    if (has_jwk && (jws->jwk = jwk_parse(jwk, error)) == NULL)
        return FALSE;
    return TRUE;
}

static gboolean
take_header(struct jws *jws, struct slice header, GError **error)
{
    struct slice value;
    if (!is_plain_object(header, error))
        return FALSE;
    if (json_member(header, "crit", &value))
        return malformed(error, "it demands something that is not known here ('crit')");
    if (!take_algorithm(jws, header, error) || !take_key(jws, header, error))
        return FALSE;
    if (!json_member_text(header, "url", &jws->url))
        return malformed(error, "it has no 'url'");
    if (json_member(header, "nonce", &value) && !json_member_text(header, "nonce", &jws->nonce))
        return malformed(error, "its 'nonce' is no text");
    return TRUE;
}

static gboolean
take_input(struct jws *jws, struct slice body)
{
    g_autofree char *header = NULL, *payload = NULL;
    gboolean good =
        json_member_text(body, "protected", &header) && json_member_text(body, "payload", &payload);
    jws->input = g_string_new(NULL);
    if (good)
        g_string_printf(jws->input, "%s.%s", header, payload);
    return good;
}

struct jws *
jws_parse(struct slice body, GError **error)
{
    AUTO(jws) *jws = g_new0(struct jws, 1);
    struct slice value;
    if (!is_plain_object(body, error))
        return NULL;
    if (json_member(body, "header", &value) || json_member(body, "signatures", &value)) {
        malformed(error, "it is flattened, and all of its header is protected");
        return NULL;
    }
    g_autoptr(GString) header = take_part(body, "protected", PART_MAX, error);
    if (header == NULL || !take_header(jws, (struct slice){header->str, header->len}, error))
        return NULL;
    jws->payload = take_part(body, "payload", PART_MAX, error);
    if (jws->payload == NULL || !take_input(jws, body))
        return NULL;
    jws->signature = take_part(body, "signature", SIGNATURE_MAX, error);
    return jws->signature != NULL ? g_steal_pointer(&jws) : NULL;
}

static void
free_string(GString *string)
{
    if (string != NULL)
        g_string_free(string, TRUE);
}

void
jws_free(struct jws *jws)
{
    if (jws == NULL)
        return;
    g_free(jws->nonce);
    g_free(jws->url);
    g_free(jws->kid);
    jwk_free(jws->jwk);
    free_string(jws->payload);
    free_string(jws->input);
    free_string(jws->signature);
    g_free(jws);
}

/* ---- the signature ---- */

/* JOSE has R and S one behind the other (RFC 7518, 3.4), OpenSSL wants DER. NULL: it has not the
 * right size. */
static guint8 *
ecdsa_der(const GString *signature, gsize size, gsize *der_size)
{
    guint8 *der = NULL;
    if (signature->len != 2 * size)
        return NULL;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    const guint8 *bytes = (const guint8 *)signature->str;
    ECDSA_SIG_set0(pair, BN_bin2bn(bytes, (int)size, NULL),
                   BN_bin2bn(bytes + size, (int)size, NULL));
    int length = i2d_ECDSA_SIG(pair, &der);
    ECDSA_SIG_free(pair);
    *der_size = length > 0 ? (gsize)length : 0;
    return der;
}

static gboolean
verify(const struct jws *jws, const struct jwk *key, const guint8 *signature, gsize size)
{
    const EVP_MD *digest = jws->kind == JWK_ED25519 ? NULL
                           : jws->kind == JWK_P384  ? EVP_sha384()
                                                    : EVP_sha256();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    gboolean good = EVP_DigestVerifyInit(context, NULL, digest, NULL, key->key) == 1 &&
                    EVP_DigestVerify(context, signature, size, (const guint8 *)jws->input->str,
                                     jws->input->len) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

gboolean
jws_verify(const struct jws *jws, const struct jwk *key, GError **error)
{
    gboolean good;
    if (key->kind != jws->kind)
        return problem_set(error, PROBLEM_BAD_SIGNATURE_ALGORITHM,
                           "the algorithm does not go with the key");
    if (jws->kind == JWK_P256 || jws->kind == JWK_P384) {
        gsize size = 0;
        guint8 *der = ecdsa_der(jws->signature, jws->kind == JWK_P256 ? 32 : 48, &size);
        good = der != NULL && verify(jws, key, der, size);
        OPENSSL_free(der);
    } else {
        good = verify(jws, key, (const guint8 *)jws->signature->str, jws->signature->len);
    }
    return good || problem_set(error, PROBLEM_MALFORMED, "the request's signature is wrong");
}
