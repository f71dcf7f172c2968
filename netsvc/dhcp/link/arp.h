/*
 * arp: who uses which address on our links. No sockets here: frames that came go in, what is to be
 * sent goes out through `ears`.
 *
 *     probes    an address is asked for, ARP_PROBES times in ARP_PROBE_MS; who answers uses it,
 *               silence makes it free
 *     table     all that was seen of ARP: the address's last MAC, and when. Bounded: another
 *               address may push one out, which then is asked for again
 *
 * Only links that we are on ourselves can be asked; what is behind a relay counts as quiet. (The
 * client is to ask there, RFC 2131 4.4.1, and to decline.)
 *
 * Time is milliseconds of a clock that only goes on.
 */
#pragma once

#include "netsvc/dhcp/link/frame.h"

#define ARP_PROBES 3         /* frames may be lost, most of all on Wi-Fi */
#define ARP_PROBE_MS 300     /* SERVER_PROBE_MS: after the first of them */
#define ARP_RUNNING_MAX 4096 /* probes at once; beyond that none begins */
#define ARP_TABLE 8192       /* addresses; a power of two */

struct arp_ears {
    void (*send)(void *context, guint link, guint32 address);
    void (*found)(void *context, guint32 address, gboolean used, const guint8 *mac);
    void *context;
};

struct arp;

struct arp *arp_new(const struct arp_ears *ears);
void arp_free(struct arp *arp);
AUTO_DEFINE(arp)

/* Begins a probe unless one runs; FALSE: too many run. Its end is `found`, never from in here. */
gboolean arp_probe(struct arp *arp, guint link, guint32 address, gint64 now);
gboolean arp_is_probing(const struct arp *arp, guint32 address);

/* A frame that came in. */
void arp_take(struct arp *arp, const struct frame_arp *frame, gint64 now);

/* Sends and ends what is due. And when the next is; G_MAXINT64: never. */
void arp_tick(struct arp *arp, gint64 now);
gint64 arp_next(const struct arp *arp);

/* Whether the address was seen not longer ago than that, and of whom. */
gboolean arp_seen(const struct arp *arp, guint32 address, gint64 now, gint64 milliseconds,
                  guint8 mac[FRAME_MAC]);
