/*
 * dhcp: the child that gives out addresses.
 *
 *     packet/   DHCP messages and options, parsed and written
 *     lease/    who has which address; what of that is durable; the clock
 *     serve/    what clients are answered: no sockets, no waiting
 *     link/     sockets: receiving, sending to who has no address yet, ARP, other servers
 *     dhcp.c    the loop: takes what has come, one commit for all of it, then the answers go out
 */
#pragma once

#include "netsvc/child/child.h"

extern const struct child_role dhcp_role;
