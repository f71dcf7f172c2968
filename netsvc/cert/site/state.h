/*
 * state: all that is kept of a site's certificates, as one text in one file, so that one rename is
 * a change of all of it, and that the other node gets the whole or nothing.
 *
 *     STATE/cert/state.json    0600; JSON of the members below, PEM texts in it
 *     STATE/cert/replaced.json what this node had when the other one's came in its place, where the
 *                              two had been made apart from one another
 *
 * Whoever has the recovery sheet and this file can sign with the root again, to give the site
 * another issuing certificate: jq -r .root_key state.json | base64 -d | age -d -i recovery.key
 *
 * The later one wins: by the term in which it was written, and within it by its generation, which
 * grows by one with each change. Only an active node changes it, so two of one term and generation
 * are equal, or made apart.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#define STATE_MAX (4 * 1024 * 1024) /* bytes of it */
#define STATE_ISSUED_MAX 4096       /* certificates that are remembered */
#define STATE_DIGEST 64             /* hex characters */

/* A chain with its key, both PEM; NULL: there is none. */
struct state_served {
    char *chain; /* the leaf first */
    char *key;
};

/* A certificate that was issued for somebody else's key, by ACME. */
struct state_issued {
    char *serial; /* hex */
    char *name;   /* the first of its names */
    gint64 not_after;
    gint64 revoked; /* when; 0: it is not */
};

struct state {
    guint64 term, generation;
    char *root, *root_key; /* the key is sealed with age, base64: only the recovery key opens it */
    char *issuing, *issuing_key;
    char *root_crl, *crl; /* PEM */
    guint64 crl_number;
    struct state_served own;
    struct state_served public, previous; /* imported; roll-back swaps the two */
    struct {
        char *text, *key; /* PEM */
        gint64 made;
    } request;         /* that waits for its certificate; NULL: none */
    GPtrArray *issued; /* struct state_issued */
};

struct state *state_new(void); /* of a site without a CA */
struct state *state_copy(const struct state *state);
void state_free(struct state *state); /* wipes the keys */
AUTO_DEFINE(state)

void state_set_served(struct state_served *served, char *chain, char *key); /* takes both */

/* What clients get: the public one while it is valid, else the site's own; NULL: none. `now` 0: the
 * clock is not believed, so that nothing has ended. */
const struct state_served *state_in_force(const struct state *state, gint64 now);

/* NULL: it is not in there. */
struct state_issued *state_find(const struct state *state, const char *serial);
void state_note_issued(struct state *state, const char *serial, const char *name, gint64 not_after);
/* Those that ended before `now` are forgotten. */
void state_forget(struct state *state, gint64 now);

/* Wipe and free it: g_string_free after explicit_bzero, or state_wipe. */
GString *state_text(const struct state *state);
void state_wipe(GString *text);
struct state *state_parse(struct slice text, GError **error);

/* Of the text: what tells two states apart. Caller frees. */
char *state_digest(const struct state *state);

/* Whether the other one's is the later one. */
gboolean state_is_older(const struct state *state, guint64 term, guint64 generation);

/* No file: a new one. */
struct state *state_load(int folder, GError **error);
gboolean state_save(const struct state *state, int folder, GError **error);
gboolean state_put_aside(const struct state *state, int folder, GError **error);
