/*
 * probe: who has the service address now? Asked for by ARP without an address of one's own, three
 * times in 300 ms, as frames may be lost (RFC 5227 2.1.1, with shorter times: clients wait). Who
 * answers has it; so has who asks in the same way, because he is about to use it.
 */
#pragma once

#include "netsvc/dhcp/link/frame.h"

#include <event2/event.h>

#define PROBE_TIMES 3
#define PROBE_PAUSE_MS 100 /* between them, and after the last */

struct probe_ears {
    gboolean (*send)(void *context, const guint8 *frame, gsize size);
    /* The end; mac NULL: nobody. */
    void (*found)(void *context, const guint8 *mac);
    void *context;
};

struct probe;

struct probe *probe_new(struct event_base *events, guint32 address, const struct probe_ears *ears);
void probe_free(struct probe *probe);
AUTO_DEFINE(probe)

/* Unless one runs, whose end is this one's, too. */
void probe_begin(struct probe *probe, const guint8 mac[FRAME_MAC]);
gboolean probe_runs(const struct probe *probe);

/* What was heard. */
void probe_take(struct probe *probe, const struct frame_arp *arp);
