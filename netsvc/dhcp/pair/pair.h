/*
 * pair: keeps the leases of the two nodes alike, and says what this one may give out. No sockets
 * and no waiting here: messages go in and out (wire.h), whoever carries them.
 *
 *     they can talk   each says HELLO: what it has seen. The other answers with a pass through all
 *                     its leases, and from then on with each change, in numbered BATCHes
 *     a BATCH         is merged (merge.h), committed with what is known by it, and ACKed
 *     one is missing  HELLO again, under a new session: all from the beginning
 *
 * Of a lease that changes again while it waits to be sent only the last state goes out, and few
 * batches are under way at once; so nothing piles up where the other node is slow.
 *
 * The word. In step is who has sent all and got all. Then an ACK to a client waits until the other
 * node has the lease on its disk (pair_has_word), 30 ms at most (waits.h). After three that came
 * too late nobody waits until one comes in time again. Without the word: new clients get addresses
 * of the own half alone, and leases end ten minutes after what the other node knows (server.h).
 *
 * Alone (TASK_ALONE) changes are counted, and that is all.
 */
#pragma once

#define pair_answers partner_answers
#define pair_before_commit partner_before_commit
#define pair_committed partner_committed
#define pair_free partner_free
#define pair_has_word partner_has_word
#define pair_look partner_look
#define pair_missed partner_missed
#define pair_new partner_new
#define pair_role partner_role
#define pair_second partner_second
#define pair_take partner_take
#define pair_waits partner_waits

#include "netsvc/dhcp/serve/server.h"
#include "netsvc/task.h"

#define PAIR_WORD_MS 30
#define PAIR_MISSES 3
#define PAIR_DEAD_SECONDS 600 /* after contact was lost, of a node that is said to be off */

struct pair_ears {
    void (*send)(void *context, const guint8 *data, gsize size);
    /* Both gave one address away: `kept` has it. */
    void (*conflict)(void *context, const struct lease *kept, const struct lease *ended);
    void (*strange)(void *context, const char *why); /* what came makes no sense */
    void *context;
};

/* What it needs; all of it must outlive the pair. */
struct pair_world {
    struct leases *leases;
    struct store *store; /* NULL: none, for tests */
    struct server *server;
    const struct clock *clock;
    gint64 (*milliseconds)(void *context); /* monotonic */
    void *context;
};

struct pair;

/* Leases of one node alone get their versions. Until it is told its role nothing is given out. */
struct pair *pair_new(const struct pair_world *world, const struct pair_ears *ears);
void pair_free(struct pair *pair);
AUTO_DEFINE(pair)

void pair_role(struct pair *pair, const struct task_state *state);

/* Whether clients are answered. */
gboolean pair_answers(const struct pair *pair);

/* What the other node sent. What it changes is to be committed. */
void pair_take(struct pair *pair, const guint8 *data, gsize size);

/* Around each commit: what is known goes with it; and after it, what changed goes out. */
void pair_before_commit(struct pair *pair);
void pair_committed(struct pair *pair);

/* Once a second. */
void pair_second(struct pair *pair);

/* ---- the word ---- */

gboolean pair_waits(const struct pair *pair);
gboolean pair_has_word(const struct pair *pair, guint64 change);
void pair_missed(struct pair *pair);

/* ---- how it stands ---- */

struct pair_look {
    guint32 role;
    gboolean in_step;   /* both have all of one another */
    guint behind;       /* leases that the other node does not have on its disk yet */
    gint64 brief_since; /* boot clock: leases are short since then; 0: they are not */
};

void pair_look(const struct pair *pair, struct pair_look *look);
