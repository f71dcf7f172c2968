/*
 * wire: ARP about the service address, sent and heard on the link that it is on. One socket for all
 * interfaces, so that none has to be opened anew when one comes back; it hears only what is said of
 * that address.
 */
#pragma once

#include "netsvc/address/kernel/place.h"
#include "netsvc/dhcp/link/frame.h"

/* With CAP_NET_RAW still; a descriptor that does not block, -1: error. */
int wire_open(guint32 address, GError **error);

/* FALSE: it was not sent, errno tells why. */
gboolean wire_send(int fd, const struct place *place, const guint8 *frame, gsize size);

/* The next one that came in there; FALSE: there is none for now. */
gboolean wire_hear(int fd, const struct place *place, struct frame_arp *arp);
