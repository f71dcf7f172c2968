/*
 * pair: both nodes have the same state (site/state.h), and put it in force at the same time.
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
 * Bytes of failover/send to cert/peer: a line of JSON, and for a part its bytes behind the line
 * feed:
 *     {"say": "have", "term", "generation", "digest", "root"}     what the sender has now
 *     {"say": "part", "term", "generation", "digest", "root", "size", "at"}
 *     {"say": "swap", "term", "generation", "digest", "root"}
 * They come over the nodes' own authenticated link, and are checked all the same.
 */
#pragma once

#define pair_changed alike_changed
#define pair_free alike_free
#define pair_new alike_new
#define pair_remind alike_remind
#define pair_role alike_role
#define pair_standing alike_standing
#define pair_take alike_take

#include "netsvc/cert/site/site.h"
#include "netsvc/task.h"

#include <event2/event.h>

#define PAIR_PART 40000     /* bytes of the state in one message */
#define PAIR_ACTIVE_WAITS 5 /* seconds, for the other node to have it too */
#define PAIR_STANDBY_WAITS 10

struct pair;

struct pair_means {
    void (*send)(gpointer context, const void *data, gsize size);
    void (*apply)(gpointer context);    /* what is had is to be put in force */
    void (*replaced)(gpointer context); /* the state is another one, durable */
    void (*apart)(gpointer context);    /* … in whose place there was one of another root */
    gpointer context;
};

struct pair *pair_new(struct event_base *events, struct site *site, const struct pair_means *means);
void pair_free(struct pair *pair);
AUTO_DEFINE(pair)

void pair_role(struct pair *pair, const struct task_state *role);

/* The state was changed here: the other node is to have it, then it is put in force. */
void pair_changed(struct pair *pair);

/* To be called now and then: what was lost on the way is made up for. */
void pair_remind(struct pair *pair);

/* From the other node. */
void pair_take(struct pair *pair, const void *data, gsize size);

/* "alike", "behind", "away". */
const char *pair_standing(const struct pair *pair);
