/*
 * link: an interface that we serve, with the sockets that the parent opened for it: UDP port 67,
 * frames to send, ARP. It is not made for a thousand of them.
 *
 * Many packets are taken at once (recvmmsg), as many as LINK_BATCH; the socket holds what comes
 * while the disk stalls.
 */
#pragma once

#include "netsvc/child/child.h"
#include "netsvc/dhcp/link/frame.h"
#include "netsvc/dhcp/serve/server.h"

#define LINK_BATCH 64 /* packets: answered after one commit */

struct link {
    struct message_socket what; /* name, index, MAC, own address */
    guint16 port;               /* 67; the clients' is one more */
    int udp, frames, arp;       /* -1: there is none */
};

/* Those of the parent's sockets that are ours; struct link. */
GArray *link_list(const GArray *sockets, guint16 port);

/* One that came. */
struct link_packet {
    const guint8 *data;
    gsize size;
    guint32 sender;  /* its address, host byte order */
    gboolean to_all; /* it was sent to all */
};

/* What has come at UDP, LINK_BATCH at most; valid until it is called again, of any link. */
guint link_receive(const struct link *link, struct link_packet packets[LINK_BATCH]);

/* The same of ARP; what makes no sense, or belongs to another interface, is left out. */
guint link_receive_arp(const struct link *link, struct frame_arp frames[LINK_BATCH]);

/* FALSE: it could not be sent, errno tells why. */
gboolean link_send_reply(const struct link *link, const struct server_reply *reply);
gboolean link_send_to_all(const struct link *link, guint16 port, const guint8 *data, gsize size);
gboolean link_send_probe(const struct link *link, guint32 address);
