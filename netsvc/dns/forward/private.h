/*
 * private: addresses that no name of the Internet has any business to point at. A page from outside
 * whose name turns from its own server's address to one of the LAN's (DNS rebinding) would let it
 * talk to the clinic's machines through a browser in there.
 *
 * They are private, loopback, link-local, shared (RFC 6598), multicast and the like: what IANA's
 * registries (RFC 6890) call not globally reachable, but for the networks of documentation. Of IPv6
 * also those that carry such an IPv4 address: mapped, NAT64, 6to4.
 */
#pragma once

#include <glib.h>

/* Whether a record's data holds such an address: A, AAAA, and the hints of SVCB and HTTPS. Data
 * that cannot be read counts as if it did. */
gboolean private_rdata(guint16 type, const guint8 *rdata, gsize size);
