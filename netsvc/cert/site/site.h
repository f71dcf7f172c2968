/*
 * site: the site's own authority, and what is done with it. Each step makes a new state, writes it
 * durably and only then has it (state.h); the caller tells the other node, and puts it in force.
 *
 * Times are the caller's, who has judged the clock: nothing is made with a date that is not
 * believed.
 */
#pragma once

#include "lib/crypt/age.h"
#include "netsvc/cert/site/state.h"
#include "netsvc/cert/x509/make.h"

#define SITE_DAY (24 * 3600)
#define SITE_AUTHORITY_DAYS (15 * 365) /* of root and issuing certificate */
#define SITE_CRL_DAYS 30               /* of the issuing one's list; renewed at two thirds */

struct site {
    const struct config *config;
    int folder; /* of the state; not its own */
    struct state *state;
    guint64 term; /* of the node now; 0: alone */
};

/* What the folder has. */
struct site *site_new(const struct config *config, int folder, GError **error);
void site_free(struct site *site);
AUTO_DEFINE(site)

/* Makes the next state the one that is had; takes it. FALSE: it is as before. */
gboolean site_commit(struct site *site, struct state *next, GError **error);

/* Root, issuing certificate, their lists, and the first leaf. The root's key is sealed for
 * `recipient`, and wiped. FAIL_USAGE where there are some. */
gboolean site_init(struct site *site, const guint8 recipient[AGE_KEY_SIZE], gint64 now,
                   GError **error);

/* Whether that has passed two thirds of its life. */
gboolean site_is_due(gint64 from, gint64 to, gint64 now);

/* Renews what is due: the server's leaf, also where its names are others by now, and the list.
 * *changed: something was. Without an authority nothing is. */
gboolean site_renew(struct site *site, gint64 now, gboolean *changed, GError **error);

/* Names of the configuration that the root may not certify: they are left out. Caller frees. */
GPtrArray *site_left_out(const struct site *site);

struct site_issued {
    char *chain, *serial;
    struct make_life life;
};
void site_issued_clear(struct site_issued *issued);

/* Signs a request (DER) for exactly these names. FAIL_USAGE: the request is not as it should be. */
gboolean site_issue(struct site *site, struct slice request, const GPtrArray *names, gint64 now,
                    struct site_issued *issued, GError **error);

/* FAIL_USAGE: there is none of that serial. Once revoked it stays so. */
gboolean site_revoke(struct site *site, const char *serial, gint64 now, GError **error);

/* What was changed apart from one another becomes one state, the next: unite.h. `theirs` is the
 * other node's. At `now` 0 the clock is not believed: the list is renewed later. *dropped: of the
 * two the loser's is kept in replaced.json, as not all of it has room. */
gboolean site_unite(struct site *site, const struct state *theirs, gboolean they_win, gint64 now,
                    gboolean *dropped, GError **error);

/* Where clients find the list of the issuing authority, of the root: NULL where nothing is served.
 */
char *site_crl_url(const struct config *config, gboolean of_root);
