#include "netsvc/web/acme/issue/leaf.h"

#include "lib/base/hash.h"
#include "netsvc/cert/x509/pem.h"
#include "netsvc/web/acme/jose/base64url.h"
#include "netsvc/web/acme/problem.h"

#define NAME_PART_MAX 64 /* bytes */

/* ---- of certificates ---- */

static char *
hex(const guint8 *bytes, gsize size)
{
    GString *text = g_string_new(NULL);
    for (gsize i = 0; i < size; i++)
        g_string_append_printf(text, "%02X", bytes[i]);
    return g_string_free(text, FALSE);
}

static char *
key_digest(EVP_PKEY *key)
{
    guint8 *der = NULL, digest[HASH_SHA256_SIZE];
    int size = key != NULL ? i2d_PUBKEY(key, &der) : -1;
    if (size <= 0)
        return g_strdup("");
    hash_sha256(der, (gsize)size, digest);
    OPENSSL_free(der);
    return hash_hex(digest, sizeof digest);
}

/* Consumes `x509`. */
static gboolean
take(X509 *x509, struct ledger_certificate *certificate, GError **error)
{
    if (x509 == NULL)
        return problem_set(error, PROBLEM_MALFORMED, "that is no certificate");
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
    char *serial = BN_bn2hex(number);
    const ASN1_OCTET_STRING *issuer = X509_get0_authority_key_id(x509);
    certificate->serial = g_strdup(serial);
    certificate->issuer =
        issuer == NULL ? g_strdup("")
                       : hex(ASN1_STRING_get0_data(issuer), (gsize)ASN1_STRING_length(issuer));
    certificate->key = key_digest(X509_get0_pubkey(x509));
    certificate->not_before = pem_not_before(x509);
    certificate->not_after = pem_not_after(x509);
    OPENSSL_free(serial);
    BN_free(number);
    X509_free(x509);
    return TRUE;
}

gboolean
leaf_of_chain(const char *pem, struct ledger_certificate *certificate, GError **error)
{
    g_autofree char *text = g_strndup(pem, LEAF_MAX);
    return take(pem_read_certificate(text), certificate, error);
}

gboolean
leaf_of_der(struct slice der, struct ledger_certificate *certificate, GError **error)
{
    const guint8 *at = (const guint8 *)der.data;
    return take(d2i_X509(NULL, &at, (long)MIN(der.size, LEAF_MAX)), certificate, error);
}

gboolean
leaf_has_key(const struct ledger_certificate *certificate, const struct jwk *key)
{
    g_autofree char *digest = key_digest(key->key);
    return *digest != '\0' && strcmp(digest, certificate->key) == 0;
}

/* ---- their names ---- */

static GString *
part_of(const char *begin, gsize size)
{
    GString *part = base64url_decode((struct slice){begin, size}, NAME_PART_MAX);
    if (part == NULL || part->len > 0)
        return part;
    g_string_free(part, TRUE);
    return NULL;
}

/* DER puts a zero byte before a number whose first bit is set, and BN_bn2hex does not. */
static char *
serial_of(const GString *der)
{
    const guint8 *bytes = (const guint8 *)der->str;
    return der->len > 1 && bytes[0] == 0 ? hex(bytes + 1, der->len - 1) : hex(bytes, der->len);
}

struct ledger_certificate *
leaf_by_name(struct ledger *ledger, const char *name, GError **error)
{
    const char *dot = strchr(name, '.');
    g_autoptr(GString) issuer = dot != NULL ? part_of(name, (gsize)(dot - name)) : NULL;
    g_autoptr(GString) number = dot != NULL ? part_of(dot + 1, strlen(dot + 1)) : NULL;
    g_autoptr(GError) failure = NULL;
    if (issuer == NULL || number == NULL) {
        problem_set(error, PROBLEM_MALFORMED, "that is no name of a certificate (RFC 9773, 4.1)");
        return NULL;
    }
    g_autofree char *serial = serial_of(number);
    g_autofree char *key = hex((const guint8 *)issuer->str, issuer->len);
    AUTO(ledger_certificate) *found = ledger_certificate_of_serial(ledger, serial, &failure);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else if (found == NULL || strcmp(found->issuer, key) != 0)
        problem_set(error, PROBLEM_NOT_FOUND, "there is no such certificate");
    else
        return g_steal_pointer(&found);
    return NULL;
}
