/*
 * rivals: how another DHCP server on the LAN is noticed.
 *
 *     a client chose it      its REQUEST, which all hear, names that server (option 54)
 *     it answers us          now and then we ask like a relay: a DISCOVER to all, `giaddr` our own
 *                            address, so that the OFFER comes to our port 67. The client in it does
 *                            not exist; it is always the same one, so that no pool runs out by it
 */
#pragma once

#include "netsvc/dhcp/packet/packet.h"

#define RIVALS_ASK_SECONDS 300
#define RIVALS_FORGET_SECONDS 1000 /* not seen in three asks */
#define RIVALS_QUESTION_SIZE PACKET_MIN_SENT

/* What is sent to all, port 67. `mac` and `own` are of the link; `own` not 0. */
void rivals_question(guint8 out[RIVALS_QUESTION_SIZE], const guint8 *mac, guint32 own);

/* Whether that packet is a question of ours that came back to us. */
gboolean rivals_is_question(const struct packet *packet, const guint8 *mac, guint32 own);

/* The server that a packet tells of, which may be ourselves; 0: none. `sender` is whom it came
 * from. */
guint32 rivals_told_by(const struct packet *packet, guint32 sender);
