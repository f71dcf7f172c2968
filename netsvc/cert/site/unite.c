#include "netsvc/cert/site/unite.h"

#include "netsvc/cert/x509/pem.h"

/* ---- what was issued ---- */

static void
unite_issued(struct state *both, const struct state *loser)
{
    for (guint i = 0; i < loser->issued->len; i++) {
        const struct state_issued *theirs = loser->issued->pdata[i];
        struct state_issued *own = state_find(both, theirs->serial);
        if (own == NULL)
            state_note_issued(both, theirs);
        else if (theirs->revoked > 0 && (own->revoked == 0 || theirs->revoked < own->revoked))
            own->revoked = theirs->revoked;
    }
}

/* ---- the public one ---- */

static gboolean
is_same(const char *chain, X509 *leaf)
{
    g_autoptr(X509) other = pem_read_certificate(chain);
    return other != NULL && X509_cmp(other, leaf) == 0;
}

static gboolean
ends_later(X509 *leaf, const char *chain)
{
    g_autoptr(X509) other = pem_read_certificate(chain);
    return other == NULL || pem_not_after(leaf) > pem_not_after(other);
}

static void
unite_public(struct state *both, const struct state *loser)
{
    const struct state_served *theirs = &loser->public;
    g_autoptr(X509) leaf = pem_read_certificate(theirs->chain);
    if (leaf == NULL || is_same(both->public.chain, leaf) || is_same(both->previous.chain, leaf))
        return;
    if (ends_later(leaf, both->public.chain))
        state_serve(both, g_strdup(theirs->chain), g_strdup(theirs->key));
    else if (both->previous.chain == NULL)
        state_set_served(&both->previous, g_strdup(theirs->chain), g_strdup(theirs->key));
}

/* ---- the request ---- */

static gboolean
has_key(const struct state *state, const char *key)
{
    const char *const all[] = {state->request.key, state->spare_key, state->public.key,
                               state->previous.key};
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        if (g_strcmp0(all[i], key) == 0)
            return TRUE;
    return FALSE;
}

/* FALSE: there is no room for it. */
static gboolean
keep_key(struct state *both, const char *key)
{
    if (key == NULL || has_key(both, key))
        return TRUE;
    if (both->spare_key != NULL)
        return FALSE;
    both->spare_key = g_strdup(key);
    return TRUE;
}

static gboolean
unite_request(struct state *both, const struct state *loser)
{
    if (both->request.key == NULL && loser->request.key != NULL &&
        !has_key(both, loser->request.key))
        state_set_request(both, g_strdup(loser->request.text), g_strdup(loser->request.key),
                          loser->request.made);
    const gboolean kept = keep_key(both, loser->request.key);
    return keep_key(both, loser->spare_key) && kept;
}

/* ---- what it comes of ---- */

static void
come_of(struct state *both, const struct state *one)
{
    for (guint i = 0; i < one->past->len; i++) {
        const struct state_past *past = &g_array_index(one->past, struct state_past, i);
        state_note_past(both, past->term, past->generation);
    }
    state_note_past(both, one->term, one->generation);
}

struct state *
unite_states(const struct state *winner, const struct state *loser, gboolean *dropped)
{
    struct state *both = state_copy(winner);
    come_of(both, winner);
    come_of(both, loser);
    both->term = MAX(winner->term, loser->term);
    both->generation = MAX(winner->generation, loser->generation);
    both->crl_number = MAX(winner->crl_number, loser->crl_number);
    unite_issued(both, loser);
    unite_public(both, loser);
    *dropped = !unite_request(both, loser);
    return both;
}
