/* All probes last equally long, so a queue has them in the order in which they are due. */
#include "netsvc/dhcp/link/arp.h"

#include "lib/base/keyed_hash.h"

#include <string.h>

#define STEP_MS (ARP_PROBE_MS / ARP_PROBES)
#define WAYS 4 /* places of the table where an address may stand */

struct probe {
    guint32 address;
    guint link;
    guint sent;
    gint64 begun, due;
};

struct seen {
    guint32 address;
    guint8 mac[FRAME_MAC];
    gint64 when; /* 0: nothing is here */
};

struct arp {
    struct arp_ears ears;
    GQueue queues[ARP_PROBES]; /* struct probe, by how often they were sent */
    GHashTable *running;       /* address → struct probe */
    struct keyed_hash key;     /* of the table */
    struct seen table[ARP_TABLE];
};

struct arp *
arp_new(const struct arp_ears *ears)
{
    struct arp *arp = g_new0(struct arp, 1);
    arp->ears = *ears;
    for (gsize i = 0; i < ARP_PROBES; i++)
        g_queue_init(&arp->queues[i]);
    arp->running = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    keyed_hash_draw(&arp->key);
    return arp;
}

void
arp_free(struct arp *arp)
{
    if (arp == NULL)
        return;
    for (gsize i = 0; i < ARP_PROBES; i++)
        g_queue_clear(&arp->queues[i]);
    g_hash_table_unref(arp->running);
    g_free(arp);
}

/* ---- the table ---- */

static struct seen *
places_of(const struct arp *arp, guint32 address)
{
    gsize set = keyed_hash_number(&arp->key, address) % (ARP_TABLE / WAYS);
    return (struct seen *)&arp->table[set * WAYS];
}

static void
note(struct arp *arp, guint32 address, const guint8 *mac, gint64 now)
{
    struct seen *places = places_of(arp, address), *place = &places[0];
    for (gsize i = 0; i < WAYS; i++) {
        if (places[i].address == address) {
            place = &places[i];
            break;
        }
        if (places[i].when < place->when)
            place = &places[i];
    }
    *place = (struct seen){.address = address, .when = now};
    memcpy(place->mac, mac, FRAME_MAC);
}

gboolean
arp_seen(const struct arp *arp, guint32 address, gint64 now, gint64 milliseconds,
         guint8 mac[FRAME_MAC])
{
    const struct seen *places = places_of(arp, address);
    for (gsize i = 0; i < WAYS; i++)
        if (places[i].when != 0 && places[i].address == address &&
            now - places[i].when <= milliseconds) {
            memcpy(mac, places[i].mac, FRAME_MAC);
            return TRUE;
        }
    return FALSE;
}

/* ---- probes ---- */

/* Into the queue of those that were sent once more. */
static void
send_probe(struct arp *arp, struct probe *probe, gint64 now)
{
    arp->ears.send(arp->ears.context, probe->link, probe->address);
    probe->sent++;
    probe->due = probe->sent == ARP_PROBES ? probe->begun + ARP_PROBE_MS : now + STEP_MS;
    g_queue_push_tail(&arp->queues[probe->sent - 1], probe);
}

gboolean
arp_probe(struct arp *arp, guint link, guint32 address, gint64 now)
{
    gpointer key = GUINT_TO_POINTER(address);
    if (g_hash_table_contains(arp->running, key))
        return TRUE;
    if (g_hash_table_size(arp->running) >= ARP_RUNNING_MAX)
        return FALSE;
    struct probe *probe = g_new0(struct probe, 1);
    probe->address = address;
    probe->link = link;
    probe->begun = now;
    g_hash_table_insert(arp->running, key, probe);
    send_probe(arp, probe, now);
    return TRUE;
}

gboolean
arp_is_probing(const struct arp *arp, guint32 address)
{
    return g_hash_table_contains(arp->running, GUINT_TO_POINTER(address));
}

static void
end_probe(struct arp *arp, guint32 address, gboolean used, const guint8 *mac)
{
    g_hash_table_remove(arp->running, GUINT_TO_POINTER(address));
    arp->ears.found(arp->ears.context, address, used, mac);
}

/* RFC 5227 2.1.1: who has the address, and who asks for it as we do, because he will use it. */
static void
answer(struct arp *arp, guint32 address, const guint8 *mac)
{
    struct probe *probe = g_hash_table_lookup(arp->running, GUINT_TO_POINTER(address));
    if (probe == NULL)
        return;
    g_queue_remove(&arp->queues[probe->sent - 1], probe);
    end_probe(arp, address, TRUE, mac);
}

void
arp_take(struct arp *arp, const struct frame_arp *frame, gint64 now)
{
    if (frame->sender != 0) {
        note(arp, frame->sender, frame->sender_mac, now);
        answer(arp, frame->sender, frame->sender_mac);
    } else if (frame->act == FRAME_ARP_REQUEST) {
        answer(arp, frame->target, frame->sender_mac);
    }
}

gint64
arp_next(const struct arp *arp)
{
    gint64 next = G_MAXINT64;
    for (gsize i = 0; i < ARP_PROBES; i++) {
        const struct probe *first = g_queue_peek_head((GQueue *)&arp->queues[i]);
        if (first != NULL)
            next = MIN(next, first->due);
    }
    return next;
}

void
arp_tick(struct arp *arp, gint64 now)
{
    for (gsize i = ARP_PROBES; i-- > 0;) {
        struct probe *probe;
        while ((probe = g_queue_peek_head(&arp->queues[i])) != NULL && probe->due <= now) {
            g_queue_pop_head(&arp->queues[i]);
            if (i + 1 < ARP_PROBES)
                send_probe(arp, probe, now);
            else
                end_probe(arp, probe->address, FALSE, NULL);
        }
    }
}
