/*
 * partner: keeps the leases of the two nodes alike, and says what this one may give out. No sockets
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
 * node has the lease on its disk (partner_has_word), 30 ms at most (waits.h). After three that came
 * too late nobody waits until one comes in time again. Without the word: new clients get addresses
 * of the own half alone, and leases end ten minutes after what the other node knows (server.h).
 *
 * Alone (TASK_ALONE) changes are counted, and that is all.
 */
#pragma once

#include "netsvc/dhcp/serve/server.h"
#include "netsvc/task.h"

#define PARTNER_WORD_MS 30
#define PARTNER_MISSES 3
#define PARTNER_DEAD_SECONDS 600 /* after contact was lost, of a node that is said to be off */

struct partner_ears {
    void (*send)(void *context, const guint8 *data, gsize size);
    /* Both gave one address away: `kept` has it. */
    void (*conflict)(void *context, const struct lease *kept, const struct lease *ended);
    void (*strange)(void *context, const char *why); /* what came makes no sense */
    void *context;
};

/* What it needs; all of it must outlive the pair. */
struct partner_world {
    struct leases *leases;
    struct store *store; /* NULL: none, for tests */
    struct server *server;
    const struct clock *clock;
    gint64 (*milliseconds)(void *context); /* monotonic */
    void *context;
};

struct partner;

/* Leases of one node alone get their versions. Until it is told its role nothing is given out. */
struct partner *partner_new(const struct partner_world *world, const struct partner_ears *ears);
void partner_free(struct partner *pair);
AUTO_DEFINE(partner)

void partner_role(struct partner *pair, const struct task_state *state);

/* Whether clients are answered. */
gboolean partner_answers(const struct partner *pair);

/* What the other node sent. What it changes is to be committed. */
void partner_take(struct partner *pair, const guint8 *data, gsize size);

/* Around each commit: what is known goes with it; and after it, what changed goes out. */
void partner_before_commit(struct partner *pair);
void partner_committed(struct partner *pair);

/* Once a second. */
void partner_second(struct partner *pair);

/* ---- the word ---- */

gboolean partner_waits(const struct partner *pair);
gboolean partner_has_word(const struct partner *pair, guint64 change);
void partner_missed(struct partner *pair);

/* ---- how it stands ---- */

struct partner_look {
    guint32 role;
    gboolean in_step;   /* both have all of one another */
    guint behind;       /* leases that the other node does not have on its disk yet */
    gint64 brief_since; /* boot clock: leases are short since then; 0: they are not */
};

void partner_look(const struct partner *pair, struct partner_look *look);
