/*
 * ledger: what the ACME server remembers, in acme.db (SQLite, WAL, FULL): accounts, orders with
 * their authorizations, certificates.
 *
 *     account ─< order ─< authorization        an order's names, one authorization each
 *             └─< certificate                   the order's, and what became of it
 *
 * A client's challenges are its authorization's: their tokens are made of its secret, and which one
 * was tried, and what came of it, stands there too.
 *
 * Each put of what both nodes of a pair are to have is a change, which triggers note in the table
 * of that name.
 *
 * What is answered is durable. Reading gives a struct of its own that the caller frees, or NULL:
 * with an error it could not be read, without one there is none. Old rows go with ledger_prune;
 * what there may be at most is in rules/quotas.h.
 */
#pragma once

#include "lib/base/cleanup.h"

#define LEDGER_ID_MAX 64           /* bytes of an id, with its zero byte */
#define LEDGER_ORDER_DAYS 7        /* that an order can be fulfilled, and is kept behind that */
#define LEDGER_CERTIFICATE_DAYS 30 /* that one is kept after it has run out */
#define LEDGER_ACCOUNT_DAYS 400    /* that one is kept after it was used last */

enum ledger_status {
    LEDGER_PENDING,
    LEDGER_READY,
    LEDGER_PROCESSING,
    LEDGER_VALID,
    LEDGER_INVALID,
    LEDGER_DEACTIVATED,
    LEDGER_EXPIRED,
    LEDGER_REVOKED,
    LEDGER_STATUSES,
};
const char *ledger_status_name(enum ledger_status status); /* as RFC 8555 has it */

struct ledger_account {
    char *id;         /* thumbprint of the key that it began with … */
    char *name;       /* … and that key, as it stands in its URL */
    char *key;        /* the key now, in the same form … */
    char *thumbprint; /* … and its thumbprint */
    char *contacts;   /* JSON array of texts */
    enum ledger_status status;
    gint64 created, used; /* seconds since 1970 */
    /* How often each was changed: of two nodes' the later one counts (pair/unite.h). */
    guint32 key_version, contacts_version;
};

struct ledger_order {
    char *id, *account;
    enum ledger_status status;
    gint64 created, expires;
    char *identifiers; /* JSON array, as it is answered */
    char *error;       /* JSON problem; NULL: none */
    char *certificate; /* its id; NULL: none yet */
    char *csr;         /* base64 of its DER, while it is processed; NULL: none */
    char *replaces;    /* id of the certificate that it renews; NULL: none */
};

struct ledger_authorization {
    char *id, *account, *order;
    char *type, *value; /* "dns" or "ip", and the name without "*." */
    gboolean wildcard;
    enum ledger_status status;
    gint64 expires;
    char *secret;     /* of its tokens */
    char *tried;      /* type of the challenge; NULL: none yet */
    char *error;      /* JSON problem of that; NULL: none */
    gint64 validated; /* seconds since 1970; 0: not yet */
};

struct ledger_certificate {
    char *id, *account;
    char *serial;      /* hex, capital letters, as OpenSSL writes a number */
    char *issuer;      /* hex, capital letters: its authority key identifier */
    char *key;         /* hex: SHA-256 of its public key */
    char *identifiers; /* of the order */
    char *chain;       /* PEM */
    gint64 not_before, not_after;
    gint64 revoked;    /* when; 0: it was not */
    gboolean replaced; /* another order says so (RFC 9773) */
};

struct ledger;

/* One that is damaged is set aside as PATH.damaged-TIME, in the log, and begun anew: accounts come
 * back by themselves. */
struct ledger *ledger_open(const char *path, GError **error);
void ledger_free(struct ledger *ledger);
AUTO_DEFINE(ledger)

/* All between the two becomes durable together; `done` FALSE takes it back. */
gboolean ledger_begin(struct ledger *ledger, GError **error);
gboolean ledger_end(struct ledger *ledger, gboolean done, GError **error);

struct ledger_account *ledger_account(struct ledger *ledger, const char *id, GError **error);
/* Two have one key where each node gave it to another account before they met: the valid one, of
 * valid ones the older one. */
struct ledger_account *ledger_account_of_key(struct ledger *ledger, const char *thumbprint,
                                             GError **error);
gboolean ledger_put_account(struct ledger *ledger, const struct ledger_account *account,
                            GError **error);
void ledger_account_free(struct ledger_account *account);
AUTO_DEFINE(ledger_account)

struct ledger_order *ledger_order(struct ledger *ledger, const char *id, GError **error);
/* The ids of an account's orders that are not invalid, newest first. */
GPtrArray *ledger_orders_of(struct ledger *ledger, const char *account, GError **error);
/* The ids of all that are being processed. */
GPtrArray *ledger_orders_processed(struct ledger *ledger, GError **error);
gboolean ledger_put_order(struct ledger *ledger, const struct ledger_order *order, GError **error);
void ledger_order_free(struct ledger_order *order);
AUTO_DEFINE(ledger_order)

struct ledger_authorization *ledger_authorization(struct ledger *ledger, const char *id,
                                                  GError **error);
/* struct ledger_authorization, in the order in which they were put. */
GPtrArray *ledger_authorizations_of(struct ledger *ledger, const char *order, GError **error);
/* Those whose challenge is being tried. */
GPtrArray *ledger_authorizations_tried(struct ledger *ledger, GError **error);
gboolean ledger_put_authorization(struct ledger *ledger,
                                  const struct ledger_authorization *authorization, GError **error);
void ledger_authorization_free(struct ledger_authorization *authorization);
AUTO_DEFINE(ledger_authorization)

struct ledger_certificate *ledger_certificate(struct ledger *ledger, const char *id,
                                              GError **error);
struct ledger_certificate *ledger_certificate_of_serial(struct ledger *ledger, const char *serial,
                                                        GError **error);
gboolean ledger_put_certificate(struct ledger *ledger, const struct ledger_certificate *certificate,
                                GError **error);
void ledger_certificate_free(struct ledger_certificate *certificate);
AUTO_DEFINE(ledger_certificate)

/* How many there are, for limits. */
enum ledger_what {
    LEDGER_ACCOUNTS,       /* all */
    LEDGER_CERTIFICATES,   /* all */
    LEDGER_ORDERS,         /* all */
    LEDGER_ORDERS_PENDING, /* of the account */
    LEDGER_ORDERS_SINCE,   /* of the account, since then */
    LEDGER_FAILURES_SINCE, /* of the account: authorizations that became invalid since then */
};
gboolean ledger_count(struct ledger *ledger, enum ledger_what what, const char *account,
                      gint64 since, guint *count, GError **error);

/* Makes room where there are `max` or more: the oldest twentieth goes, of orders those that are
 * done with first, of accounts those that were not used for longest. What is gone has to be begun
 * anew; accounts come back by themselves. `what`: one of those of all. */
gboolean ledger_make_room(struct ledger *ledger, enum ledger_what what, guint max, GError **error);

/* Whether another node's row is to be taken in: yes where there are fewer than `max`, or it is
 * later than the oldest, which makes room. `age`: when it was used, issued or made. */
gboolean ledger_admits(struct ledger *ledger, enum ledger_what what, guint max, gint64 age,
                       gboolean *admitted, GError **error);

/* What is too old goes. */
gboolean ledger_prune(struct ledger *ledger, gint64 now, GError **error);

/* ---- changes: what the other node is to know (pair/twin.h) ---- */

/* Accounts, certificates, and orders that have theirs. */
enum ledger_kind { LEDGER_ACCOUNT, LEDGER_CERTIFICATE, LEDGER_ORDER };

/* A row was put. It has one change, the last; numbers rise, and are never used again. */
struct ledger_change {
    gint64 number; /* 1, … */
    enum ledger_kind kind;
    char id[LEDGER_ID_MAX];
};

/* The first one behind that number; FALSE: there is none, or with an error. */
gboolean ledger_next_change(struct ledger *ledger, gint64 after, struct ledger_change *change,
                            GError **error);

/* `changed` is called from within whatever puts a row: it only notes that there is one. */
void ledger_watch(struct ledger *ledger, void (*changed)(gpointer context), gpointer context);
