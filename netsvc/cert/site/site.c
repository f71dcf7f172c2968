#include "netsvc/cert/site/site.h"

#include "lib/base/fail.h"
#include "lib/crypt/base64.h"
#include "netsvc/cert/site/unite.h"
#include "netsvc/cert/x509/pem.h"

#include <openssl/bn.h>
#include <string.h>

#define BACKDATED SITE_DAY /* seconds: for phones whose clocks are behind */
#define LIFE_DAYS_MAX 397  /* of a leaf: browsers refuse longer ones */

/* ---- the whole ---- */

struct site *
site_new(const struct config *config, int folder, GError **error)
{
    struct state *state = state_load(folder, error);
    if (state == NULL)
        return NULL;
    struct site *site = g_new0(struct site, 1);
    site->config = config;
    site->folder = folder;
    site->state = state;
    return site;
}

void
site_free(struct site *site)
{
    if (site == NULL)
        return;
    state_free(site->state);
    g_free(site);
}

gboolean
site_commit(struct site *site, struct state *next, GError **error)
{
    if (site->term > next->term) {
        state_note_past(next, next->term, next->generation);
        next->term = site->term;
    }
    next->generation++;
    if (!state_save(next, site->folder, error)) {
        state_free(next);
        return FALSE;
    }
    state_free(site->state);
    site->state = next;
    return TRUE;
}

char *
site_crl_url(const struct config *config, gboolean of_root)
{
    if (!config->web.enabled || config->web.http == 0)
        return NULL;
    return g_strdup_printf("http://%s:%u/%s.crl", config->cert.name, config->web.http,
                           of_root ? "root" : "ca");
}

/* ---- the authority's parts ---- */

/* The two of the state that sign. */
struct authority {
    X509 *root, *issuing;
    EVP_PKEY *key; /* of the issuing one */
};

static void
authority_clear(struct authority *authority)
{
    X509_free(authority->root);
    X509_free(authority->issuing);
    EVP_PKEY_free(authority->key);
}

static gboolean
authority_read(const struct state *state, struct authority *authority, GError **error)
{
    *authority =
        (struct authority){pem_read_certificate(state->root), pem_read_certificate(state->issuing),
                           pem_read_key(state->issuing_key)};
    if (authority->root != NULL && authority->issuing != NULL && authority->key != NULL)
        return TRUE;
    authority_clear(authority);
    *authority = (struct authority){0};
    return fail_set(error, FAIL_FAILED,
                    "the site has no authority of its own yet\nhint: lifeboat cert init");
}

static struct make_signer
signer_of(const struct authority *authority)
{
    return (struct make_signer){authority->issuing, authority->key};
}

/* ---- making it ---- */

static gboolean
collect(void *context, const void *data, gsize size, GError **error)
{
    (void)error;
    g_byte_array_append(context, data, (guint)size);
    return TRUE;
}

/* Of the root's key only this stays. */
static char *
seal(EVP_PKEY *key, const guint8 recipient[AGE_KEY_SIZE], GError **error)
{
    g_autoptr(GByteArray) sealed = g_byte_array_new();
    char *text = pem_key(key);
    guint8 recipients[1][AGE_KEY_SIZE];
    memcpy(recipients[0], recipient, AGE_KEY_SIZE);
    AUTO(age_writer) *writer =
        age_writer_new((const guint8(*)[AGE_KEY_SIZE])recipients, 1, collect, sealed, error);
    gboolean done = writer != NULL && age_writer_add(writer, text, strlen(text), error) &&
                    age_writer_finish(writer, error);
    explicit_bzero(text, strlen(text));
    g_free(text);
    if (!done)
        return NULL;
    GString *out = g_string_new(NULL);
    base64_append(out, sealed->data, sealed->len, TRUE);
    return g_string_free(out, FALSE);
}

static char *
title_of(const struct config *config, const char *what, gint64 now)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(now);
    g_autofree char *day = g_date_time_format(time, "%Y-%m-%d");
    const char *whose =
        config->cert.organisation != NULL ? config->cert.organisation : config->cert.name;
    g_autofree char *valid = g_utf8_make_valid(whose, -1);
    g_autofree char *begins = g_utf8_substring(valid, 0, MIN(g_utf8_strlen(valid, -1), 40));
    return g_strdup_printf("%s %s %s", begins, what, day);
}

static X509 *
make_one(const struct site *site, const struct limits *limits, EVP_PKEY *key, gboolean is_root,
         struct make_signer signer, gint64 now, GError **error)
{
    const struct make_life life = {now - BACKDATED, now + SITE_AUTHORITY_DAYS * SITE_DAY};
    g_autofree char *title = title_of(site->config, is_root ? "root" : "servers", now);
    g_autofree char *crl = is_root ? NULL : site_crl_url(site->config, TRUE);
    const struct make_authority what = {.organisation = site->config->cert.organisation,
                                        .title = title,
                                        .path_length = is_root ? 1 : 0,
                                        .limits = limits,
                                        .crl = crl};
    return make_authority(key, &what, life, signer, error);
}

/* The list of the root can never be signed again: it holds for all of its life. */
static gboolean
make_root_crl(struct state *next, X509 *root, EVP_PKEY *key, GError **error)
{
    const struct make_life life = {pem_not_before(root), pem_not_after(root)};
    g_autoptr(X509_CRL) crl = make_crl(NULL, 1, life, (struct make_signer){root, key}, error);
    if (crl != NULL)
        next->root_crl = pem_crl(crl);
    return crl != NULL;
}

static gboolean
make_authorities(const struct site *site, struct state *next, const guint8 recipient[AGE_KEY_SIZE],
                 gint64 now, GError **error)
{
    AUTO(limits) *limits = limits_configured(site->config);
    g_autoptr(EVP_PKEY) root_key = make_key(error), issuing_key = NULL;
    g_autoptr(X509) root = NULL, issuing = NULL;
    if (root_key == NULL || (issuing_key = make_key(error)) == NULL)
        return FALSE;
    root = make_one(site, limits, root_key, TRUE, (struct make_signer){0}, now, error);
    if (root == NULL)
        return FALSE;
    issuing = make_one(site, limits, issuing_key, FALSE, (struct make_signer){root, root_key}, now,
                       error);
    if (issuing == NULL || !make_root_crl(next, root, root_key, error) ||
        (next->root_key = seal(root_key, recipient, error)) == NULL)
        return FALSE;
    next->root = pem_certificate(root);
    next->issuing = pem_certificate(issuing);
    next->issuing_key = pem_key(issuing_key);
    return TRUE;
}

/* ---- the list of the issuing one ---- */

static gboolean
renew_crl(struct state *next, const struct authority *authority, gint64 now, GError **error)
{
    const struct make_life life = {now - BACKDATED, now + SITE_CRL_DAYS * SITE_DAY};
    g_autoptr(GArray) revoked = g_array_new(FALSE, TRUE, sizeof(struct make_revoked));
    for (guint i = 0; i < next->issued->len; i++) {
        const struct state_issued *issued = next->issued->pdata[i];
        const struct make_revoked entry = {issued->serial, issued->revoked};
        if (issued->revoked > 0)
            g_array_append_val(revoked, entry);
    }
    g_autoptr(X509_CRL) crl =
        make_crl(revoked, next->crl_number + 1, life, signer_of(authority), error);
    if (crl == NULL)
        return FALSE;
    next->crl_number++;
    g_free(next->crl);
    next->crl = pem_crl(crl);
    return TRUE;
}

static gboolean
crl_names(X509_CRL *crl, const char *serial)
{
    BIGNUM *number = NULL;
    X509_REVOKED *entry = NULL;
    const gboolean read = BN_hex2bn(&number, serial) > 0;
    ASN1_INTEGER *wanted = read ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
    const gboolean found = wanted != NULL && X509_CRL_get0_by_serial(crl, &entry, wanted) == 1;
    ASN1_INTEGER_free(wanted);
    BN_free(number);
    return found;
}

static gboolean
crl_names_all(X509_CRL *crl, const struct state *state)
{
    for (guint i = 0; i < state->issued->len; i++) {
        const struct state_issued *issued = state->issued->pdata[i];
        if (issued->revoked > 0 && !crl_names(crl, issued->serial))
            return FALSE;
    }
    return TRUE;
}

static gboolean
crl_is_due(const struct state *state, gint64 now)
{
    g_autoptr(X509_CRL) crl = pem_read_crl(state->crl);
    return crl == NULL || !crl_names_all(crl, state) ||
           site_is_due(pem_time(X509_CRL_get0_lastUpdate(crl)),
                       pem_time(X509_CRL_get0_nextUpdate(crl)), now);
}

/* ---- leaves ---- */

gboolean
site_is_due(gint64 from, gint64 to, gint64 now)
{
    return now >= from + (to - from) / 3 * 2;
}

static struct make_life
leaf_life(const struct site *site, X509 *issuing, gint64 now)
{
    const gint64 from = now - BACKDATED;
    const gint64 to =
        MIN(now + (gint64)site->config->cert.days * SITE_DAY, from + LIFE_DAYS_MAX * SITE_DAY - 1);
    return (struct make_life){from, MIN(to, pem_not_after(issuing))};
}

/* A leaf as it is to be, or NULL: proven by what clients do with it. */
static X509 *
issue_leaf(const struct site *site, const struct authority *authority, EVP_PKEY *key,
           const GPtrArray *names, gint64 now, GError **error)
{
    g_autofree char *crl = site_crl_url(site->config, FALSE);
    g_autoptr(GPtrArray) between = g_ptr_array_new();
    g_autoptr(X509) leaf = make_leaf(key, names, crl, leaf_life(site, authority->issuing, now),
                                     signer_of(authority), error);
    g_ptr_array_add(between, authority->issuing);
    if (leaf == NULL || !make_verify(leaf, between, authority->root, now, error))
        return NULL;
    return g_steal_pointer(&leaf);
}

static char *
chain_of(X509 *leaf, const struct authority *authority)
{
    g_autofree char *first = pem_certificate(leaf), *second = pem_certificate(authority->issuing);
    return g_strconcat(first, second, NULL);
}

static GPtrArray *
own_names(const struct site *site, X509 *root, GPtrArray *left_out)
{
    g_autoptr(GPtrArray) wanted = limits_own_names(site->config);
    AUTO(limits) *limits = limits_read(root);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < wanted->len; i++)
        g_ptr_array_add(limits == NULL || limits_allow(limits, wanted->pdata[i]) ? names : left_out,
                        g_strdup(wanted->pdata[i]));
    return names;
}

GPtrArray *
site_left_out(const struct site *site)
{
    GPtrArray *left_out = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(X509) root = pem_read_certificate(site->state->root);
    if (root != NULL)
        g_ptr_array_unref(own_names(site, root, left_out));
    return left_out;
}

static gboolean
has_names(const X509 *leaf, const GPtrArray *names)
{
    g_autoptr(GPtrArray) has = limits_certificate_names(leaf);
    gboolean all = has->len == names->len;
    for (guint i = 0; all && i < names->len; i++)
        all = limits_has(has, names->pdata[i]);
    return all;
}

static gboolean
leaf_is_due(const struct state *state, const GPtrArray *names, gint64 now)
{
    g_autoptr(X509) leaf = pem_read_certificate(state->own.chain);
    return leaf == NULL || site_is_due(pem_not_before(leaf), pem_not_after(leaf), now) ||
           !has_names(leaf, names);
}

static gboolean
renew_leaf(const struct site *site, struct state *next, const struct authority *authority,
           const GPtrArray *names, gint64 now, GError **error)
{
    g_autoptr(EVP_PKEY) key = make_key(error);
    g_autoptr(X509) leaf = key != NULL ? issue_leaf(site, authority, key, names, now, error) : NULL;
    if (leaf == NULL)
        return FALSE;
    state_set_served(&next->own, chain_of(leaf, authority), pem_key(key));
    return TRUE;
}

static gboolean
renew_due(const struct site *site, struct state *next, gint64 now, gboolean *changed,
          GError **error)
{
    struct authority authority;
    if (!authority_read(next, &authority, error))
        return FALSE;
    g_autoptr(GPtrArray) left_out = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) names = own_names(site, authority.root, left_out);
    const gboolean leaf = leaf_is_due(next, names, now), crl = crl_is_due(next, now);
    gboolean done = (!leaf || renew_leaf(site, next, &authority, names, now, error)) &&
                    (!crl || renew_crl(next, &authority, now, error));
    *changed = leaf || crl;
    authority_clear(&authority);
    return done;
}

gboolean
site_renew(struct site *site, gint64 now, gboolean *changed, GError **error)
{
    *changed = FALSE;
    if (site->state->root == NULL)
        return TRUE;
    struct state *next = state_copy(site->state);
    state_forget(next, now);
    const gboolean done = renew_due(site, next, now, changed, error);
    if (done && *changed)
        return site_commit(site, next, error);
    state_free(next);
    return done;
}

gboolean
site_init(struct site *site, const guint8 recipient[AGE_KEY_SIZE], gint64 now, GError **error)
{
    gboolean changed = FALSE;
    if (site->state->root != NULL)
        return fail_set(error, FAIL_USAGE,
                        "there is an authority already, which is never overwritten\n"
                        "hint: 'lifeboat cert show' shows it");
    struct state *next = state_copy(site->state);
    if (make_authorities(site, next, recipient, now, error) &&
        renew_due(site, next, now, &changed, error))
        return site_commit(site, next, error);
    state_free(next);
    return FALSE;
}

/* ---- for others ---- */

void
site_issued_clear(struct site_issued *issued)
{
    g_free(issued->chain);
    g_free(issued->serial);
    *issued = (struct site_issued){0};
}

static X509_REQ *
read_request(struct slice der, GError **error)
{
    const unsigned char *at = (const unsigned char *)der.data;
    g_autoptr(X509_REQ) request = d2i_X509_REQ(NULL, &at, (long)der.size);
    EVP_PKEY *key = request != NULL ? X509_REQ_get0_pubkey(request) : NULL;
    if (key == NULL || at != (const unsigned char *)der.data + der.size ||
        X509_REQ_verify(request, key) != 1) {
        openssl_failed(NULL, "read it"); /* forgets OpenSSL's own word */
        fail_set(error, FAIL_USAGE,
                 "that is no certificate request, or it is not signed by its "
                 "own key");
        return NULL;
    }
    if (EVP_PKEY_get_security_bits(key) < 112) {
        fail_set(error, FAIL_USAGE,
                 "the request's key is too weak: RSA of 2048 bits or more, or "
                 "ECDSA of P-256");
        return NULL;
    }
    return g_steal_pointer(&request);
}

static gboolean
check_names(X509 *root, const X509_REQ *request, const GPtrArray *names, GError **error)
{
    g_autoptr(GPtrArray) asked = limits_request_names(request);
    AUTO(limits) *limits = limits_read(root);
    if (names->len == 0 || names->len > LIMITS_NAMES_MAX)
        return fail_set(error, FAIL_USAGE, "a certificate has 1 to %d names", LIMITS_NAMES_MAX);
    for (guint i = 0; i < asked->len; i++)
        if (!limits_has(names, asked->pdata[i]))
            return fail_set(error, FAIL_USAGE, "the request also asks for '%s'",
                            (const char *)asked->pdata[i]);
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        if (!limits_has(asked, name))
            return fail_set(error, FAIL_USAGE, "the request does not ask for '%s'", name);
        if (limits == NULL || !limits_allow(limits, name))
            return fail_set(error, FAIL_USAGE, "'%s' is not of the site's own names", name);
    }
    return TRUE;
}

gboolean
site_issue(struct site *site, struct slice request, const GPtrArray *names, gint64 now,
           struct site_issued *issued, GError **error)
{
    struct authority authority;
    g_autoptr(X509_REQ) asked = read_request(request, error);
    if (asked == NULL || !authority_read(site->state, &authority, error))
        return FALSE;
    g_autoptr(X509) leaf =
        check_names(authority.root, asked, names, error)
            ? issue_leaf(site, &authority, X509_REQ_get0_pubkey(asked), names, now, error)
            : NULL;
    if (leaf != NULL) {
        *issued = (struct site_issued){.chain = chain_of(leaf, &authority),
                                       .serial = pem_serial(leaf),
                                       .life = {pem_not_before(leaf), pem_not_after(leaf)}};
    }
    authority_clear(&authority);
    if (leaf == NULL)
        return FALSE;
    struct state *next = state_copy(site->state);
    state_forget(next, now);
    state_note_issued(next,
                      &(struct state_issued){issued->serial, names->pdata[0], issued->life.to, 0});
    if (site_commit(site, next, error))
        return TRUE;
    site_issued_clear(issued);
    return FALSE;
}

gboolean
site_revoke(struct site *site, const char *serial, gint64 now, GError **error)
{
    struct authority authority;
    if (!authority_read(site->state, &authority, error))
        return FALSE;
    struct state *next = state_copy(site->state);
    struct state_issued *issued = state_find(next, serial);
    const gboolean is_new = issued != NULL && issued->revoked == 0;
    gboolean done = issued != NULL;
    if (!done)
        fail_set(error, FAIL_USAGE, "there is no certificate of serial '%s', or it has ended",
                 serial);
    if (is_new) {
        issued->revoked = now;
        done = renew_crl(next, &authority, now, error);
    }
    authority_clear(&authority);
    if (is_new && done)
        return site_commit(site, next, error);
    state_free(next);
    return done;
}

/* ---- with the other node ---- */

/* Also where it is not due: either node has given out lists of numbers that the other one knows
 * not. */
static gboolean
renew_united_crl(struct state *next, gint64 now, GError **error)
{
    struct authority authority;
    if (next->root == NULL || now == 0)
        return TRUE;
    if (!authority_read(next, &authority, error))
        return FALSE;
    const gboolean done = renew_crl(next, &authority, now, error);
    authority_clear(&authority);
    return done;
}

gboolean
site_unite(struct site *site, const struct state *theirs, gboolean they_win, gint64 now,
           gboolean *dropped, GError **error)
{
    const struct state *winner = they_win ? theirs : site->state;
    const struct state *loser = they_win ? site->state : theirs;
    struct state *next = unite_states(winner, loser, dropped);
    if (renew_united_crl(next, now, error) &&
        (!*dropped || state_put_aside(loser, site->folder, error)))
        return site_commit(site, next, error);
    state_free(next);
    return FALSE;
}
