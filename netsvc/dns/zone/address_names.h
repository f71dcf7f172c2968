/*
 * address_names: the zone in which every address has a name that says it:
 * 10-0-0-7.my.clinic.example is 10.0.0.7, and fd00--7.my.clinic.example is fd00::7. One certificate
 * for *.my.clinic.example, got where there is an Internet, then serves every developer's machine in
 * every clinic, as that of local-ip.co does.
 *
 * Nothing of it is stored: the address is read out of the name. Only addresses in the configured
 * networks exist, so that nobody's page on the Internet gets a name of ours; of a name there is one
 * label, for a certificate's wildcard covers no more. `_acme-challenge`, at the head of the zone
 * and below each of its names, is there and empty, so that whoever gets the certificate elsewhere
 * is told no lie. SOA, NS and what the configuration adds stand in the zone itself (site.h).
 */
#pragma once

#include "netsvc/config/config.h"
#include "netsvc/dns/wire/reply.h"
#include "netsvc/dns/zone/zone.h"

struct address_names {
    const struct zone *zone;
    const GArray *networks; /* struct config_network */
};

enum address_name {
    ADDRESS_NAME_NONE,
    ADDRESS_NAME_EMPTY, /* exists without any record */
    ADDRESS_NAME_4,     /* is that address */
    ADDRESS_NAME_6,
};

/* What a name below the zone's is, in network byte order in `address`. */
enum address_name address_names_find(const struct address_names *names, const struct name *name,
                                     guint8 address[16]);

/* The answer to a query, in `out` with so much room; 0: the name is not in the zone, or the zone
 * holds it and answers itself. */
gsize address_names_answer(const struct address_names *names, const struct query *query,
                           const struct reply_options *options, gboolean udp, guint8 *out,
                           gsize room);
