#include "netsvc/cert/x509/make.h"

#include "lib/base/fail.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <string.h>

#define SERIAL_BITS 127  /* of chance: positive, 16 bytes at most */
#define NAME_PART_MAX 64 /* characters: ub-common-name, ub-organization-name */

EVP_PKEY *
make_key(GError **error)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (key == NULL)
        openssl_failed(error, "make a key");
    return key;
}

/* ---- parts ---- */

static gboolean
set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    gboolean done = BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
                    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return done;
}

static gboolean
set_time(ASN1_TIME *field, gint64 when)
{
    return ASN1_TIME_set(field, (time_t)when) != NULL;
}

static gboolean
add_name_part(X509_NAME *name, const char *field, const char *text)
{
    g_autofree char *part = g_utf8_make_valid(text, -1);
    if (g_utf8_strlen(part, -1) > NAME_PART_MAX)
        *g_utf8_offset_to_pointer(part, NAME_PART_MAX) = '\0';
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)part, -1,
                                      -1, 0) == 1;
}

/* Of the X509V3 words: never of what somebody else has written. */
static gboolean
add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer != NULL ? issuer : certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    gboolean done = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

static gboolean
add_crl(X509 *certificate, X509 *issuer, const char *crl)
{
    g_autofree char *value = crl != NULL ? g_strconcat("URI:", crl, NULL) : NULL;
    return value == NULL || add_extension(certificate, issuer, NID_crl_distribution_points, value);
}

static X509 *
begin(EVP_PKEY *key, struct make_life life, X509 *issuer)
{
    g_autoptr(X509) made = X509_new();
    gboolean done =
        X509_set_version(made, X509_VERSION_3) == 1 && set_serial(made) &&
        set_time(X509_getm_notBefore(made), life.from) &&
        set_time(X509_getm_notAfter(made), life.to) && X509_set_pubkey(made, key) == 1 &&
        (issuer == NULL || X509_set_issuer_name(made, X509_get_subject_name(issuer)) == 1);
    return done ? g_steal_pointer(&made) : NULL;
}

/* ---- authorities ---- */

static gboolean
add_limits(X509 *certificate, const struct limits *limits)
{
    g_autoptr(NAME_CONSTRAINTS) constraints = limits_constraints(limits);
    return X509_add1_ext_i2d(certificate, NID_name_constraints, constraints, 1, 0) == 1;
}

static gboolean
fill_authority(X509 *made, const struct make_authority *what, X509 *issuer)
{
    X509_NAME *subject = X509_get_subject_name(made);
    g_autofree char *basic = g_strdup_printf("critical,CA:TRUE,pathlen:%d", what->path_length);
    return (what->organisation == NULL || add_name_part(subject, "O", what->organisation)) &&
           add_name_part(subject, "CN", what->title) &&
           (issuer != NULL || X509_set_issuer_name(made, subject) == 1) &&
           add_extension(made, issuer, NID_basic_constraints, basic) &&
           add_extension(made, issuer, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add_extension(made, issuer, NID_subject_key_identifier, "hash") &&
           (issuer == NULL ||
            add_extension(made, issuer, NID_authority_key_identifier, "keyid:always")) &&
           add_limits(made, what->limits) && add_crl(made, issuer, what->crl);
}

X509 *
make_authority(EVP_PKEY *key, const struct make_authority *what, struct make_life life,
               struct make_signer signer, GError **error)
{
    g_autoptr(X509) made = begin(key, life, signer.certificate);
    if (made == NULL || !fill_authority(made, what, signer.certificate) ||
        X509_sign(made, signer.key != NULL ? signer.key : key, EVP_sha256()) == 0)
        return openssl_failed(error, "make a certificate"), NULL;
    return g_steal_pointer(&made);
}

/* ---- leaves ---- */

/* The subject's name: the first that is no address, which would be judged as a name there. NULL:
 * none that fits. */
static const char *
title_of(const GPtrArray *names)
{
    guint8 address[16];
    for (guint i = 0; i < names->len; i++)
        if (limits_address(names->pdata[i], address) == 0)
            return strlen(names->pdata[i]) <= NAME_PART_MAX ? names->pdata[i] : NULL;
    return NULL;
}

static gboolean
fill_leaf(X509 *made, const GPtrArray *names, const char *crl, X509 *issuer)
{
    g_autoptr(GENERAL_NAMES) subject_names = limits_subject_names(names);
    const char *title = title_of(names);
    const gboolean is_critical = title == NULL; /* RFC 5280, 4.2.1.6: there is no other name */
    return (title == NULL || add_name_part(X509_get_subject_name(made), "CN", title)) &&
           X509_add1_ext_i2d(made, NID_subject_alt_name, subject_names, is_critical, 0) == 1 &&
           add_extension(made, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(made, issuer, NID_key_usage, "critical,digitalSignature") &&
           add_extension(made, issuer, NID_ext_key_usage, "serverAuth") &&
           add_extension(made, issuer, NID_subject_key_identifier, "hash") &&
           add_extension(made, issuer, NID_authority_key_identifier, "keyid:always") &&
           add_crl(made, issuer, crl);
}

X509 *
make_leaf(EVP_PKEY *key, const GPtrArray *names, const char *crl, struct make_life life,
          struct make_signer signer, GError **error)
{
    g_autoptr(X509) made = begin(key, life, signer.certificate);
    if (names->len == 0)
        return fail_set(error, FAIL_FAILED, "there is no name for a certificate"), NULL;
    if (made == NULL || !fill_leaf(made, names, crl, signer.certificate) ||
        X509_sign(made, signer.key, EVP_sha256()) == 0)
        return openssl_failed(error, "make a certificate"), NULL;
    return g_steal_pointer(&made);
}

X509_REQ *
make_request(EVP_PKEY *key, const GPtrArray *names, GError **error)
{
    g_autoptr(X509_REQ) made = X509_REQ_new();
    g_autoptr(GENERAL_NAMES) subject_names = limits_subject_names(names);
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    const char *title = title_of(names);
    gboolean done =
        X509V3_add1_i2d(&extensions, NID_subject_alt_name, subject_names, 0, 0) == 1 &&
        (title == NULL || add_name_part(X509_REQ_get_subject_name(made), "CN", title)) &&
        X509_REQ_add_extensions(made, extensions) == 1 && X509_REQ_set_pubkey(made, key) == 1 &&
        X509_REQ_sign(made, key, EVP_sha256()) != 0;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    if (!done)
        return openssl_failed(error, "make a request"), NULL;
    return g_steal_pointer(&made);
}

/* ---- revocation ---- */

static gboolean
add_revoked(X509_CRL *crl, const struct make_revoked *what)
{
    BIGNUM *number = NULL;
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)what->when);
    gboolean done = BN_hex2bn(&number, what->serial) > 0;
    ASN1_INTEGER *serial = done ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
    done = serial != NULL && X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
           X509_REVOKED_set_revocationDate(entry, when) == 1 &&
           X509_CRL_add0_revoked(crl, entry) == 1;
    if (!done)
        X509_REVOKED_free(entry);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(when);
    BN_free(number);
    return done;
}

static gboolean
fill_crl(X509_CRL *made, guint64 number, struct make_life life, X509 *issuer)
{
    X509V3_CTX context;
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)life.from);
    ASN1_TIME *to = ASN1_TIME_set(NULL, (time_t)life.to);
    ASN1_INTEGER *count = ASN1_INTEGER_new();
    X509V3_set_ctx(&context, issuer, NULL, NULL, made, 0);
    X509_EXTENSION *of =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    gboolean done =
        of != NULL && X509_CRL_set_version(made, X509_CRL_VERSION_2) == 1 &&
        X509_CRL_set_issuer_name(made, X509_get_subject_name(issuer)) == 1 &&
        X509_CRL_set1_lastUpdate(made, from) == 1 && X509_CRL_set1_nextUpdate(made, to) == 1 &&
        X509_CRL_add_ext(made, of, -1) == 1 && ASN1_INTEGER_set_uint64(count, number) == 1 &&
        X509_CRL_add1_ext_i2d(made, NID_crl_number, count, 0, 0) == 1;
    X509_EXTENSION_free(of);
    ASN1_INTEGER_free(count);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return done;
}

X509_CRL *
make_crl(const GArray *revoked, guint64 number, struct make_life life, struct make_signer signer,
         GError **error)
{
    g_autoptr(X509_CRL) made = X509_CRL_new();
    gboolean done = fill_crl(made, number, life, signer.certificate);
    for (guint i = 0; done && revoked != NULL && i < revoked->len; i++)
        done = add_revoked(made, &g_array_index(revoked, struct make_revoked, i));
    if (!done || X509_CRL_sort(made) != 1 || X509_CRL_sign(made, signer.key, EVP_sha256()) == 0)
        return openssl_failed(error, "make a revocation list"), NULL;
    return g_steal_pointer(&made);
}

/* ---- proof ---- */

gboolean
make_verify(X509 *leaf, const GPtrArray *intermediates, X509 *root, gint64 when, GError **error)
{
    g_autoptr(X509_STORE) store = X509_STORE_new();
    g_autoptr(X509_STORE_CTX) context = X509_STORE_CTX_new();
    STACK_OF(X509) *between = sk_X509_new_null();
    for (guint i = 0; i < intermediates->len; i++)
        sk_X509_push(between, intermediates->pdata[i]);
    gboolean ready = X509_STORE_add_cert(store, root) == 1 &&
                     X509_STORE_CTX_init(context, store, leaf, between) == 1;
    X509_VERIFY_PARAM *how = ready ? X509_STORE_CTX_get0_param(context) : NULL;
    if (ready) {
        X509_VERIFY_PARAM_set_purpose(how, X509_PURPOSE_SSL_SERVER);
        X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_X509_STRICT);
        X509_VERIFY_PARAM_set_time(how, (time_t)when);
    }
    gboolean good = ready && X509_verify_cert(context) == 1;
    if (!good)
        fail_set(error, FAIL_FAILED, "the certificate does not hold: %s",
                 X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
    sk_X509_free(between);
    ERR_clear_error();
    return good;
}
