#include "netsvc/dhcp/link/frame.h"

#include "netsvc/bytes.h"
#include "netsvc/dhcp/packet/packet.h"

#include <string.h>

#define ETHERTYPE_AT 12
#define BODY_AT 14
#define TYPE_IPV4 0x0800
#define TYPE_ARP 0x0806

#define ARP_SIZE 28
#define HARDWARE_ETHERNET 1

#define IPV4_SIZE 20
#define IPV4_VERSION_AND_SIZE 0x45
#define IPV4_TTL 64 /* as for all else that the kernel sends */
#define IPV4_UDP 17
#define IPV4_NO_FRAGMENTS 0x4000
#define UDP_SIZE 8

const char *
frame_mac_text(const guint8 *mac, char text[FRAME_MAC_TEXT])
{
    g_snprintf(text, FRAME_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
               mac[3], mac[4], mac[5]);
    return text;
}

static void
write_head(guint8 *out, const guint8 *to, const guint8 *from, guint16 type)
{
    memcpy(out, to, FRAME_MAC);
    memcpy(out + FRAME_MAC, from, FRAME_MAC);
    bytes_put16(out + ETHERTYPE_AT, type);
}

/* ---- ARP ---- */

static gboolean
is_station(const guint8 *mac)
{
    static const guint8 none[FRAME_MAC];
    return (mac[0] & 1) == 0 && memcmp(mac, none, FRAME_MAC) != 0;
}

gboolean
frame_read_arp(const guint8 *data, gsize size, struct frame_arp *arp)
{
    const guint8 *body = data + BODY_AT;
    if (size < BODY_AT + ARP_SIZE || bytes_get16(data + ETHERTYPE_AT) != TYPE_ARP)
        return FALSE;
    if (bytes_get16(body) != HARDWARE_ETHERNET || bytes_get16(body + 2) != TYPE_IPV4 ||
        body[4] != FRAME_MAC || body[5] != sizeof arp->sender)
        return FALSE;
    guint16 act = bytes_get16(body + 6);
    if ((act != FRAME_ARP_REQUEST && act != FRAME_ARP_REPLY) || !is_station(body + 8))
        return FALSE;
    arp->act = act;
    memcpy(arp->sender_mac, body + 8, FRAME_MAC);
    arp->sender = bytes_get32(body + 14);
    memcpy(arp->target_mac, body + 18, FRAME_MAC);
    arp->target = bytes_get32(body + 24);
    return TRUE;
}

gsize
frame_write_arp(guint8 out[FRAME_MIN], const struct frame_arp *arp, const guint8 *to)
{
    static const guint8 all[FRAME_MAC] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    guint8 *body = out + BODY_AT;
    memset(out, 0, FRAME_MIN);
    write_head(out, to != NULL ? to : all, arp->sender_mac, TYPE_ARP);
    bytes_put16(body, HARDWARE_ETHERNET);
    bytes_put16(body + 2, TYPE_IPV4);
    body[4] = FRAME_MAC;
    body[5] = sizeof arp->target;
    bytes_put16(body + 6, arp->act);
    memcpy(body + 8, arp->sender_mac, FRAME_MAC);
    bytes_put32(body + 14, arp->sender);
    memcpy(body + 18, arp->target_mac, FRAME_MAC);
    bytes_put32(body + 24, arp->target);
    return FRAME_MIN;
}

gsize
frame_write_probe(guint8 out[FRAME_MIN], const guint8 mac[FRAME_MAC], guint32 target)
{
    struct frame_arp arp = {.act = FRAME_ARP_REQUEST, .target = target};
    memcpy(arp.sender_mac, mac, FRAME_MAC);
    return frame_write_arp(out, &arp, NULL);
}

/* ---- UDP ---- */

/* RFC 1071, of bytes in network order; not yet folded. */
static guint32
sum_of(const guint8 *data, gsize size)
{
    guint32 sum = 0;
    for (gsize i = 0; i + 1 < size; i += 2)
        sum += bytes_get16(data + i);
    return size % 2 == 1 ? sum + ((guint32)data[size - 1] << 8) : sum;
}

static guint16
checksum(guint32 sum)
{
    while (sum > G_MAXUINT16)
        sum = (sum & G_MAXUINT16) + (sum >> 16);
    return (guint16)~sum;
}

static void
write_ip(guint8 *ip, const struct frame_udp *udp, gsize size)
{
    memset(ip, 0, IPV4_SIZE);
    ip[0] = IPV4_VERSION_AND_SIZE;
    bytes_put16(ip + 2, (guint16)size);
    bytes_put16(ip + 6, IPV4_NO_FRAGMENTS);
    ip[8] = IPV4_TTL;
    ip[9] = IPV4_UDP;
    bytes_put32(ip + 12, udp->from);
    bytes_put32(ip + 16, udp->to);
    bytes_put16(ip + 10, checksum(sum_of(ip, IPV4_SIZE)));
}

gsize
frame_write_udp(guint8 out[FRAME_MAX], const struct frame_udp *udp, const guint8 *data, gsize size)
{
    if (size > FRAME_MAX - FRAME_UDP_HEADERS)
        return 0;
    guint8 *ip = out + BODY_AT, *head = ip + IPV4_SIZE;
    gsize udp_size = UDP_SIZE + size;
    write_head(out, udp->to_mac, udp->from_mac, TYPE_IPV4);
    write_ip(ip, udp, IPV4_SIZE + udp_size);
    bytes_put16(head, udp->from_port);
    bytes_put16(head + 2, udp->to_port);
    bytes_put16(head + 4, (guint16)udp_size);
    bytes_put16(head + 6, 0);
    memcpy(head + UDP_SIZE, data, size);
    /* RFC 768: over the addresses, protocol and size, too; 0 means that there is none */
    guint32 sum = sum_of(ip + 12, 8) + IPV4_UDP + (guint32)udp_size + sum_of(head, udp_size);
    guint16 check = checksum(sum);
    bytes_put16(head + 6, check != 0 ? check : G_MAXUINT16);
    gsize written = FRAME_UDP_HEADERS + size;
    if (written < FRAME_MIN)
        memset(out + written, 0, FRAME_MIN - written);
    return MAX(written, FRAME_MIN);
}
