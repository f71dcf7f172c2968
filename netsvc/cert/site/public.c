#include "netsvc/cert/site/public.h"

#include "lib/base/fail.h"
#include "netsvc/cert/x509/judge.h"
#include "netsvc/cert/x509/pem.h"

#include <string.h>

/* ---- the request ---- */

/* No addresses: a public authority certifies none of a LAN. */
static GPtrArray *
public_names(const struct config *config)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    guint8 address[16];
    g_ptr_array_add(names, g_strdup(config->cert.name));
    for (guint i = 0; i < config->cert.names->len && names->len < LIMITS_NAMES_MAX; i++) {
        const char *name = config->cert.names->pdata[i];
        if (limits_address(name, address) == 0 && !limits_has(names, name))
            g_ptr_array_add(names, g_strdup(name));
    }
    return names;
}

/* Whether the one that waits still asks for what is wanted. */
static gboolean
still_good(const struct state *state, const GPtrArray *names)
{
    g_autoptr(X509_REQ) request = pem_read_request(state->request.text);
    if (request == NULL)
        return FALSE;
    g_autoptr(GPtrArray) asked = limits_request_names(request);
    gboolean same = asked->len == names->len;
    for (guint i = 0; same && i < names->len; i++)
        same = limits_has(asked, names->pdata[i]);
    return same;
}

gboolean
site_request(struct site *site, gint64 now, GError **error)
{
    g_autoptr(GPtrArray) names = public_names(site->config);
    if (still_good(site->state, names))
        return TRUE;
    g_autoptr(EVP_PKEY) key = make_key(error);
    g_autoptr(X509_REQ) request = key != NULL ? make_request(key, names, error) : NULL;
    if (request == NULL)
        return FALSE;
    struct state *next = state_copy(site->state);
    state_set_request(next, pem_request(request), pem_key(key), now);
    return site_commit(site, next, error);
}

/* ---- its certificate ---- */

static void
free_key(gpointer key)
{
    EVP_PKEY_free(key);
}

/* Of the requests, and of certificates that were here: the same request may be signed again. */
static GPtrArray *
own_keys(const struct state *state)
{
    const char *const texts[] = {state->request.key, state->spare_key, state->public.key,
                                 state->previous.key};
    GPtrArray *keys = g_ptr_array_new_with_free_func(free_key);
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        EVP_PKEY *key = texts[i] != NULL ? pem_read_key(texts[i]) : NULL;
        if (key != NULL)
            g_ptr_array_add(keys, key);
    }
    return keys;
}

static gboolean
was_rolled_back(const struct state *state, X509 *leaf)
{
    g_autoptr(X509) previous = pem_read_certificate(state->previous.chain);
    return previous != NULL && X509_cmp(previous, leaf) == 0;
}

static gboolean
serve(struct site *site, const struct judge_found *found, GError **error)
{
    struct state *next = state_copy(site->state);
    state_serve(next, pem_chain(found->chain, 0), pem_key(found->key));
    return site_commit(site, next, error);
}

/* Whether it is to be taken where nobody stands by. */
static gboolean
may_come_by_drive(const struct site *site, const struct judge_found *found, X509_STORE *known,
                  gint64 now, GError **error)
{
    static const char hint[] = "lifeboat cert import takes it all the same";
    g_autofree char *chain = pem_chain(found->chain, 0), *topmost = NULL;
    if (was_rolled_back(site->state, found->chain->pdata[0]))
        return fail_set(error, FAIL_LATER, "that certificate was rolled back here\nhint: %s", hint);
    return known == NULL || judge_is_known(chain, known, now, &topmost) ||
           fail_set(error, FAIL_USAGE,
                    "this server's list of public authorities does not have '%s', who is above "
                    "it\nhint: %s",
                    topmost, hint);
}

gboolean
site_import(struct site *site, const struct pile *pile, gboolean by_drive, X509_STORE *known,
            gint64 now, GError **error)
{
    g_autoptr(GPtrArray) keys = own_keys(site->state);
    g_autoptr(X509) present = pem_read_certificate(site->state->public.chain);
    const struct judge judge = {
        .name = site->config->cert.name, .keys = keys, .now = now, .present = present};
    struct judge_found found;
    if (!judge_pile(&judge, pile, &found, error))
        return FALSE;
    const gboolean done = (!by_drive || may_come_by_drive(site, &found, known, now, error)) &&
                          serve(site, &found, error);
    judge_found_clear(&found);
    return done;
}

GPtrArray *
site_not_covered(const struct site *site)
{
    GPtrArray *missing = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(X509) leaf = pem_read_certificate(site->state->public.chain);
    g_autoptr(GPtrArray) has = leaf != NULL ? limits_certificate_names(leaf) : NULL;
    g_autoptr(GPtrArray) wanted = public_names(site->config);
    for (guint i = 0; has != NULL && i < wanted->len; i++)
        if (!limits_cover(has, wanted->pdata[i]))
            g_ptr_array_add(missing, g_strdup(wanted->pdata[i]));
    return missing;
}

gboolean
site_roll_back(struct site *site, GError **error)
{
    if (site->state->public.chain == NULL && site->state->previous.chain == NULL)
        return fail_set(error, FAIL_USAGE,
                        "there is no certificate to go back to: none was imported yet");
    struct state *next = state_copy(site->state);
    const struct state_served back = next->previous;
    next->previous = next->public;
    next->public = back;
    return site_commit(site, next, error);
}
