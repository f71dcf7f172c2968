/* partner: role and limits here; what goes out is outgoing.c's, what comes in incoming.c's. */
#include "netsvc/dhcp/pair/parts.h"

/* ---- roles and limits ---- */

gint64
partner_now(const struct partner *pair)
{
    return pair->world.clock->boot(pair->world.clock->context);
}

gboolean
partner_answers(const struct partner *pair)
{
    return pair->told && (pair->state.role == TASK_ALONE || pair->state.role == TASK_ACTIVE);
}

static gboolean
is_alone(const struct partner *pair)
{
    return !pair->told || pair->state.role == TASK_ALONE;
}

static gboolean
is_in_step(const struct partner *pair)
{
    return pair->state.peer != 0 && pair->out.is_complete && pair->in.is_complete;
}

gboolean
partner_waits(const struct partner *pair)
{
    return !is_alone(pair) && is_in_step(pair) && !pair->out.other_answers &&
           pair->misses < PARTNER_MISSES;
}

gboolean
partner_knows_other(void *context, const struct lease *lease)
{
    const struct partner *pair = context;
    return knowledge_has(&pair->theirs, lease->version);
}

/* So long after the node took over by force the other one's short leases last. */
static gboolean
is_early(const struct partner *pair, gint64 now)
{
    return pair->forced_at != 0 && now < pair->forced_at + PARTNER_DEAD_SECONDS;
}

static gboolean
is_other_dead(const struct partner *pair, gint64 now)
{
    return pair->state.fenced != 0 && pair->state.peer == 0 &&
           now >= pair->lost_at + PARTNER_DEAD_SECONDS && !is_early(pair, now);
}

void
partner_limit(struct partner *pair)
{
    const gint64 now = partner_now(pair);
    const gboolean word = partner_waits(pair), dead = is_other_dead(pair, now);
    const struct choose_limits limits = {
        .paired = !is_alone(pair),
        .parity = pair->state.parity & 1,
        .half = (!word && !dead) || is_early(pair, now),
        .keeps = (pair->state.forced != 0 && !dead) || is_early(pair, now),
        .known = partner_knows_other,
        .context = pair,
    };
    if (!limits.paired || word || !partner_answers(pair))
        pair->brief_since = 0;
    else if (pair->brief_since == 0)
        pair->brief_since = now;
    server_limit(pair->world.server, &limits, word);
}

/* Its own writer for each time that it begins to answer, and for each term. */
static void
draw_writer(struct partner *pair)
{
    pair->own = (struct version){.writer = knowledge_writer(pair->state.term)};
}

void
partner_role(struct partner *pair, const struct task_state *state)
{
    const struct task_state before = pair->state;
    const gboolean answered = partner_answers(pair), first = !pair->told;
    const gint64 now = partner_now(pair);
    pair->state = *state;
    pair->told = TRUE;
    if (first || before.term != state->term || answered != partner_answers(pair))
        draw_writer(pair);
    if (state->forced != 0 && state->role == TASK_ACTIVE && pair->forced_at == 0)
        pair->forced_at = now;
    else if (state->role != TASK_ACTIVE)
        pair->forced_at = 0;
    if (first || (before.peer != 0 && state->peer == 0)) {
        pair->lost_at = now;
        out_end(pair);
        in_end(pair);
    }
    if (state->peer != 0 && (first || before.peer == 0)) {
        pair->misses = 0;
        in_begin(pair);
    } else if (answered != partner_answers(pair)) {
        out_tell(pair);
    }
    partner_limit(pair);
}

/* ---- changes ---- */

static void
changed(void *context, struct lease *lease)
{
    struct partner *pair = context;
    pair->own.counter++;
    lease->version = pair->own;
    pair->uncommitted = TRUE;
    knowledge_raise(&pair->mine, pair->own.writer, pair->own.counter);
    out_changed(pair, lease->address);
}

static void
gone(void *context, guint32 address)
{
    struct partner *pair = context;
    pair->uncommitted = TRUE;
    out_changed(pair, address);
}

/* From a time when there was no pair. */
static void
adopt(struct partner *pair)
{
    struct leases *leases = pair->world.leases;
    for (struct lease *lease = leases_after(leases, 0); lease != NULL;
         lease = leases_after(leases, lease->address)) {
        if (lease->version.writer != 0)
            continue;
        struct lease adopted = *lease;
        changed(pair, &adopted);
        leases_put(leases, &adopted);
        if (pair->world.store != NULL)
            store_put(pair->world.store, &adopted);
    }
}

struct partner *
partner_new(const struct partner_world *world, const struct partner_ears *ears)
{
    struct partner *pair = g_new0(struct partner, 1);
    pair->world = *world;
    pair->ears = *ears;
    pair->hooks = (struct server_pair){changed, gone, partner_knows_other, pair};
    pair->lost_at = partner_now(pair);
    if (world->store != NULL)
        pair->mine = pair->durable = *store_knowledge(world->store);
    out_open(pair);
    draw_writer(pair);
    adopt(pair);
    server_join(world->server, &pair->hooks);
    partner_limit(pair);
    return pair;
}

void
partner_free(struct partner *pair)
{
    if (pair == NULL)
        return;
    out_close(pair);
    in_end(pair);
    g_free(pair);
}

/* ---- commits ---- */

void
partner_before_commit(struct partner *pair)
{
    if (pair->uncommitted && pair->world.store != NULL)
        store_know(pair->world.store, &pair->mine);
}

void
partner_committed(struct partner *pair)
{
    pair->uncommitted = FALSE;
    pair->durable = pair->mine;
    in_committed(pair);
    out_flush(pair);
}

void
partner_second(struct partner *pair)
{
    in_second(pair);
    out_second(pair);
    partner_limit(pair);
}

/* ---- the word ---- */

gboolean
partner_has_word(const struct partner *pair, guint64 change)
{
    return knowledge_has(&pair->theirs, (struct version){pair->own.writer, change});
}

void
partner_missed(struct partner *pair)
{
    pair->misses++;
    partner_limit(pair);
}

/* ---- messages ---- */

void
partner_take(struct partner *pair, const guint8 *data, gsize size)
{
    struct wire wire;
    const char *why = NULL;
    if (!wire_read(&wire, data, size, &why)) {
        if (pair->ears.strange != NULL)
            pair->ears.strange(pair->ears.context, why);
    } else if (pair->state.peer == 0) {
        /* what was under way when contact was lost */
    } else if (wire.kind == WIRE_HELLO) {
        out_begin(pair, &wire);
        in_look(pair, &wire);
    } else if (wire.kind == WIRE_BATCH) {
        in_take(pair, &wire);
    } else {
        out_acked(pair, &wire);
    }
    wire_clear(&wire);
    partner_limit(pair);
}

void
partner_send(struct partner *pair, GByteArray *message)
{
    pair->ears.send(pair->ears.context, message->data, message->len);
    g_byte_array_unref(message);
}

void
partner_look(const struct partner *pair, struct partner_look *look)
{
    *look = (struct partner_look){.role = pair->told ? pair->state.role : TASK_WAIT,
                                  .in_step = is_in_step(pair),
                                  .behind = out_behind(pair),
                                  .brief_since = pair->brief_since};
}
