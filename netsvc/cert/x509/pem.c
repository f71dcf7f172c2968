#include "netsvc/cert/x509/pem.h"

#include "lib/base/fail.h"
#include "lib/base/hash.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <time.h>

gboolean
openssl_failed(GError **error, const char *doing)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return fail_set(error, FAIL_FAILED, "cannot %s: %s", doing, why != NULL ? why : "no reason");
}

/* ---- to text ---- */

static char *
text_of(BIO *bio)
{
    char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);
    char *text = g_strndup(data, (gsize)size);
    OPENSSL_cleanse(data, (gsize)size);
    BIO_free_all(bio);
    return text;
}

char *
pem_certificate(X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    g_assert(PEM_write_bio_X509(bio, certificate) == 1);
    return text_of(bio);
}

char *
pem_key(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    g_assert(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    return text_of(bio);
}

char *
pem_request(X509_REQ *request)
{
    BIO *bio = BIO_new(BIO_s_mem());
    g_assert(PEM_write_bio_X509_REQ(bio, request) == 1);
    return text_of(bio);
}

char *
pem_crl(X509_CRL *crl)
{
    BIO *bio = BIO_new(BIO_s_mem());
    g_assert(PEM_write_bio_X509_CRL(bio, crl) == 1);
    return text_of(bio);
}

/* ---- from text ---- */

/* Never at the terminal. */
static int
no_password(char *out, int room, int writes, void *context)
{
    (void)out;
    (void)room;
    (void)writes;
    (void)context;
    return -1;
}

static BIO *
bio_of(const char *text)
{
    return BIO_new_mem_buf(text != NULL ? text : "", -1);
}

X509 *
pem_read_certificate(const char *text)
{
    g_autoptr(BIO) bio = bio_of(text);
    X509 *read = PEM_read_bio_X509(bio, NULL, no_password, NULL);
    ERR_clear_error();
    return read;
}

EVP_PKEY *
pem_read_key(const char *text)
{
    g_autoptr(BIO) bio = bio_of(text);
    EVP_PKEY *read = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    ERR_clear_error();
    return read;
}

X509_REQ *
pem_read_request(const char *text)
{
    g_autoptr(BIO) bio = bio_of(text);
    X509_REQ *read = PEM_read_bio_X509_REQ(bio, NULL, no_password, NULL);
    ERR_clear_error();
    return read;
}

X509_CRL *
pem_read_crl(const char *text)
{
    g_autoptr(BIO) bio = bio_of(text);
    X509_CRL *read = PEM_read_bio_X509_CRL(bio, NULL, no_password, NULL);
    ERR_clear_error();
    return read;
}

static void
free_certificate(gpointer certificate)
{
    X509_free(certificate);
}

GPtrArray *
pem_chain_new(void)
{
    return g_ptr_array_new_with_free_func(free_certificate);
}

GPtrArray *
pem_read_chain(const char *text)
{
    g_autoptr(BIO) bio = bio_of(text);
    GPtrArray *chain = pem_chain_new();
    X509 *read;
    while (chain->len < PEM_CHAIN_MAX &&
           (read = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL)
        g_ptr_array_add(chain, read);
    ERR_clear_error();
    return chain;
}

char *
pem_chain(const GPtrArray *chain, guint first)
{
    GString *out = g_string_new(NULL);
    for (guint i = first; i < chain->len; i++) {
        g_autofree char *text = pem_certificate(chain->pdata[i]);
        g_string_append(out, text);
    }
    return g_string_free(out, FALSE);
}

/* ---- what is known of one ---- */

char *
pem_fingerprint(const X509 *certificate)
{
    guint8 digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    GString *out = g_string_new(NULL);
    g_assert(X509_digest(certificate, EVP_sha256(), digest, &size) == 1);
    for (unsigned i = 0; i < size; i++)
        g_string_append_printf(out, "%s%02X", i > 0 ? ":" : "", digest[i]);
    return g_string_free(out, FALSE);
}

char *
pem_serial(const X509 *certificate)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    return hash_hex(ASN1_STRING_get0_data(serial), (gsize)ASN1_STRING_length(serial));
}

gint64
pem_time(const ASN1_TIME *time)
{
    struct tm parts = {0};
    return time != NULL && ASN1_TIME_to_tm(time, &parts) == 1 ? (gint64)timegm(&parts) : 0;
}

gint64
pem_not_before(const X509 *certificate)
{
    return pem_time(X509_get0_notBefore(certificate));
}

gint64
pem_not_after(const X509 *certificate)
{
    return pem_time(X509_get0_notAfter(certificate));
}

X509 *
pem_ends_first(const GPtrArray *chain)
{
    X509 *first = NULL;
    for (guint i = 0; i < chain->len; i++)
        if (first == NULL || pem_not_after(chain->pdata[i]) < pem_not_after(first))
            first = chain->pdata[i];
    return first;
}

char *
pem_common_name(const X509_NAME *name)
{
    static const int kinds[] = {NID_commonName, NID_organizationalUnitName, NID_organizationName};
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        int at = X509_NAME_get_index_by_NID(name, kinds[i], -1);
        unsigned char *text = NULL;
        int size = at >= 0 ? ASN1_STRING_to_UTF8(
                                 &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)))
                           : -1;
        char *copy = size > 0 ? g_strndup((const char *)text, (gsize)size) : NULL;
        OPENSSL_free(text);
        if (copy != NULL)
            return copy;
    }
    ERR_clear_error();
    return g_strdup("without a name");
}
