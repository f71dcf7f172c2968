#include "netsvc/dhcp/link/link.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <string.h>
#include <sys/socket.h>

#define ARP_TAKEN 64 /* bytes of a frame that matter */

/* ---- which there are ---- */

static struct link *
find_link(GArray *links, const struct message_socket *what, guint16 port)
{
    for (guint i = 0; i < links->len; i++)
        if (g_array_index(links, struct link, i).what.index == what->index)
            return &g_array_index(links, struct link, i);
    struct link made = {.what = *what, .port = port, .udp = -1, .frames = -1, .arp = -1};
    g_array_append_val(links, made);
    return &g_array_index(links, struct link, links->len - 1);
}

GArray *
link_list(const GArray *sockets, guint16 port)
{
    GArray *links = g_array_new(FALSE, TRUE, sizeof(struct link));
    for (guint i = 0; i < sockets->len; i++) {
        const struct child_socket *socket = &g_array_index(sockets, struct child_socket, i);
        struct link *link = find_link(links, &socket->what, port);
        if (socket->what.kind == MESSAGE_DHCP)
            link->udp = socket->fd;
        else if (socket->what.kind == MESSAGE_FRAME)
            link->frames = socket->fd;
        else if (socket->what.kind == MESSAGE_ARP)
            link->arp = socket->fd;
    }
    return links;
}

/* ---- receiving ---- */

/* One process, one loop: they are shared. */
static guint8 bytes[LINK_BATCH][PACKET_MAX];
static union {
    struct sockaddr_in in;
    struct sockaddr_ll ll;
} senders[LINK_BATCH];
static struct {
    _Alignas(struct cmsghdr) guint8 room[CMSG_SPACE(sizeof(struct in_pktinfo))];
} controls[LINK_BATCH];

static guint
receive(int fd, gsize size, struct mmsghdr messages[LINK_BATCH])
{
    static struct iovec parts[LINK_BATCH];
    for (gsize i = 0; i < LINK_BATCH; i++) {
        parts[i] = (struct iovec){bytes[i], size};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &senders[i],
                                              .msg_namelen = sizeof senders[i],
                                              .msg_iov = &parts[i],
                                              .msg_iovlen = 1,
                                              .msg_control = &controls[i],
                                              .msg_controllen = sizeof controls[i]};
    }
    int count = recvmmsg(fd, messages, LINK_BATCH, MSG_DONTWAIT, NULL);
    return count > 0 ? (guint)count : 0;
}

/* To a unicast address of ours the kernel answers from the same. */
static gboolean
came_to_all(struct msghdr *message)
{
    for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each != NULL;
         each = CMSG_NXTHDR(message, each)) {
        struct in_pktinfo info;
        if (each->cmsg_level != IPPROTO_IP || each->cmsg_type != IP_PKTINFO)
            continue;
        memcpy(&info, CMSG_DATA(each), sizeof info);
        return info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
    }
    return TRUE;
}

guint
link_receive(const struct link *link, struct link_packet packets[LINK_BATCH])
{
    struct mmsghdr messages[LINK_BATCH];
    guint count = receive(link->udp, PACKET_MAX, messages), taken = 0;
    for (guint i = 0; i < count; i++)
        if ((messages[i].msg_hdr.msg_flags & MSG_TRUNC) == 0)
            packets[taken++] = (struct link_packet){.data = bytes[i],
                                                    .size = messages[i].msg_len,
                                                    .sender = ntohl(senders[i].in.sin_addr.s_addr),
                                                    .to_all = came_to_all(&messages[i].msg_hdr)};
    return taken;
}

guint
link_receive_arp(const struct link *link, struct frame_arp frames[LINK_BATCH])
{
    struct mmsghdr messages[LINK_BATCH];
    guint count = receive(link->arp, ARP_TAKEN, messages), taken = 0;
    for (guint i = 0; i < count; i++) {
        /* A VLAN's frames come to the socket of the interface below it, too. */
        gboolean is_ours = senders[i].ll.sll_ifindex == (int)link->what.index &&
                           senders[i].ll.sll_pkttype != PACKET_OUTGOING;
        if (is_ours && frame_read_arp(bytes[i], messages[i].msg_len, &frames[taken]) &&
            memcmp(frames[taken].sender_mac, link->what.mac, FRAME_MAC) != 0)
            taken++;
    }
    return taken;
}

/* ---- sending ---- */

static gboolean
send_udp(const struct link *link, guint32 from, guint32 to, guint16 port, const guint8 *data,
         gsize size)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(to)};
    struct in_pktinfo info = {.ipi_ifindex = (int)link->what.index,
                              .ipi_spec_dst.s_addr = htonl(from)};
    _Alignas(struct cmsghdr) guint8 control[CMSG_SPACE(sizeof info)] = {0};
    struct iovec part = {(gpointer)data, size};
    struct msghdr message = {.msg_name = &address,
                             .msg_namelen = sizeof address,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_len = CMSG_LEN(sizeof info);
    head->cmsg_level = IPPROTO_IP;
    head->cmsg_type = IP_PKTINFO;
    memcpy(CMSG_DATA(head), &info, sizeof info);
    return sendmsg(link->udp, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* The source may be an address that has moved away just now, the service address. */
static gboolean
send_from(const struct link *link, guint32 from, guint32 to, guint16 port, const guint8 *data,
          gsize size)
{
    return send_udp(link, from, to, port, data, size) ||
           (from != link->what.own && (errno == EINVAL || errno == EADDRNOTAVAIL) &&
            send_udp(link, link->what.own, to, port, data, size));
}

static gboolean
send_frame(const struct link *link, const guint8 *data, gsize size)
{
    return send(link->frames, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static gboolean
send_to_hardware(const struct link *link, const struct server_reply *reply)
{
    const struct frame_udp udp = {.from_mac = link->what.mac,
                                  .to_mac = reply->mac,
                                  .from = reply->from,
                                  .to = reply->address,
                                  .from_port = link->port,
                                  .to_port = link->port + 1};
    guint8 frame[FRAME_MAX];
    gsize size = frame_write_udp(frame, &udp, reply->data, reply->size);
    return size > 0 && send_frame(link, frame, size);
}

gboolean
link_send_to_all(const struct link *link, guint16 port, const guint8 *data, gsize size)
{
    return send_udp(link, link->what.own, INADDR_BROADCAST, port, data, size);
}

gboolean
link_send_reply(const struct link *link, const struct server_reply *reply)
{
    guint16 to_client = link->port + 1;
    switch (reply->to) {
    case SERVER_TO_RELAY:
        return send_from(link, reply->from, reply->address, link->port, reply->data, reply->size);
    case SERVER_TO_CLIENT:
        return send_from(link, reply->from, reply->address, to_client, reply->data, reply->size);
    case SERVER_TO_HARDWARE:
        if (reply->mac_size == FRAME_MAC && link->frames >= 0)
            return send_to_hardware(link, reply);
        break;
    case SERVER_TO_ALL:
        break;
    }
    return send_from(link, reply->from, INADDR_BROADCAST, to_client, reply->data, reply->size);
}

gboolean
link_send_probe(const struct link *link, guint32 address)
{
    guint8 frame[FRAME_MIN];
    return send_frame(link, frame, frame_write_probe(frame, link->what.mac, address));
}
