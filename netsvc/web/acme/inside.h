/*
 * inside: what the ACME server's files share: the server, and one request to it on its way.
 *
 *     acme.c           which request it is; is it signed, by whom, and once only
 *     account.c        newAccount, account, keyChange
 *     order.c          newOrder, order, orders
 *     authorization.c  authorization, challenge
 *     certificate.c    finalize, certificate, revokeCert, renewalInfo
 *     peer.c           the other node
 */
#pragma once

#include "lib/base/jsontext.h"
#include "netsvc/web/acme/acme.h"
#include "netsvc/web/acme/jose/jws.h"
#include "netsvc/web/acme/jose/nonces.h"
#include "netsvc/web/acme/ledger/ledger.h"
#include "netsvc/web/acme/pair/twin.h"
#include "netsvc/web/acme/problem.h"
#include "netsvc/web/acme/rules/policy.h"
#include "netsvc/web/acme/rules/quotas.h"
#include "netsvc/web/acme/validate/validator.h"

struct acme {
    struct child *child;
    struct ledger *ledger;
    struct quotas *quotas;
    struct nonces *nonces;
    struct policy *policy;
    struct validator *validator;
    struct event *pruning;
    struct twin *twin; /* with the other node */
    struct event *changed, *reminding;
    GHashTable *waiting; /* of certificate.c: what the cert child was asked for */
};

struct call {
    struct acme *acme;
    const struct web_request *request;
    struct web_answer *answer;      /* NULL: it was sent, or is kept by whoever sends it later */
    char *base;                     /* "https://clinic.example:8443/acme/" */
    const char *id;                 /* what stands in the path behind the name of the resource */
    struct jws *jws;                /* NULL: it is no POST */
    struct jwk *key;                /* that it was signed with */
    struct ledger_account *account; /* NULL: that it has none is what the resource wants */
    struct slice payload;           /* an object, or empty: POST-as-GET */
};

gint64 acme_now(void);   /* seconds since 1970 */
char *acme_new_id(void); /* nobody guesses it; caller frees */

/* Answers with an object, or other bytes, and a nonce. Fields of one's own come before. */
void call_field(struct call *call, const char *name, const char *format, ...) G_GNUC_PRINTF(3, 4);
void call_send(struct call *call, int status, const GString *json);
void call_send_as(struct call *call, int status, const char *type, const char *body, gsize size);

void call_fail(struct call *call, const GError *error); /* with its problem */

/* What could not be read, or else is not there: FALSE with a problem. */
gboolean acme_absent(const char *what, GError **error);

/* Each answers a call, or fails with a problem. */
gboolean account_new(struct call *call, GError **error);
gboolean account_handle(struct call *call, GError **error);
gboolean account_change_key(struct call *call, GError **error);
gboolean account_orders(struct call *call, GError **error);

gboolean order_new(struct call *call, GError **error);
gboolean order_handle(struct call *call, GError **error);

gboolean authorization_handle(struct call *call, GError **error);
gboolean authorization_challenge(struct call *call, GError **error);

gboolean certificate_finalize(struct call *call, GError **error);
gboolean certificate_handle(struct call *call, GError **error);
gboolean certificate_revoke(struct call *call, GError **error);
gboolean certificate_renewal(struct call *call, GError **error);

/* An account for a key that has none yet, durable when it returns. */
struct ledger_account *account_make(struct acme *acme, const struct jwk *key,
                                    const struct sockaddr_storage *from, const char *contacts,
                                    GError **error);

/* The order as it stands now: what its authorizations and the time have made of it is written. */
gboolean order_refresh(struct acme *acme, struct ledger_order *order, GError **error);
/* That the call names, as it stands now; NULL: it is not there, or another account's. */
struct ledger_order *order_of_call(const struct call *call, GError **error);
void order_json(struct acme *acme, const char *base, const struct ledger_order *order,
                GString *out);

/* What a process before this one had begun. */
gboolean authorization_resume(struct acme *acme, GError **error);
gboolean certificate_resume(struct acme *acme, GError **error);

/* Nobody waits for the cert child any more. */
void certificate_forget(struct acme *acme);

/* What was put in the ledger goes to the other node, from now on. */
void peer_begin(struct acme *acme);
void peer_end(struct acme *acme);
