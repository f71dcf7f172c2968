#include "netsvc/failover/link/keys/identity.h"

#include "lib/base/chance.h"
#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/hash.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#define NAME "identity.pem"
#define SIZE_MAX_READ 16384 /* bytes */

/* ---- ids ---- */

void
identity_random_id(char id[IDENTITY_ID_SIZE])
{
    g_autofree char *hex = chance_hex(IDENTITY_ID_SIZE / 2);
    g_strlcpy(id, hex, IDENTITY_ID_SIZE);
}

gboolean
identity_is_id(const char *id)
{
    return strlen(id) == IDENTITY_ID_SIZE - 1 &&
           strspn(id, "0123456789abcdef") == IDENTITY_ID_SIZE - 1;
}

gboolean
identity_pin(const X509 *certificate, guint8 pin[IDENTITY_PIN_SIZE])
{
    guint8 *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (size <= 0)
        return FALSE;
    hash_sha256(der, (gsize)size, pin);
    OPENSSL_free(der);
    return TRUE;
}

/* ---- making one ---- */

static gboolean
add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    gboolean added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static gboolean
fill(X509 *certificate, EVP_PKEY *key, const char *id)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_set_version(certificate, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
           ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), "20200101000000Z") == 1 &&
           ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), "99991231235959Z") == 1 &&
           X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC, (const guint8 *)id, -1,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
           add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth") &&
           X509_sign(certificate, key, NULL) > 0;
}

static gboolean
make(struct identity *identity)
{
    identity_random_id(identity->id);
    identity->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    identity->certificate = X509_new();
    return identity->key != NULL && identity->certificate != NULL &&
           fill(identity->certificate, identity->key, identity->id);
}

static gboolean
save(const struct identity *identity, int folder_fd, GError **error)
{
    char *text = NULL;
    BIO *out = BIO_new(BIO_s_secmem());
    gboolean written =
        out != NULL &&
        PEM_write_bio_PrivateKey(out, identity->key, NULL, NULL, 0, NULL, NULL) == 1 &&
        PEM_write_bio_X509(out, identity->certificate) == 1;
    long size = written ? BIO_get_mem_data(out, &text) : 0;
    if (size <= 0)
        fail_set(error, FAIL_FAILED, "cannot make this node's key");
    gboolean saved = size > 0 && file_replace(folder_fd, NAME, text, (gsize)size, 0600, error);
    BIO_free(out);
    return saved;
}

/* ---- reading it ---- */

static gboolean
read_id(struct identity *identity)
{
    char id[IDENTITY_ID_SIZE + 1] = "";
    int size = X509_NAME_get_text_by_NID(X509_get_subject_name(identity->certificate),
                                         NID_commonName, id, sizeof id);
    if (size != IDENTITY_ID_SIZE - 1 || !identity_is_id(id))
        return FALSE;
    g_strlcpy(identity->id, id, sizeof identity->id);
    return TRUE;
}

static gboolean
parse(struct identity *identity, const char *text, gsize size)
{
    BIO *in = BIO_new_mem_buf(text, (int)size);
    identity->key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    identity->certificate = PEM_read_bio_X509(in, NULL, NULL, NULL);
    BIO_free(in);
    return identity->key != NULL && identity->certificate != NULL &&
           X509_check_private_key(identity->certificate, identity->key) == 1 && read_id(identity);
}

static gboolean
load(struct identity *identity, int folder_fd, GError **error)
{
    gsize size;
    if (file_is_unwritten(folder_fd, NAME))
        return make(identity) ? save(identity, folder_fd, error)
                              : fail_set(error, FAIL_FAILED, "cannot make a key for this node");
    g_autofree char *text = file_read(folder_fd, NAME, SIZE_MAX_READ, &size, error);
    if (text == NULL)
        return FALSE;
    gboolean parsed = parse(identity, text, size);
    OPENSSL_cleanse(text, size);
    if (parsed)
        return TRUE;
    g_autofree char *path = file_path(folder_fd, NAME);
    return fail_set(error, FAIL_DAMAGED,
                    "this node's key in '%s' cannot be read\nhint: put it back from a backup; or "
                    "remove it, and have the other node take this one as new: lifeboat peer "
                    "replace",
                    path);
}

struct identity *
identity_load(int folder_fd, GError **error)
{
    AUTO(identity) *identity = g_new0(struct identity, 1);
    if (!load(identity, folder_fd, error))
        return NULL;
    if (!identity_pin(identity->certificate, identity->pin)) {
        fail_set(error, FAIL_FAILED, "cannot tell this node's key");
        return NULL;
    }
    return g_steal_pointer(&identity);
}

void
identity_free(struct identity *identity)
{
    if (identity == NULL)
        return;
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
    g_free(identity);
}
