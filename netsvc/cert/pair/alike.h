/*
 * alike: both nodes have the same state (site/state.h), and put it in force at the same time.
 *
 *     active                                     standby
 *     a change is durable ── part, part, … ──→   durable
 *                         ←──────── have ─────
 *     in force            ──────── swap ────→    in force
 *
 * Where the other node is away, or says nothing for 5 s, the active one goes on alone; what was
 * missed is made up for when the two meet: each says what it has. The standby puts what it has in
 * force after 10 s without a word, too.
 *
 * Whose state wins when they differ:
 *     of the same root: the later one (term, then generation), whoever has it: an active node whose
 *     disk was set back takes the standby's; of two that are equally late the active one's
 *     of different roots: the active one's; where it has no root, the other's. What the loser had
 *     is kept in replaced.json, and told
 *     nothing at all: never wins
 * While neither is active nothing moves.
 *
 * Where the loser has no other root and the winner's does not come of what it has (state.h), each
 * was changed while it knew nothing of the other. Nothing is lost then: the active one makes a
 * state of both (site/unite.h), the next one, which comes of both and is given to the standby as
 * each change is. A standby that loses gives it what it has, and keeps that until then:
 *
 *     active                                     standby
 *     wins                ── part, part, … ──→   has something else
 *                         ←── unite, unite, … ─
 *     both, durable       ── part, part, … ──→   durable
 *
 * Bytes of failover/send to cert/peer: a line of JSON, and for a part its bytes behind the line
 * feed:
 *     {"say": "have", "term", "generation", "digest", "root"}     what the sender has now
 *     {"say": "part", "term", "generation", "digest", "root", "size", "at"}
 *     {"say": "unite", …}        as a part, of what loses
 *     {"say": "swap", "term", "generation", "digest", "root"}
 *     {"say": "import", …}       and behind it the body of cert/import: a drive was inserted at the
 *                                standby, and only the active one takes a certificate
 * They come over the nodes' own authenticated link, and are checked all the same.
 */
#pragma once

#include "netsvc/cert/site/site.h"
#include "netsvc/task.h"

#include <event2/event.h>

#define ALIKE_PART 40000                       /* bytes of the state in one message */
#define ALIKE_IMPORT_MAX (TASK_BODY_MAX - 512) /* bytes of what is handed over */
#define ALIKE_ACTIVE_WAITS 5                   /* seconds, for the other node to have it too */
#define ALIKE_STANDBY_WAITS 10
#define ALIKE_REMINDERS 3 /* in vain, until that is told */

struct alike;

struct alike_means {
    void (*send)(gpointer context, const void *data, gsize size);
    void (*apply)(gpointer context);    /* what is had is to be put in force */
    void (*replaced)(gpointer context); /* the state is another one, durable */
    void (*apart)(gpointer context);    /* … in whose place there was one of another root */
    void (*united)(gpointer context, gboolean dropped);  /* site_unite was done */
    void (*import)(gpointer context, struct slice body); /* that the other node was given */
    gint64 (*now)(gpointer context);                     /* 0: the clock is not believed */
    gpointer context;
};

struct alike *alike_new(struct event_base *events, struct site *site,
                        const struct alike_means *means);
void alike_free(struct alike *alike);
AUTO_DEFINE(alike)

void alike_role(struct alike *alike, const struct task_state *role);

/* The state was changed here: the other node is to have it, then it is put in force. */
void alike_changed(struct alike *alike);

/* To be called now and then: what was lost on the way is made up for. */
void alike_remind(struct alike *alike);

/* From the other node. */
void alike_take(struct alike *alike, const void *data, gsize size);

/* Whether the other node is there and has not got all of it, although it was reminded several
 * times: it does not serve certificates, or cannot keep them. */
gboolean alike_lags(const struct alike *alike);

/* Gives the body of cert/import to the active node. FALSE: there is none, or it is too long. */
gboolean alike_hand_over(struct alike *alike, struct slice body);

/* "alike", "behind", "away". */
const char *alike_standing(const struct alike *alike);
