/*
 * dns: the child that answers names.
 *
 *     wire/     names, queries, writing answers, cookies
 *     zone/     what we know: zones of files and names, of DHCP's clients, reverse zones, special
 *               names, DNSSEC
 *     serve/    how a query gets its answer: lookup, UDP, TCP, rate limit
 *     forward/  what we do not know: the uplink's servers, their health, the cache
 *     transfer/ zones to and from other servers: AXFR, IXFR, NOTIFY, TSIG
 *     update/   TXT records that ACME clients put into our zones for a while
 *
 *     dns.c        puts them together: sockets, begin, end
 *     holding.c    all zones, wherever they come from
 *     parts.c      what serve/ asks the others for
 *     questions.c  `lifeboat net zones`
 *     sharing.c    what updates put, for who comes after and for the other node
 *
 * Data flows one way: a packet → query → dns_serve → answer (zone/) or forward/ → packet.
 */
#pragma once

#include "netsvc/child/child.h"
#include "netsvc/dns/serve/asker.h"
#include "netsvc/dns/wire/query.h"

extern const struct child_role dns_role;

struct dns;

#define DNS_TCP_MAX 65535 /* bytes of an answer by TCP */

/* Serves one packet. Gives the size of the answer that stands in `out`, which has room for
 * QUERY_UDP_MAX (UDP) or DNS_TCP_MAX (TCP) bytes; 0: there is none, or it goes through the asker
 * later. The path of every query: nothing is allocated for one that a zone answers. */
gsize dns_serve(struct dns *dns, const struct asker *asker, const guint8 *wire, gsize size,
                guint8 *out);
