/*
 * reset: the end of connections to the service address, once it is fenced.
 *
 * A client that sends is reset by the fence. One that waits for an answer would wait until its own
 * limit, an hour or for good: so sockets of this machine are destroyed, which resets them; and
 * where a connection is translated to a container (conntrack), its client is sent a segment that
 * fits nowhere. It answers that with what it expects (RFC 9293 3.10.7.4), and the fence resets it.
 *
 * Then the kernel's notes of connections (conntrack entries) are deleted, so that nothing goes on
 * being translated.
 */
#pragma once

#include "netsvc/netlink.h"

struct reset;

/* Opens what it needs, with root's rights. */
struct reset *reset_open(GError **error);
void reset_free(struct reset *reset);
AUTO_DEFINE(reset)

/* How many connections it ended; while the address is still there. What the kernel knows nothing of
 * (no conntrack) is no failure. */
guint reset_all(struct reset *reset, struct netlink *filter, guint32 address);

/* ---- for tests ---- */

/* A TCP segment with an IPv4 head, from the address: gives its size. */
#define RESET_SEGMENT 40
void reset_write(guint8 out[RESET_SEGMENT], guint32 from, guint16 from_port, guint32 to,
                 guint16 to_port, guint32 number);
