#include "netsvc/address/probe.h"

#include "netsvc/timer.h"

#include <string.h>

struct probe {
    struct probe_ears ears;
    guint32 address;
    guint8 mac[FRAME_MAC];
    guint sent; /* 0: none runs */
    struct event *next;
};

static void
ask(struct probe *probe)
{
    guint8 frame[FRAME_MIN];
    gsize size = frame_write_probe(frame, probe->mac, probe->address);
    probe->ears.send(probe->ears.context, frame, size);
    probe->sent++;
    timer_set(probe->next, PROBE_PAUSE_MS);
}

static void
end(struct probe *probe, const guint8 *mac)
{
    probe->sent = 0;
    evtimer_del(probe->next);
    probe->ears.found(probe->ears.context, mac);
}

static void
is_time(evutil_socket_t fd, short what, void *context)
{
    struct probe *probe = context;
    (void)fd;
    (void)what;
    if (probe->sent < PROBE_TIMES)
        ask(probe);
    else
        end(probe, NULL);
}

void
probe_begin(struct probe *probe, const guint8 mac[FRAME_MAC])
{
    if (probe->sent > 0)
        return;
    memcpy(probe->mac, mac, FRAME_MAC);
    ask(probe);
}

gboolean
probe_runs(const struct probe *probe)
{
    return probe->sent > 0;
}

void
probe_take(struct probe *probe, const struct frame_arp *arp)
{
    const gboolean has = arp->sender == probe->address, wants = arp->act == FRAME_ARP_REQUEST &&
                                                                arp->sender == 0 &&
                                                                arp->target == probe->address;
    if (probe->sent > 0 && (has || wants))
        end(probe, arp->sender_mac);
}

struct probe *
probe_new(struct event_base *events, guint32 address, const struct probe_ears *ears)
{
    struct probe *probe = g_new0(struct probe, 1);
    probe->ears = *ears;
    probe->address = address;
    probe->next = evtimer_new(events, is_time, probe);
    return probe;
}

void
probe_free(struct probe *probe)
{
    if (probe == NULL)
        return;
    event_free(probe->next);
    g_free(probe);
}
