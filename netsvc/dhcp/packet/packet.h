/*
 * packet: a DHCP message (RFC 2131, figure 1), parsed strictly and written.
 *
 * Long options that come in pieces are put together (RFC 3396), also from `file` and `sname` where
 * option 52 says so. Everything is bounded: a packet by PACKET_MAX, an option by what a packet
 * holds.
 */
#pragma once

#include "lib/base/cleanup.h"

#include <netinet/in.h>

#define PACKET_MAX 4096      /* bytes of one that is taken */
#define PACKET_MIN_SENT 300  /* BOOTP's; some relays and clients drop shorter ones */
#define PACKET_SEND_MAX 1472 /* never more, whatever option 57 says: one Ethernet frame */

/* Option 53, RFC 2132 9.6 */
enum packet_type {
    PACKET_BOOTP = 0, /* none is given */
    PACKET_DISCOVER = 1,
    PACKET_OFFER,
    PACKET_REQUEST,
    PACKET_DECLINE,
    PACKET_ACK,
    PACKET_NAK,
    PACKET_RELEASE,
    PACKET_INFORM,
    PACKET_TYPES,
};

/* A slice of bytes inside the packet (or of what was put together of it). */
struct packet_bytes {
    const guint8 *data;
    gsize size;
};

/* Addresses are in the host's byte order. */
struct packet {
    guint8 op, htype, hlen, hops;
    guint32 xid;
    guint16 secs, flags;
    guint32 ciaddr, yiaddr, siaddr, giaddr;
    guint8 chaddr[16];
    enum packet_type type;
    guint8 scratch[PACKET_MAX];       /* of options that came in pieces */
    struct packet_bytes options[256]; /* data NULL: not there; 0 and 255 never are */
};

/* FALSE: it is no request that can be understood; `why` tells, for the log. */
gboolean packet_parse(struct packet *packet, const guint8 *data, gsize size, const char **why);

#define PACKET_FLAG_BROADCAST 0x8000

/* Of an option with exactly that size; FALSE otherwise. */
gboolean packet_address(const struct packet *packet, guint8 code, guint32 *address);
gboolean packet_seconds(const struct packet *packet, guint8 code, guint32 *seconds);
