#include "netsvc/cert/x509/pile.h"

#include "netsvc/cert/x509/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

static void
free_certificate(gpointer certificate)
{
    X509_free(certificate);
}

static void
free_key(gpointer key)
{
    EVP_PKEY_free(key);
}

struct pile *
pile_new(void)
{
    struct pile *pile = g_new0(struct pile, 1);
    pile->certificates = g_ptr_array_new_with_free_func(free_certificate);
    pile->keys = g_ptr_array_new_with_free_func(free_key);
    return pile;
}

void
pile_free(struct pile *pile)
{
    if (pile == NULL)
        return;
    g_ptr_array_unref(pile->certificates);
    g_ptr_array_unref(pile->keys);
    g_free(pile);
}

/* ---- one of each ---- */

/* Takes it. */
static gboolean
add_certificate(struct pile *pile, X509 *certificate)
{
    gboolean known = pile->certificates->len >= PILE_CERTIFICATES_MAX;
    for (guint i = 0; certificate != NULL && !known && i < pile->certificates->len; i++)
        known = X509_cmp(certificate, pile->certificates->pdata[i]) == 0;
    if (certificate != NULL && !known)
        g_ptr_array_add(pile->certificates, certificate);
    else
        X509_free(certificate);
    return certificate != NULL;
}

static gboolean
add_key(struct pile *pile, EVP_PKEY *key)
{
    if (key != NULL && pile->keys->len < PILE_KEYS_MAX)
        g_ptr_array_add(pile->keys, key);
    else
        EVP_PKEY_free(key);
    return key != NULL;
}

static gboolean
add_pkcs7(struct pile *pile, const unsigned char *data, long size)
{
    g_autoptr(PKCS7) bag = d2i_PKCS7(NULL, &data, size);
    STACK_OF(X509) *held = NULL;
    if (bag == NULL)
        return FALSE;
    if (PKCS7_type_is_signed(bag) && bag->d.sign != NULL)
        held = bag->d.sign->cert;
    for (int i = 0; held != NULL && i < sk_X509_num(held); i++) {
        X509 *certificate = sk_X509_value(held, i);
        if (X509_up_ref(certificate) == 1)
            add_certificate(pile, certificate);
    }
    return TRUE;
}

static gboolean
add_der_key(struct pile *pile, const unsigned char *data, long size)
{
    return add_key(pile, d2i_AutoPrivateKey(NULL, &data, size));
}

/* ---- PEM ---- */

static void
add_block(struct pile *pile, const char *kind, const char *header, const unsigned char *data,
          long size)
{
    const unsigned char *at = data;
    if (*header != '\0' || strcmp(kind, PEM_STRING_PKCS8) == 0)
        pile->locked = TRUE; /* a password's */
    else if (strcmp(kind, PEM_STRING_X509) == 0 || strcmp(kind, PEM_STRING_X509_OLD) == 0)
        add_certificate(pile, d2i_X509(NULL, &at, size));
    else if (strcmp(kind, PEM_STRING_X509_TRUSTED) == 0)
        add_certificate(pile, d2i_X509_AUX(NULL, &at, size));
    else if (strcmp(kind, PEM_STRING_PKCS7) == 0 || strcmp(kind, PEM_STRING_CMS) == 0)
        add_pkcs7(pile, data, size);
    else if (strcmp(kind, PEM_STRING_PKCS8INF) == 0 || strcmp(kind, PEM_STRING_ECPRIVATEKEY) == 0 ||
             strcmp(kind, PEM_STRING_RSA) == 0)
        add_der_key(pile, data, size);
}

/* Whether there was any block; one that is spoilt does not hide those behind it. */
static gboolean
add_pem(struct pile *pile, struct slice file)
{
    static const char begin[] = "-----BEGIN ";
    const char *at = file.data, *end = file.data + file.size;
    guint found = 0;
    while (found < PILE_BLOCKS_MAX &&
           (at = memmem(at, (gsize)(end - at), begin, sizeof begin - 1)) != NULL) {
        g_autoptr(BIO) bio = BIO_new_mem_buf(at, (int)(end - at));
        char *kind = NULL, *header = NULL;
        unsigned char *data = NULL;
        long size = 0;
        found++;
        if (PEM_read_bio(bio, &kind, &header, &data, &size) == 1)
            add_block(pile, kind, header, data, size);
        OPENSSL_free(kind);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, size > 0 ? (gsize)size : 0);
        at += sizeof begin - 1;
    }
    return found > 0;
}

/* ---- DER ---- */

static gboolean
add_der_certificates(struct pile *pile, struct slice file)
{
    const unsigned char *at = (const unsigned char *)file.data, *end = at + file.size;
    gboolean found = FALSE;
    while (at < end) {
        X509 *read = d2i_X509(NULL, &at, end - at);
        if (!add_certificate(pile, read))
            break;
        found = TRUE;
    }
    return found;
}

void
pile_add(struct pile *pile, struct slice file)
{
    const unsigned char *data = (const unsigned char *)file.data;
    if (file.size > 0 && file.size <= G_MAXINT && !add_pem(pile, file) &&
        !add_der_certificates(pile, file) && !add_pkcs7(pile, data, (long)file.size))
        add_der_key(pile, data, (long)file.size);
    ERR_clear_error();
}
