#include "netsvc/dhcp/pair/waits.h"

struct wait {
    guint link;
    gint64 until; /* milliseconds */
    struct server_reply reply;
};

struct waits {
    struct partner *pair;
    struct server *server;
    waits_send send;
    void *context;
    guint first, n;
    struct wait ring[WAITS_MAX];
};

struct waits *
waits_new(struct partner *pair, struct server *server, waits_send send, void *context)
{
    struct waits *waits = g_new0(struct waits, 1);
    waits->pair = pair;
    waits->server = server;
    waits->send = send;
    waits->context = context;
    return waits;
}

void
waits_free(struct waits *waits)
{
    g_free(waits);
}

static void
go(struct waits *waits, guint link, struct server_reply *reply, gboolean has_word)
{
    if (has_word)
        server_confirmed(waits->server, reply);
    else
        server_unconfirmed(waits->server, reply);
    if (reply->size > 0)
        waits->send(waits->context, link, reply);
}

static void
go_first(struct waits *waits, gboolean has_word)
{
    struct wait *wait = &waits->ring[waits->first];
    waits->first = (waits->first + 1) % WAITS_MAX;
    waits->n--;
    go(waits, wait->link, &wait->reply, has_word);
}

void
waits_add(struct waits *waits, guint link, const struct server_reply *reply, gint64 now_ms)
{
    if (waits->n == WAITS_MAX)
        go_first(waits, FALSE);
    struct wait *wait = &waits->ring[(waits->first + waits->n++) % WAITS_MAX];
    wait->link = link;
    wait->until = now_ms + PARTNER_WORD_MS;
    wait->reply = *reply;
    if (waits->n == 1 && !partner_waits(waits->pair))
        go_first(waits, FALSE);
}

/* However many are too late at once: that is one batch. */
void
waits_look(struct waits *waits, gint64 now_ms)
{
    gboolean missed = FALSE;
    while (waits->n > 0) {
        const struct wait *first = &waits->ring[waits->first];
        const gboolean has_word = partner_has_word(waits->pair, first->reply.change);
        if (!has_word && partner_waits(waits->pair) && now_ms < first->until)
            break;
        missed |= !has_word && now_ms >= first->until;
        go_first(waits, has_word && partner_waits(waits->pair));
    }
    if (missed)
        partner_missed(waits->pair);
}

gint64
waits_next(const struct waits *waits)
{
    return waits->n > 0 ? waits->ring[waits->first].until : G_MAXINT64;
}

void
waits_drop(struct waits *waits)
{
    waits->n = 0;
}
