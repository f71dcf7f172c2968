/*
 * twin: the ledgers of the two nodes are one: whichever is active, a client finds its account, its
 * certificates and what became of its orders. No sockets and no waiting here: messages go in and
 * out, whoever carries them.
 *
 *     taker                                      giver
 *     begin, under a session of its own ──→      all rows from the first change on
 *                          ←── rows, number 1    … and from then on each that changes
 *     durable              have, number 1 ──→    the next; four may be under way
 *
 * Each node is both at once, whatever its role is. What comes is united with what is there
 * (unite.h), so that it does no harm when a row comes twice, or one's own comes back; after a
 * forced switch and the return of the lost node both have what either had issued alone.
 *
 * A row is read in the ledger when its turn comes (ledger_next_change): nothing is kept to be sent,
 * whatever changes meanwhile and however slow the other node is. Nothing is kept of a session
 * beyond contact either: whenever the two meet all is sent again, which is a few hundred rows in a
 * clinic, and mends a ledger that was lost or set back. What is lost on the way is noticed by its
 * number: then the taker begins anew.
 *
 * What does not travel: nonces, and orders without a certificate with their authorizations: a
 * client whose order is not known begins another one. Nobody waits for the other node: what was
 * done in the last moment before a node is lost comes when that is back.
 *
 * Bytes of failover/send to web/peer, a JSON object:
 *     {"say": "begin", "session": S, "other": S}   other: that the sender gives under; "": none
 *     {"say": "rows", "session": S, "number": N, "rows": […]}   row.h
 *     {"say": "have", "session": S, "number": N}   all up to that one are durable
 *     {"say": "sent", "session": S, "number": N}   no answer came for long: is one missing?
 * They come over the nodes' own authenticated link, and are checked all the same.
 */
#pragma once

#include "netsvc/task.h"
#include "netsvc/web/acme/ledger/ledger.h"

#define TWIN_MESSAGE_MAX (TASK_BODY_MAX - 64) /* bytes: with the name before it it is a body */
#define TWIN_BATCH 40000                      /* bytes of rows after which it is enough */
#define TWIN_ROWS_MAX 200                     /* in one message */
#define TWIN_UNDER_WAY 4                      /* messages that there is no word of yet */
#define TWIN_SECONDS 5                        /* between two calls of twin_remind */

struct twin;

struct twin_means {
    void (*send)(gpointer context, const void *data, gsize size);
    gpointer context;
};

/* `ledger` outlives it. Until it is told its role nothing is said. */
struct twin *twin_new(struct ledger *ledger, const struct twin_means *means);
void twin_free(struct twin *twin);
AUTO_DEFINE(twin)

void twin_role(struct twin *twin, const struct task_state *state);

/* From the other node. */
void twin_take(struct twin *twin, const void *data, gsize size);

/* Something changed in the ledger. */
void twin_changed(struct twin *twin);

/* Every TWIN_SECONDS: what was lost on the way is asked for again. */
void twin_remind(struct twin *twin);
