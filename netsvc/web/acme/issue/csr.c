#include "netsvc/web/acme/issue/csr.h"

#include "lib/json/json.h"
#include "netsvc/web/acme/problem.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define CURVE_BITS_MIN 256

static gboolean
bad(GError **error, const char *what)
{
    return problem_set(error, PROBLEM_BAD_CSR, "the request for a certificate: %s", what);
}

/* ---- its names ---- */

/* "dns:NAME" and "ip:ADDRESS", so that the two are not mixed up. */
static void
add_name(GHashTable *names, const char *type, const char *name)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);
    g_hash_table_add(names, g_strconcat(type, ":", lower, NULL));
}

static gboolean
add_address(GHashTable *names, const ASN1_OCTET_STRING *address)
{
    char text[INET6_ADDRSTRLEN];
    const int family = ASN1_STRING_length(address) == 4 ? AF_INET : AF_INET6;
    if (ASN1_STRING_length(address) != 4 && ASN1_STRING_length(address) != 16)
        return FALSE;
    inet_ntop(family, ASN1_STRING_get0_data(address), text, sizeof text);
    add_name(names, "ip", text);
    return TRUE;
}

static gboolean
add_alternative(GHashTable *names, const GENERAL_NAME *name)
{
    if (name->type == GEN_IPADD)
        return add_address(names, name->d.iPAddress);
    if (name->type != GEN_DNS)
        return FALSE;
    g_autofree char *text = g_strndup((const char *)ASN1_STRING_get0_data(name->d.dNSName),
                                      (gsize)ASN1_STRING_length(name->d.dNSName));
    if (strlen(text) != (gsize)ASN1_STRING_length(name->d.dNSName))
        return FALSE;
    add_name(names, "dns", text);
    return TRUE;
}

static gboolean
add_alternatives(GHashTable *names, const X509_REQ *csr)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions((X509_REQ *)csr);
    GENERAL_NAMES *all = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    gboolean good = TRUE;
    for (int i = 0; good && i < sk_GENERAL_NAME_num(all); i++)
        good = add_alternative(names, sk_GENERAL_NAME_value(all, i));
    GENERAL_NAMES_free(all);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return good;
}

/* The common name is one of the names, where there is one. */
static gboolean
has_common_name(GHashTable *names, const X509_REQ *csr)
{
    char text[256];
    int size = X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(csr), NID_commonName, text,
                                         sizeof text);
    if (size < 0)
        return TRUE;
    g_autofree char *lower = g_ascii_strdown(text, -1);
    g_autofree char *dns = g_strconcat("dns:", lower, NULL), *ip = g_strconcat("ip:", lower, NULL);
    return size == 0 || g_hash_table_contains(names, dns) || g_hash_table_contains(names, ip);
}

static GHashTable *
names_of_order(const char *identifiers)
{
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    struct slice element;
    gsize place = 0;
    while (json_next_element(slice_of(identifiers), &place, &element)) {
        g_autofree char *type = NULL, *value = NULL;
        if (json_member_text(element, "type", &type) && json_member_text(element, "value", &value))
            add_name(names, type, value);
    }
    return names;
}

/* Some clients put the name into the subject alone; the order has it all the same. */
static gboolean
check_names(const X509_REQ *csr, const char *identifiers, GError **error)
{
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) ordered = names_of_order(identifiers);
    GHashTableIter at;
    gpointer name;
    if (!add_alternatives(names, csr))
        return bad(error, "its names are DNS names and IP addresses");
    g_hash_table_iter_init(&at, ordered);
    gboolean same = g_hash_table_size(names) == g_hash_table_size(ordered);
    while (same && g_hash_table_iter_next(&at, &name, NULL))
        same = g_hash_table_contains(names, name);
    return (same && has_common_name(names, csr)) || bad(error, "its names are not the order's");
}

/* ---- its key ---- */

static gboolean
check_key(EVP_PKEY *key, const struct jwk *account, GError **error)
{
    if (key == NULL)
        return bad(error, "its key is none");
    const int bits = EVP_PKEY_get_bits(key), type = EVP_PKEY_get_base_id(key);
    if (type == EVP_PKEY_RSA  ? bits < RSA_BITS_MIN || bits > RSA_BITS_MAX
        : type == EVP_PKEY_EC ? bits < CURVE_BITS_MIN
                              : type != EVP_PKEY_ED25519)
        return bad(error, "keys are RSA of 2048 to 8192 bits, or on a curve of 256 bits or more");
    return !jwk_is(account, key) || bad(error, "its key is the account's");
}

gboolean
csr_check(struct slice der, const char *identifiers, const struct jwk *account, GError **error)
{
    const guint8 *at = (const guint8 *)der.data;
    X509_REQ *csr = der.size <= CSR_MAX ? d2i_X509_REQ(NULL, &at, (long)der.size) : NULL;
    if (csr == NULL || at != (const guint8 *)der.data + der.size) {
        X509_REQ_free(csr);
        return bad(error, "it is none in DER");
    }
    EVP_PKEY *key = X509_REQ_get0_pubkey(csr);
    gboolean good =
        check_key(key, account, error) &&
        (X509_REQ_verify(csr, key) == 1 || bad(error, "its signature is not of its own key")) &&
        check_names(csr, identifiers, error);
    X509_REQ_free(csr);
    return good;
}
