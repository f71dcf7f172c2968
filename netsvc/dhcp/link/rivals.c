#include "netsvc/dhcp/link/rivals.h"

#include "netsvc/bytes.h"

#include <string.h>

#define XID 0x4c424f54  /* "LBOT": we know our question again */
#define LOCALLY_GIVEN 2 /* bit of a MAC that no maker gave */
#define MAC_OTHER 0x40  /* differs from what virtual interfaces make of ours */
#define MAC_SIZE PACKET_ETHERNET_SIZE

static const guint8 cookie[] = {99, 130, 83, 99};

static void
made_up_mac(guint8 out[MAC_SIZE], const guint8 *mac)
{
    memcpy(out, mac, MAC_SIZE);
    out[0] = (guint8)((out[0] | LOCALLY_GIVEN) ^ MAC_OTHER);
}

void
rivals_question(guint8 out[RIVALS_QUESTION_SIZE], const guint8 *mac, guint32 own)
{
    static const guint8 options[] = {PACKET_TYPE, 1,           PACKET_DISCOVER, PACKET_PARAMETERS,
                                     1,           PACKET_MASK, PACKET_END};
    memset(out, 0, RIVALS_QUESTION_SIZE);
    out[0] = PACKET_REQUEST_OP;
    out[1] = PACKET_ETHERNET;
    out[2] = MAC_SIZE;
    out[3] = 1; /* hops: as relays do */
    bytes_put32(out + 4, XID);
    bytes_put32(out + 24, own);
    made_up_mac(out + PACKET_CHADDR, mac);
    memcpy(out + PACKET_COOKIE, cookie, sizeof cookie);
    memcpy(out + PACKET_OPTIONS, options, sizeof options);
}

gboolean
rivals_is_question(const struct packet *packet, const guint8 *mac, guint32 own)
{
    guint8 made_up[MAC_SIZE];
    made_up_mac(made_up, mac);
    return packet->op == PACKET_REQUEST_OP && packet->xid == XID && packet->giaddr == own &&
           memcmp(packet->chaddr, made_up, MAC_SIZE) == 0;
}

guint32
rivals_told_by(const struct packet *packet, guint32 sender)
{
    guint32 server = 0;
    if (packet->op == PACKET_REPLY_OP)
        return packet_address(packet, PACKET_SERVER, &server) ? server : sender;
    if (packet->giaddr != 0 || packet->type != PACKET_REQUEST)
        return 0;
    packet_address(packet, PACKET_SERVER, &server);
    return server;
}
