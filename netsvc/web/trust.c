#include "netsvc/web/trust.h"

#include "lib/base/fail.h"
#include "lib/base/hash.h"
#include "lib/crypt/base64.h"
#include "lib/json/json.h"
#include "netsvc/cert/x509/pem.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#define PERMITTED_MAX 64 /* that are shown */
#define PEM_END "-----END CERTIFICATE-----"

/* ---- certificates ---- */

static GBytes *
der_of(X509 *certificate)
{
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);
    g_assert(size > 0);
    GBytes *bytes = g_bytes_new(der, (gsize)size);
    OPENSSL_free(der);
    return bytes;
}

/* The leaf of a chain: all up to the end of its first certificate. */
static gboolean
split_chain(struct trust *trust)
{
    const char *end = strstr(trust->full, PEM_END);
    g_autoptr(X509) leaf = pem_read_certificate(trust->full);
    if (leaf == NULL || end == NULL)
        return FALSE;
    end += strlen(PEM_END);
    while (*end == '\r' || *end == '\n')
        end++;
    trust->leaf = g_strndup(trust->full, (gsize)(end - trust->full));
    trust->chain = g_strdup(end);
    return TRUE;
}

/* ---- what the root can certify ---- */

static guint
bits_of(const guint8 *mask, gsize size)
{
    guint bits = 0;
    while (bits < size * 8 && (mask[bits / 8] & (0x80 >> bits % 8)) != 0)
        bits++;
    return bits;
}

/* An address and its mask (RFC 5280, 4.2.1.10). */
static char *
network_text(const ASN1_OCTET_STRING *value)
{
    char text[INET6_ADDRSTRLEN];
    const guint8 *bytes = ASN1_STRING_get0_data(value);
    const gsize size = (gsize)ASN1_STRING_length(value) / 2;
    if (size != sizeof(struct in_addr) && size != sizeof(struct in6_addr))
        return NULL;
    inet_ntop(size == sizeof(struct in_addr) ? AF_INET : AF_INET6, bytes, text, sizeof text);
    return g_strdup_printf("%s/%u", text, bits_of(bytes + size, size));
}

static char *
permitted_text(const GENERAL_NAME *name)
{
    if (name->type == GEN_IPADD)
        return network_text(name->d.iPAddress);
    if (name->type != GEN_DNS)
        return NULL;
    return g_utf8_make_valid((const char *)ASN1_STRING_get0_data(name->d.dNSName),
                             ASN1_STRING_length(name->d.dNSName));
}

static void
read_limits(struct trust *trust, const X509 *root)
{
    g_autoptr(NAME_CONSTRAINTS) limits = X509_get_ext_d2i(root, NID_name_constraints, NULL, NULL);
    const int n = limits != NULL ? sk_GENERAL_SUBTREE_num(limits->permittedSubtrees) : 0;
    for (int i = 0; i < MIN(n, PERMITTED_MAX); i++) {
        char *text = permitted_text(sk_GENERAL_SUBTREE_value(limits->permittedSubtrees, i)->base);
        if (text != NULL)
            g_ptr_array_add(trust->permitted, text);
    }
    ERR_clear_error();
}

/* ---- the answers ---- */

static gboolean
read_root(struct trust *trust)
{
    g_autoptr(X509) root = pem_read_certificate(trust->root_pem);
    if (root == NULL)
        return FALSE;
    gsize size;
    trust->root = der_of(root);
    const void *der = g_bytes_get_data(trust->root, &size);
    hash_sha256(der, size, trust->digest);
    read_limits(trust, root);
    return TRUE;
}

static gboolean
read_issuing(struct trust *trust, struct slice answer)
{
    g_autofree char *pem = NULL;
    if (!json_member_text(answer, "issuing", &pem))
        return TRUE;
    g_autoptr(X509) issuing = pem_read_certificate(pem);
    if (issuing != NULL)
        trust->issuing = der_of(issuing);
    return issuing != NULL;
}

static gboolean
read_crl(struct slice answer, const char *name, GBytes **crl)
{
    g_autofree char *text = NULL;
    if (!json_member_text(answer, name, &text))
        return TRUE;
    const gsize room = strlen(text) / 4 * 3 + 3;
    g_autofree guint8 *der = g_malloc(room);
    gssize size = base64_take(slice_of(text), TRUE, der, room);
    if (size > 0)
        *crl = g_bytes_new(der, (gsize)size);
    return size >= 0;
}

struct trust *
trust_read(struct slice answer, GError **error)
{
    AUTO(trust) *trust = g_new0(struct trust, 1);
    trust->permitted = g_ptr_array_new_with_free_func(g_free);
    if (!json_check(answer, error))
        return NULL;
    if (!json_member_text(answer, "name", &trust->name) ||
        !json_member_text(answer, "root", &trust->root_pem) ||
        !json_member_text(answer, "chain", &trust->full)) {
        fail_set(error, FAIL_FAILED, "there is no certificate yet");
        return NULL;
    }
    g_autofree char *own = NULL;
    if (json_member_text(answer, "own_chain", &own))
        trust->public_one = strcmp(own, trust->full) != 0;
    if (!json_member_text(answer, "organisation", &trust->organisation))
        trust->organisation = g_strdup("");
    if (!read_root(trust) || !split_chain(trust) || !read_issuing(trust, answer) ||
        !read_crl(answer, "crl", &trust->crl) || !read_crl(answer, "root_crl", &trust->root_crl)) {
        fail_set(error, FAIL_FAILED, "the site's certificates make no sense");
        return NULL;
    }
    return g_steal_pointer(&trust);
}

gboolean
trust_read_key(struct trust *trust, struct slice answer, GError **error)
{
    char *key = NULL;
    if (!json_check(answer, error))
        return FALSE;
    if (!json_member_text(answer, "key", &key))
        return fail_set(error, FAIL_FAILED, "there is no key yet");
    g_free(trust->key);
    trust->key = key;
    return TRUE;
}

void
trust_free(struct trust *trust)
{
    if (trust == NULL)
        return;
    if (trust->key != NULL)
        OPENSSL_cleanse(trust->key, strlen(trust->key));
    g_clear_pointer(&trust->root, g_bytes_unref);
    g_clear_pointer(&trust->issuing, g_bytes_unref);
    g_clear_pointer(&trust->crl, g_bytes_unref);
    g_clear_pointer(&trust->root_crl, g_bytes_unref);
    g_ptr_array_unref(trust->permitted);
    g_free(trust->name);
    g_free(trust->organisation);
    g_free(trust->root_pem);
    g_free(trust->leaf);
    g_free(trust->chain);
    g_free(trust->full);
    g_free(trust->key);
    g_free(trust);
}

char *
trust_fingerprint(const struct trust *trust)
{
    GString *text = g_string_new(NULL);
    for (gsize i = 0; i < sizeof trust->digest; i++)
        g_string_append_printf(text, "%s%02X", i > 0 ? ":" : "", trust->digest[i]);
    return g_string_free(text, FALSE);
}
