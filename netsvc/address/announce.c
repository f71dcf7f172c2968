#include "netsvc/address/announce.h"

#include "lib/base/log.h"
#include "netsvc/timer.h"

#include <string.h>

struct announce {
    struct announce_ears ears;
    guint32 address;
    guint8 mac[FRAME_MAC];
    gboolean runs;
    guint time;      /* how often it was told already, with the one that runs */
    GArray *clients; /* struct task_client: are told alone … */
    guint told;      /* … so many of them were */
    struct event *next, *portion;
};

static const guint waits[] = {1000, 2000, 7000};

guint
announce_wait(guint time)
{
    return time < G_N_ELEMENTS(waits) ? waits[time] : 60 * 1000;
}

/* ---- frames ---- */

static gboolean
send_arp(struct announce *announce, enum frame_arp_act act, const guint8 *target_mac,
         guint32 target, const guint8 *to)
{
    struct frame_arp arp = {.act = act, .sender = announce->address, .target = target};
    guint8 frame[FRAME_MIN];
    memcpy(arp.sender_mac, announce->mac, FRAME_MAC);
    if (target_mac != NULL)
        memcpy(arp.target_mac, target_mac, FRAME_MAC);
    gsize size = frame_write_arp(frame, &arp, to);
    return announce->ears.send(announce->ears.context, frame, size);
}

static void
tell_all(struct announce *announce)
{
    send_arp(announce, FRAME_ARP_REQUEST, NULL, announce->address, NULL);
    send_arp(announce, FRAME_ARP_REPLY, announce->mac, announce->address, NULL);
}

static gboolean
tell_one(struct announce *announce, const struct task_client *client)
{
    const gboolean asks = announce->time % 2 == 1; /* the first time, the third */
    if ((client->mac[0] & 1) != 0 || client->address == 0)
        return TRUE; /* that is nobody alone */
    return send_arp(announce, asks ? FRAME_ARP_REQUEST : FRAME_ARP_REPLY, asks ? NULL : client->mac,
                    client->address, client->mac);
}

/* ---- clients ---- */

static void
forget_clients(struct announce *announce)
{
    g_array_set_size(announce->clients, 0);
    announce->told = 0;
    evtimer_del(announce->portion);
}

static void
send_portion(evutil_socket_t fd, short what, void *context)
{
    struct announce *announce = context;
    (void)fd;
    (void)what;
    for (guint i = 0; i < ANNOUNCE_PORTION && announce->told < announce->clients->len; i++) {
        if (!tell_one(announce,
                      &g_array_index(announce->clients, struct task_client, announce->told)))
            break; /* once more after a pause, unless the time is over */
        announce->told++;
    }
    if (announce->told < announce->clients->len)
        timer_set(announce->portion, ANNOUNCE_PAUSE_MS);
    else
        forget_clients(announce);
}

void
announce_clients(struct announce *announce, const struct task_client *clients, gsize n)
{
    if (!announce->runs || n == 0 || announce->clients->len + n > ANNOUNCE_CLIENTS_MAX)
        return;
    g_array_append_vals(announce->clients, clients, (guint)n);
    if (!evtimer_pending(announce->portion, NULL))
        send_portion(-1, 0, announce);
}

/* ---- times ---- */

static void
is_time(evutil_socket_t fd, short what, void *context)
{
    struct announce *announce = context;
    (void)fd;
    (void)what;
    const guint time = announce->time++;
    forget_clients(announce);
    tell_all(announce);
    if (time <= G_N_ELEMENTS(waits))
        announce->ears.want_clients(announce->ears.context);
    timer_set(announce->next, announce_wait(time));
}

void
announce_begin(struct announce *announce, const guint8 mac[FRAME_MAC])
{
    memcpy(announce->mac, mac, FRAME_MAC);
    announce->runs = TRUE;
    announce->time = 0;
    is_time(-1, 0, announce);
}

void
announce_stop(struct announce *announce)
{
    announce->runs = FALSE;
    evtimer_del(announce->next);
    forget_clients(announce);
}

gboolean
announce_runs(const struct announce *announce)
{
    return announce->runs;
}

/* ---- the whole ---- */

struct announce *
announce_new(struct event_base *events, guint32 address, const struct announce_ears *ears)
{
    struct announce *announce = g_new0(struct announce, 1);
    announce->ears = *ears;
    announce->address = address;
    announce->clients = g_array_new(FALSE, TRUE, sizeof(struct task_client));
    announce->next = evtimer_new(events, is_time, announce);
    announce->portion = evtimer_new(events, send_portion, announce);
    return announce;
}

void
announce_free(struct announce *announce)
{
    if (announce == NULL)
        return;
    event_free(announce->next);
    event_free(announce->portion);
    g_array_unref(announce->clients);
    g_free(announce);
}
