/*
 * frame: Ethernet frames, read and written byte by byte: ARP (RFC 826), and UDP over IPv4 to a
 * client that has no address yet. No sockets here.
 *
 * Addresses are in the host's byte order. What is shorter than Ethernet's least is padded.
 */
#pragma once

#include "lib/base/cleanup.h"

#define FRAME_MAC 6
#define FRAME_MIN 60 /* bytes, without the checksum that the card adds (IEEE 802.3) */
#define FRAME_MAX 1514
#define FRAME_UDP_HEADERS (14 + 20 + 8) /* Ethernet, IPv4, UDP */

/* "aa:bb:cc:dd:ee:ff"; gives `text`. */
#define FRAME_MAC_TEXT (FRAME_MAC * 3)
const char *frame_mac_text(const guint8 *mac, char text[FRAME_MAC_TEXT]);

/* ---- ARP ---- */

enum frame_arp_act { FRAME_ARP_REQUEST = 1, FRAME_ARP_REPLY = 2 };

struct frame_arp {
    enum frame_arp_act act;
    guint8 sender_mac[FRAME_MAC];
    guint32 sender; /* 0: it probes, RFC 5227 */
    guint8 target_mac[FRAME_MAC];
    guint32 target;
};

/* FALSE: that is no ARP of Ethernet and IPv4 that makes sense. */
gboolean frame_read_arp(const guint8 *data, gsize size, struct frame_arp *arp);

/* Asks who has `target`, without an address of its own, so that nobody learns a wrong one: an ARP
 * Probe, RFC 5227 2.1.1. Gives the size. */
gsize frame_write_probe(guint8 out[FRAME_MIN], const guint8 mac[FRAME_MAC], guint32 target);

/* Any other, to that station (NULL: all). Gives the size. */
gsize frame_write_arp(guint8 out[FRAME_MIN], const struct frame_arp *arp, const guint8 *to);

/* ---- UDP ---- */

struct frame_udp {
    const guint8 *from_mac, *to_mac;
    guint32 from, to;
    guint16 from_port, to_port;
};

/* 0: it is too large for one frame. */
gsize frame_write_udp(guint8 out[FRAME_MAX], const struct frame_udp *udp, const guint8 *data,
                      gsize size);
