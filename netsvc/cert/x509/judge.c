#include "netsvc/cert/x509/judge.h"

#include "lib/base/fail.h"
#include "netsvc/cert/x509/limits.h"
#include "netsvc/cert/x509/pem.h"

#include <openssl/err.h>
#include <string.h>

#define NAMES_TOLD 4

void
judge_found_clear(struct judge_found *found)
{
    if (found->chain != NULL)
        g_ptr_array_unref(found->chain);
    EVP_PKEY_free(found->key);
    *found = (struct judge_found){0};
}

static char *
day(gint64 time)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_local(time);
    return at != NULL ? g_date_time_format(at, "%Y-%m-%d %H:%M") : g_strdup("a day beyond all");
}

static gboolean
is_authority(X509 *certificate)
{
    return (X509_get_extension_flags(certificate) & EXFLAG_CA) != 0 ||
           X509_check_ca(certificate) == 1;
}

static gboolean
is_own_issuer(X509 *certificate)
{
    return X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) ==
           0;
}

/* ---- which one it is ---- */

static EVP_PKEY *
key_among(const GPtrArray *keys, X509 *certificate)
{
    const EVP_PKEY *wanted = X509_get0_pubkey(certificate);
    for (guint i = 0; wanted != NULL && keys != NULL && i < keys->len; i++)
        if (EVP_PKEY_eq(wanted, keys->pdata[i]) == 1)
            return keys->pdata[i];
    return NULL;
}

static EVP_PKEY *
key_of(const struct judge *judge, const struct pile *pile, X509 *certificate)
{
    EVP_PKEY *found = key_among(judge->keys, certificate);
    return found != NULL ? found : key_among(pile->keys, certificate);
}

static gboolean
is_for(const struct judge *judge, X509 *certificate)
{
    return X509_check_host(certificate, judge->name, 0, 0, NULL) == 1;
}

/* Of several the one for the service that ends last. */
static X509 *
find_leaf(const struct judge *judge, const struct pile *pile, EVP_PKEY **key)
{
    X509 *found = NULL;
    for (guint i = 0; i < pile->certificates->len; i++) {
        X509 *each = pile->certificates->pdata[i];
        EVP_PKEY *its = is_authority(each) ? NULL : key_of(judge, pile, each);
        const gboolean better = found == NULL || is_for(judge, each) > is_for(judge, found) ||
                                (is_for(judge, each) == is_for(judge, found) &&
                                 pem_not_after(each) > pem_not_after(found));
        if (its != NULL && better) {
            found = each;
            *key = its;
        }
    }
    return found;
}

static gboolean
tell_no_leaf(const struct judge *judge, const struct pile *pile, GError **error)
{
    static const char hint[] = "have the request signed that `lifeboat cert request` writes; or "
                               "bring the key, too, as server.key beside it";
    X509 *stranger = NULL;
    for (guint i = 0; i < pile->certificates->len && stranger == NULL; i++)
        if (!is_authority(pile->certificates->pdata[i]))
            stranger = pile->certificates->pdata[i];
    if (pile->certificates->len == 0)
        return fail_set(error, FAIL_USAGE, "there is no certificate in it\nhint: %s", hint);
    if (stranger == NULL)
        return fail_set(error, FAIL_USAGE,
                        "there are certificates of authorities alone in it: the server's own one "
                        "is missing");
    g_autofree char *whose = pem_common_name(X509_get_subject_name(stranger));
    if (pile->locked)
        return fail_set(error, FAIL_USAGE,
                        "the key that was brought with the certificate for '%s' is protected by a "
                        "password\nhint: take the password away: openssl pkey -in FILE -out "
                        "server.key",
                        whose);
    return fail_set(error, FAIL_USAGE,
                    "the certificate for '%s' is for a key that this server has not%s\nhint: %s",
                    whose, judge->keys->len > 0 ? "" : ": no certificate was requested here", hint);
}

/* ---- what may be wrong with it ---- */

/* Clients go by these alone, whatever the subject is called. */
static char *
names_of(X509 *leaf)
{
    g_autoptr(GPtrArray) names = limits_certificate_names(leaf);
    g_autoptr(GString) out = g_string_new(NULL);
    for (guint i = 0; names != NULL && i < MIN(names->len, NAMES_TOLD); i++)
        g_string_append_printf(out, "%s'%s'", i > 0 ? ", " : "", (const char *)names->pdata[i]);
    if (out->len == 0)
        g_string_assign(out, "no name at all");
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static gboolean
check_name(const struct judge *judge, X509 *leaf, GError **error)
{
    if (is_for(judge, leaf))
        return TRUE;
    g_autofree char *names = names_of(leaf);
    return fail_set(error, FAIL_USAGE,
                    "the certificate is for %s, not for '%s', which clients call the server", names,
                    judge->name);
}

static gboolean
check_dates(const struct judge *judge, X509 *certificate, const char *what, GError **error)
{
    const gint64 from = pem_not_before(certificate), to = pem_not_after(certificate);
    g_autofree char *begins = day(from), *ends = day(to), *now = day(judge->now);
    if (to <= judge->now)
        return fail_set(error, FAIL_USAGE, "%s has expired: it ended %s", what, ends);
    return from <= judge->now ||
           fail_set(
               error, FAIL_USAGE,
               "%s is not valid before %s, and it is %s here\nhint: if the clock is wrong, set "
               "it: timedatectl set-time 'YYYY-MM-DD HH:MM'",
               what, begins, now);
}

static gboolean
check_strength(X509 *certificate, const char *what, GError **error)
{
    int hash = 0, bits = 0;
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    if (key == NULL || EVP_PKEY_get_security_bits(key) < JUDGE_SECURITY)
        return fail_set(error, FAIL_USAGE,
                        "the key of %s is too weak: RSA of 2048 bits or more, or ECDSA of P-256",
                        what);
    return (X509_get_signature_info(certificate, &hash, NULL, &bits, NULL) == 1 && bits >= 100) ||
           fail_set(error, FAIL_USAGE, "the signature on %s is too weak: SHA-256 or more", what);
}

static gboolean
check_newer(const struct judge *judge, X509 *leaf, GError **error)
{
    if (judge->present == NULL)
        return TRUE;
    if (X509_cmp(judge->present, leaf) == 0)
        return fail_set(error, FAIL_LATER, "it is the certificate that is served already");
    g_autofree char *ends = day(pem_not_after(leaf)), *other = day(pem_not_after(judge->present));
    return pem_not_after(leaf) > pem_not_after(judge->present) ||
           fail_set(error, FAIL_USAGE,
                    "the certificate ends %s, and the one that is served now ends later, %s", ends,
                    other);
}

/* ---- its chain ---- */

static X509 *
issuer_of(X509 *certificate, const struct pile *pile)
{
    for (guint i = 0; i < pile->certificates->len; i++) {
        X509 *each = pile->certificates->pdata[i];
        EVP_PKEY *key = X509_get0_pubkey(each);
        if (each != certificate && X509_check_issued(each, certificate) == X509_V_OK &&
            key != NULL && X509_verify(certificate, key) == 1)
            return each;
    }
    return NULL;
}

/* From the leaf upwards; a root is not sent to clients. */
static GPtrArray *
collect_chain(X509 *leaf, const struct pile *pile, X509 **top)
{
    GPtrArray *chain = pem_chain_new();
    X509 *each = leaf;
    do {
        X509_up_ref(each);
        g_ptr_array_add(chain, each);
        *top = each;
        each = issuer_of(each, pile);
    } while (each != NULL && !is_own_issuer(each) && chain->len < PEM_CHAIN_MAX);
    if (each != NULL)
        *top = each;
    return chain;
}

static gboolean
check_each(const struct judge *judge, const GPtrArray *chain, GError **error)
{
    for (guint i = 0; i < chain->len; i++) {
        g_autofree char *name = pem_common_name(X509_get_subject_name(chain->pdata[i]));
        g_autofree char *what = i == 0
                                    ? g_strdup("the certificate")
                                    : g_strdup_printf("the certificate of '%s', above it,", name);
        if (!check_dates(judge, chain->pdata[i], what, error) ||
            !check_strength(chain->pdata[i], what, error))
            return FALSE;
    }
    return TRUE;
}

/* As a client that trusts the topmost does. */
static gboolean
check_whole(const struct judge *judge, const GPtrArray *chain, X509 *top, GError **error)
{
    g_autoptr(X509_STORE) store = X509_STORE_new();
    g_autoptr(X509_STORE_CTX) context = X509_STORE_CTX_new();
    STACK_OF(X509) *between = sk_X509_new_null();
    for (guint i = 1; i < chain->len; i++)
        sk_X509_push(between, chain->pdata[i]);
    X509_STORE_add_cert(store, top);
    gboolean good = X509_STORE_CTX_init(context, store, chain->pdata[0], between) == 1;
    if (good) {
        X509_VERIFY_PARAM *how = X509_STORE_CTX_get0_param(context);
        X509_VERIFY_PARAM_set_purpose(how, X509_PURPOSE_SSL_SERVER);
        X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_PARTIAL_CHAIN);
        X509_VERIFY_PARAM_set_time(how, (time_t)judge->now);
        good = X509_verify_cert(context) == 1;
    }
    if (!good)
        fail_set(error, FAIL_USAGE, "the certificate does not hold: %s",
                 X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
    sk_X509_free(between);
    return good;
}

static gboolean
check_chain(const struct judge *judge, const GPtrArray *chain, X509 *top, GError **error)
{
    X509 *leaf = chain->pdata[0];
    g_autofree char *issuer = pem_common_name(X509_get_issuer_name(leaf));
    g_autofree char *text = pem_chain(chain, 0);
    if (is_own_issuer(leaf))
        return fail_set(error, FAIL_USAGE,
                        "the certificate is signed by itself: no client would trust it");
    if (top == leaf)
        return fail_set(error, FAIL_USAGE,
                        "the certificate of '%s', who signed it, is missing\nhint: bring the whole "
                        "chain: the file that is called fullchain",
                        issuer);
    if (strlen(text) > JUDGE_CHAIN_MAX)
        return fail_set(error, FAIL_USAGE, "its chain is too long");
    return check_each(judge, chain, error) && check_whole(judge, chain, top, error);
}

gboolean
judge_pile(const struct judge *judge, const struct pile *pile, struct judge_found *found,
           GError **error)
{
    EVP_PKEY *key = NULL;
    X509 *top = NULL, *leaf = find_leaf(judge, pile, &key);
    *found = (struct judge_found){0};
    if (leaf == NULL)
        return tell_no_leaf(judge, pile, error);
    g_autoptr(GPtrArray) chain = collect_chain(leaf, pile, &top);
    gboolean good = check_name(judge, leaf, error) &&
                    check_dates(judge, leaf, "the certificate", error) &&
                    check_newer(judge, leaf, error) && check_chain(judge, chain, top, error);
    ERR_clear_error();
    if (!good)
        return FALSE;
    EVP_PKEY_up_ref(key);
    *found = (struct judge_found){g_steal_pointer(&chain), key};
    return TRUE;
}

/* ---- whom others trust ---- */

gboolean
judge_is_known(const char *chain, X509_STORE *known, gint64 when, char **topmost)
{
    g_autoptr(GPtrArray) certificates = pem_read_chain(chain);
    g_autoptr(X509_STORE_CTX) context = X509_STORE_CTX_new();
    STACK_OF(X509) *between = sk_X509_new_null();
    *topmost = NULL;
    for (guint i = 1; i < certificates->len; i++)
        sk_X509_push(between, certificates->pdata[i]);
    gboolean good = certificates->len > 0 &&
                    X509_STORE_CTX_init(context, known, certificates->pdata[0], between) == 1;
    if (good) {
        X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), (time_t)when);
        good = X509_verify_cert(context) == 1;
    }
    if (!good && certificates->len > 0)
        *topmost =
            pem_common_name(X509_get_issuer_name(certificates->pdata[certificates->len - 1]));
    sk_X509_free(between);
    ERR_clear_error();
    return good;
}
