/* outgoing: the pass through all leases, and what changes, to the other node. */
#include "netsvc/dhcp/pair/parts.h"

#define UNDER_WAY 4      /* batches that are not acked */
#define SILENT_MS 3000   /* after which the other node is asked whether it misses one */
#define RECOVER_MS 10000 /* after misses: how often it is tried */

static gint64
now_ms(const struct partner *pair)
{
    return pair->world.milliseconds(pair->world.context);
}

/* ---- what is to be sent ---- */

static void
forget_waiting(struct out *out)
{
    g_hash_table_remove_all(out->waiting);
    g_queue_clear(&out->order);
}

void
out_open(struct partner *pair)
{
    pair->out.waiting = g_hash_table_new(NULL, NULL);
    g_queue_init(&pair->out.order);
}

void
out_end(struct partner *pair)
{
    struct out *out = &pair->out;
    forget_waiting(out);
    out->session = 0;
    out->sent = out->acked = 0;
    out->passing = out->is_complete = out->tells = FALSE;
}

void
out_close(struct partner *pair)
{
    out_end(pair);
    g_hash_table_unref(pair->out.waiting);
}

void
out_begin(struct partner *pair, const struct wire *hello)
{
    if (hello->session == pair->out.session)
        return; /* it is served already */
    out_end(pair);
    pair->theirs = hello->knowledge;
    pair->out.session = hello->session;
    pair->out.passing = TRUE;
    pair->out.cursor = 0;
    pair->out.heard = now_ms(pair);
}

void
out_changed(struct partner *pair, guint32 address)
{
    struct out *out = &pair->out;
    gpointer key = GUINT_TO_POINTER(address);
    if (out->session != 0 && g_hash_table_add(out->waiting, key))
        g_queue_push_tail(&out->order, key);
}

/* ---- sending ---- */

static guint
fill_changes(struct partner *pair, GByteArray *batch)
{
    struct out *out = &pair->out;
    guint count = 0;
    while (!g_queue_is_empty(&out->order) && wire_has_room(batch)) {
        gpointer key = g_queue_pop_head(&out->order);
        g_hash_table_remove(out->waiting, key);
        const struct lease *lease = leases_of_address(pair->world.leases, GPOINTER_TO_UINT(key));
        if (lease != NULL)
            wire_add(batch, lease, partner_now(pair));
        else
            wire_add_gone(batch, GPOINTER_TO_UINT(key));
        count++;
    }
    return count;
}

static guint
fill_pass(struct partner *pair, GByteArray *batch)
{
    struct out *out = &pair->out;
    const struct lease *lease = NULL;
    guint count = 0;
    while (wire_has_room(batch) &&
           (lease = leases_after(pair->world.leases, out->cursor)) != NULL) {
        wire_add(batch, lease, partner_now(pair));
        out->cursor = lease->address;
        count++;
    }
    out->passing = lease != NULL || !wire_has_room(batch);
    return count;
}

static void
send_batch(struct partner *pair)
{
    struct out *out = &pair->out;
    const gboolean passed = out->passing;
    guint flags = partner_answers(pair) ? WIRE_ANSWERS : 0;
    out->tells = FALSE;
    GByteArray *batch = wire_batch(out->session, ++out->sent, &pair->durable);
    guint count = fill_changes(pair, batch);
    if (out->sent == 1)
        flags |= WIRE_FIRST;
    if (passed)
        count += fill_pass(pair, batch);
    if (passed && !out->passing)
        flags |= WIRE_END;
    const gboolean is_all = !out->passing && g_queue_is_empty(&out->order);
    if (is_all)
        flags |= WIRE_ALL;
    wire_finish(batch, flags);
    if (out->sent - out->acked == 1)
        out->heard = now_ms(pair);
    const guint place = out->sent % OUT_RING;
    out->ring[place].at = now_ms(pair);
    out->ring[place].count = count;
    out->ring[place].is_all = is_all;
    out->ring[place].upto = pair->own;
    partner_send(pair, batch);
}

void
out_flush(struct partner *pair)
{
    struct out *out = &pair->out;
    if (out->session == 0 || pair->uncommitted)
        return;
    if (out->tells && out->sent - out->acked < OUT_RING - 1)
        send_batch(pair);
    while (out->sent - out->acked < UNDER_WAY && (out->passing || !g_queue_is_empty(&out->order)))
        send_batch(pair);
}

void
out_tell(struct partner *pair)
{
    pair->out.tells = TRUE;
    out_flush(pair);
}

/* ---- what the other node has ---- */

void
out_acked(struct partner *pair, const struct wire *ack)
{
    struct out *out = &pair->out;
    if (ack->session != out->session || out->session == 0 || ack->number > out->sent)
        return;
    out->other_answers = (ack->flags & WIRE_ANSWERS) != 0;
    for (; out->acked < ack->number; out->acked++) {
        const guint place = (out->acked + 1) % OUT_RING;
        if (now_ms(pair) - out->ring[place].at <= PARTNER_WORD_MS)
            pair->misses = 0;
        if (!out->ring[place].is_all)
            continue;
        out->is_complete = TRUE;
        knowledge_raise(&pair->theirs, out->ring[place].upto.writer, out->ring[place].upto.counter);
    }
    out->heard = now_ms(pair);
    out_flush(pair);
}

/* Where an ack does not come, one more batch makes the other node notice what it misses. */
void
out_second(struct partner *pair)
{
    struct out *out = &pair->out;
    const guint under_way = out->sent - out->acked;
    const gint64 silent = now_ms(pair) - out->heard;
    if (out->session == 0)
        return;
    if ((under_way > 0 && silent >= SILENT_MS) ||
        (under_way == 0 && pair->misses > 0 && silent >= RECOVER_MS))
        out_tell(pair);
    else
        out_flush(pair);
}

guint
out_behind(const struct partner *pair)
{
    const struct out *out = &pair->out;
    guint count = g_hash_table_size(out->waiting);
    for (guint32 number = out->acked + 1; number <= out->sent; number++)
        count += out->ring[number % OUT_RING].count;
    return count;
}
