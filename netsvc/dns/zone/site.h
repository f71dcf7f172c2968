/*
 * site: the zones that no file gives, made of the configuration.
 *
 *     [zone NAME] without file     NAME
 *     [subnet …] domain            that domain, for its clients' names; unless it is below a zone
 * of ours that is neither signed nor from elsewhere: then they go there. Below one that is, it is
 * an unsigned child with a delegation. address zone                 its name (address_names.h says
 * what is in it) names that are in none       each its own zone, the shortest first:
 * '*.clinic.example' makes clinic.example, and 'www.example.org' no more than itself, so that the
 * rest of example.org stays what it is elsewhere a subnet's addresses         in-addr.arpa zones,
 * at the octet below: 10.1.0.0/22 makes 0, 1, 2 and 3.1.10.in-addr.arpa, and a /26 the whole /24
 *     other addresses of names     their /24 (IPv6: /64) where they are private, else a zone of
 *                                  that one address
 *
 * A zone with a file keeps what the file says: a name that the configuration has too must be in it,
 * with whatever address; its children are delegated. Addresses of reservations are added under
 * their subnet's domain unless the name is there. The first name of an address is the one that its
 * PTR record says.
 *
 * All are ours alone: one NS record, {node}.{the first zone}, which is also the SOA's primary. Its
 * addresses are those that we listen at, or the service address; unless the name is configured.
 */
#pragma once

#include "netsvc/config/config.h"
#include "netsvc/dns/zone/zones.h"

#define SITE_REFRESH 3600 /* seconds: SOA (RFC 1035, 3.3.13) */
#define SITE_RETRY 600
#define SITE_EXPIRE 1209600
#define SITE_NEGATIVE_TTL 60 /* a client may be there in the next moment */
#define SITE_TTL 3600        /* of NS and SOA */

/* Adds them to `zones`, where those from files are already. `serial` is of all of them (serial.h).
 * A zone that is to be signed can be afterwards. */
gboolean site_build(struct zones *zones, const struct config *config, guint32 serial,
                    GError **error);
