/*
 * state: all that is kept of a site's certificates, as one text in one file, so that one rename is
 * a change of all of it, and that the other node gets the whole or nothing.
 *
 *     STATE/cert/state.json    0600; JSON of the members below, PEM texts in it
 *     STATE/cert/replaced.json what lost and is not in state.json, where the two nodes' had been
 *                              made or changed apart from one another
 *
 * Whoever has the recovery sheet and this file can sign with the root again, to give the site
 * another issuing certificate: jq -r .root_key state.json | base64 -d | age -d -i recovery.key
 *
 * Of each state there is the term in which it was written, and its generation, which grows by one
 * with each change. Only an active node changes it, so that within a term one comes of the other;
 * of earlier terms `past` tells how far each was gone through on the way here. Where neither comes
 * of the other they were changed apart from one another, and are united (unite.h).
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#define STATE_MAX (4 * 1024 * 1024) /* bytes of it */
#define STATE_ISSUED_MAX 4096       /* certificates that are remembered */
#define STATE_PAST_MAX 256          /* terms that are remembered: the latest */
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

/* What a state comes of. */
struct state_past {
    guint64 term, generation; /* the last one of that term */
};

struct state {
    guint64 term, generation;
    GArray *past;          /* struct state_past, each term once */
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
    char *spare_key;   /* of one that waits, too: the other node had made it; NULL: none */
    GPtrArray *issued; /* struct state_issued */
};

struct state *state_new(void); /* of a site without a CA */
struct state *state_copy(const struct state *state);
void state_free(struct state *state); /* wipes the keys */
AUTO_DEFINE(state)

void state_set_served(struct state_served *served, char *chain, char *key); /* takes both */
/* As the public one, whose request waits no longer; the one before is the way back. Takes both. */
void state_serve(struct state *state, char *chain, char *key);
/* Takes both; NULL: none. */
void state_set_request(struct state *state, char *text, char *key, gint64 made);

/* What clients get: the public one while all of its chain is valid, else the site's own; NULL:
 * none. `now` 0: the clock is not believed, so that nothing has ended. */
const struct state_served *state_in_force(const struct state *state, gint64 now);

/* NULL: it is not in there. */
struct state_issued *state_find(const struct state *state, const char *serial);
void state_note_issued(struct state *state, const struct state_issued *what);
/* Those that ended before `now` are forgotten. */
void state_forget(struct state *state, gint64 now);

/* Wipe and free it: g_string_free after explicit_bzero, or state_wipe. */
GString *state_text(const struct state *state);
void state_wipe(GString *text);
struct state *state_parse(struct slice text, GError **error);

/* Of the text: what tells two states apart. Caller frees. */
char *state_digest(const struct state *state);

/* That one was on the way to this state. */
void state_note_past(struct state *state, guint64 term, guint64 generation);
/* Whether it was: the two were not changed apart from one another. */
gboolean state_comes_of(const struct state *state, const struct state *earlier);

/* No file: a new one. */
struct state *state_load(int folder, GError **error);
gboolean state_save(const struct state *state, int folder, GError **error);
gboolean state_put_aside(const struct state *state, int folder, GError **error);
