/*
 * dhcp: the child that gives out addresses.
 *
 *     packet/   DHCP messages and options, parsed and written
 *     lease/    who has which address; what of that is durable; the clock
 *     choose/   which address a client gets: its own, a reserved one, or one of a pool
 *     serve/    what clients are answered: no sockets, no waiting
 *     pair/     the same leases at both nodes: what one tells the other, and what each may give out
 *     link/     sockets: receiving, sending to who has no address yet, ARP, other servers
 *     tell/     names of clients to dns, answers to `lifeboat net leases`
 *     dhcp.c    the loop: takes what has come, one commit for all of it, then the answers go out
 *     take.c    one packet, and probes; other_node.c: what both nodes say; alerts.c: what people
 *               are told
 */
#pragma once

#include "netsvc/child/child.h"

extern const struct child_role dhcp_role;
