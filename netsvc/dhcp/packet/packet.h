/*
 * packet: a DHCP message (RFC 2131, figure 1), parsed strictly. Written by writer.h.
 *
 * Long options that come in pieces are put together (RFC 3396), also from `file` and `sname` where
 * option 52 says so. Everything is bounded: a packet by PACKET_MAX, an option by what a packet
 * holds.
 *
 * An option that tells in which state a client is (50, 51, 53, 54, 57) and has a wrong size makes
 * the packet one that cannot be understood: taken as absent it would mean something else.
 */
#pragma once

#include "lib/base/cleanup.h"

#include <netinet/in.h>

#define PACKET_MAX 4096      /* bytes of one that is taken */
#define PACKET_MIN_SENT 300  /* BOOTP's; some relays and clients drop shorter ones */
#define PACKET_SEND_MAX 1472 /* never more, whatever option 57 says: one Ethernet frame */

/* Where things are, RFC 2131 figure 1 */
#define PACKET_CHADDR 28
#define PACKET_CHADDR_SIZE 16
#define PACKET_SNAME 44
#define PACKET_SNAME_SIZE 64
#define PACKET_FILE 108
#define PACKET_FILE_SIZE 128
#define PACKET_COOKIE 236 /* 99, 130, 83, 99 */
#define PACKET_OPTIONS 240

#define PACKET_REQUEST_OP 1 /* BOOTREQUEST */
#define PACKET_REPLY_OP 2
#define PACKET_ETHERNET 1 /* htype */
#define PACKET_ETHERNET_SIZE 6

/* Options, RFC 2132 where no other is named */
enum packet_option {
    PACKET_PAD = 0,
    PACKET_MASK = 1,
    PACKET_ROUTERS = 3,
    PACKET_DNS = 6,
    PACKET_HOSTNAME = 12,
    PACKET_DOMAIN = 15,
    PACKET_MTU = 26,
    PACKET_BROADCAST = 28,
    PACKET_NTP = 42,
    PACKET_REQUESTED = 50,
    PACKET_LEASE_TIME = 51,
    PACKET_OVERLOAD = 52,
    PACKET_TYPE = 53,
    PACKET_SERVER = 54,
    PACKET_PARAMETERS = 55,
    PACKET_MESSAGE = 56,
    PACKET_MAX_SIZE = 57,
    PACKET_T1 = 58,
    PACKET_T2 = 59,
    PACKET_CLIENT_ID = 61,
    PACKET_RAPID_COMMIT = 80, /* RFC 4039 */
    PACKET_FQDN = 81,         /* RFC 4702 */
    PACKET_AGENT = 82,        /* RFC 3046 */
    PACKET_AUTHENTICATION = 90,
    PACKET_SUBNET = 118, /* RFC 3011 */
    PACKET_SEARCH = 119, /* RFC 3397 */
    PACKET_ROUTES = 121, /* RFC 3442 */
    PACKET_END = 255,
};

/* Of option 82 */
#define PACKET_AGENT_LINK 5    /* RFC 3527: an address in the subnet to choose from */
#define PACKET_AGENT_SERVER 11 /* RFC 5107: the server identifier to name */

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

/* Addresses are in the host's byte order. The options point into the bytes that were parsed: valid
 * as long as these are. */
struct packet {
    guint8 op, htype, hlen, hops;
    guint32 xid;
    guint16 secs, flags;
    guint32 ciaddr, yiaddr, siaddr, giaddr;
    guint8 chaddr[PACKET_CHADDR_SIZE];
    enum packet_type type;
    guint8 scratch[PACKET_MAX];       /* of options that came in pieces */
    struct packet_bytes options[256]; /* data NULL: not there; 0 and 255 never are */
};

/* FALSE: it is no message that can be understood; `why` tells, for the log. A reply is parsed too
 * (`op` tells), so that another server can be noticed. */
gboolean packet_parse(struct packet *packet, const guint8 *data, gsize size, const char **why);

#define PACKET_FLAG_BROADCAST 0x8000

static inline gboolean
packet_has(const struct packet *packet, guint8 code)
{
    return packet->options[code].data != NULL;
}

/* Of an option with exactly that size; FALSE otherwise. */
gboolean packet_address(const struct packet *packet, guint8 code, guint32 *address);
gboolean packet_seconds(const struct packet *packet, guint8 code, guint32 *seconds);
gboolean packet_u16(const struct packet *packet, guint8 code, guint16 *value);

/* A suboption of option 82 with four bytes. */
gboolean packet_agent_address(const struct packet *packet, guint8 suboption, guint32 *address);
