/* incoming: what the other node has, into memory and the store, and its ack once it is durable. */
#include "netsvc/dhcp/pair/merge.h"
#include "netsvc/dhcp/pair/parts.h"

#define ASK_MS 2000 /* again, where nothing comes */

static gint64
now_ms(const struct partner *pair)
{
    return pair->world.milliseconds(pair->world.context);
}

/* ---- sessions ---- */

void
in_end(struct partner *pair)
{
    g_clear_pointer(&pair->in.passed, g_hash_table_unref);
    pair->in = (struct in){0};
}

void
in_begin(struct partner *pair)
{
    in_end(pair);
    pair->in.session = (guint64)g_random_int() << 32 | g_random_int() | 1;
    pair->in.asked = now_ms(pair);
    partner_send(pair, wire_hello(pair->in.session, pair->out.session, &pair->durable));
}

/* The other node does not know what this one asked for: it has begun anew, or both just do. */
void
in_look(struct partner *pair, const struct wire *hello)
{
    if (hello->other == pair->in.session)
        return;
    if (pair->in.received > 0)
        in_begin(pair);
    else
        partner_send(pair, wire_hello(pair->in.session, pair->out.session, &pair->durable));
}

void
in_second(struct partner *pair)
{
    if (pair->state.peer != 0 && pair->in.received == 0 && now_ms(pair) - pair->in.asked >= ASK_MS)
        in_begin(pair);
}

/* ---- leases ---- */

static void
tell_conflict(struct partner *pair, const struct lease *kept, const struct lease *ended)
{
    if (pair->ears.conflict != NULL)
        pair->ears.conflict(pair->ears.context, kept, ended);
}

/* What is left and what has passed, as times of this node. */
static struct lease
as_here(const struct lease *lease, gint64 now)
{
    struct lease here = *lease;
    const gboolean given_up = lease->state == LEASE_RELEASED || lease->state == LEASE_EXPIRED;
    here.since = now - lease->since;
    here.until = given_up ? here.since : now + lease->until;
    here.acked = here.until; /* of the node that says so */
    return here;
}

static void
put(struct partner *pair, struct lease *lease)
{
    if (lease->pending && lease->acked == lease->until)
        lease->pending = FALSE; /* this is the word that it waits for */
    pair->uncommitted = TRUE;
    server_copy(pair->world.server, lease);
}

static void
take_lease(struct partner *pair, const struct merge_sides *sides, const struct lease *lease)
{
    struct leases *leases = pair->world.leases;
    const struct lease *own = leases_of_address(leases, lease->address);
    struct lease in = as_here(lease, sides->now);
    if (own == NULL && leases_count(leases, LEASE_LEASED, 0, G_MAXUINT32) >= CHOOSE_LEASES_MAX)
        return;
    switch (merge_lease(sides, own, &in)) {
    case MERGE_NOTHING:
        break;
    case MERGE_TAKE:
        put(pair, &in);
        break;
    case MERGE_CONFLICT_KEPT:
        tell_conflict(pair, own, &in);
        break;
    case MERGE_CONFLICT_TAKEN:
        tell_conflict(pair, &in, own);
        put(pair, &in);
        break;
    }
}

static void
drop(struct partner *pair, guint32 address)
{
    pair->uncommitted = TRUE;
    server_drop(pair->world.server, address);
}

static void
take_entry(struct partner *pair, const struct merge_sides *sides, const struct wire_entry *entry)
{
    const guint32 address = entry->lease.address;
    if (pair->in.passed != NULL)
        g_hash_table_add(pair->in.passed, GUINT_TO_POINTER(address));
    if (!entry->gone) {
        take_lease(pair, sides, &entry->lease);
        return;
    }
    const struct lease *own = leases_of_address(pair->world.leases, address);
    if (own != NULL && merge_is_gone(sides, own))
        drop(pair, address);
}

/* What the pass did not have, and the other node has seen, it has removed. */
static void
end_pass(struct partner *pair, const struct merge_sides *sides)
{
    guint32 after = 0;
    const struct lease *lease;
    while ((lease = leases_after(pair->world.leases, after)) != NULL) {
        after = lease->address;
        if (!g_hash_table_contains(pair->in.passed, GUINT_TO_POINTER(after)) &&
            merge_is_gone(sides, lease))
            drop(pair, after);
    }
    g_clear_pointer(&pair->in.passed, g_hash_table_unref);
}

/* ---- batches ---- */

static gboolean
is_next(struct partner *pair, const struct wire *batch)
{
    struct in *in = &pair->in;
    if (batch->session != in->session || in->session == 0)
        return FALSE;                    /* of a session that is over */
    if (batch->number <= in->received) { /* it came twice, or the ack was lost */
        in->again = TRUE;
        return FALSE;
    }
    if (batch->number == in->received + 1 && (batch->number != 1 || batch->flags & WIRE_FIRST))
        return TRUE;
    in_begin(pair);
    return FALSE;
}

void
in_take(struct partner *pair, const struct wire *batch)
{
    struct in *in = &pair->in;
    if (!is_next(pair, batch))
        return;
    in->received = batch->number;
    pair->out.other_answers = (batch->flags & WIRE_ANSWERS) != 0;
    knowledge_join(&pair->theirs, &batch->knowledge);
    if (batch->flags & WIRE_FIRST)
        in->passed = g_hash_table_new(NULL, NULL);
    const struct merge_sides sides = {&pair->mine, &pair->theirs, partner_now(pair)};
    for (guint i = 0; i < batch->entries->len; i++)
        take_entry(pair, &sides, &g_array_index(batch->entries, struct wire_entry, i));
    if ((batch->flags & WIRE_END) && in->passed != NULL)
        end_pass(pair, &sides);
    if (!(batch->flags & WIRE_ALL) || in->passed != NULL)
        return;
    in->is_complete = TRUE;
    pair->uncommitted |= knowledge_join(&pair->mine, &batch->knowledge);
}

void
in_committed(struct partner *pair)
{
    struct in *in = &pair->in;
    if (in->session == 0 || (in->durable == in->received && !in->again))
        return;
    in->durable = in->received;
    in->again = FALSE;
    partner_send(pair,
                 wire_ack(in->session, in->durable, partner_answers(pair) ? WIRE_ANSWERS : 0));
}
