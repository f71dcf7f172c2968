/*
 * address: the service address on this node, and the fence that keeps clients off it. The one child
 * that keeps a right of root's, CAP_NET_ADMIN; with sockets to the kernel and the link that were
 * opened before it is all that it needs.
 *
 *     fenced ── address/take → the address is there, the fence still stands
 *            ── address/open → the fence is gone, clients are told where the address is (ARP)
 *     open   ── address/fence → clients are reset, the address is gone
 *
 * It begins fenced; but where it is told at first (MESSAGE_ROLE) that the node is active, only the
 * process is new: then the address is held and open as it was, and clients notice nothing. A fence
 * is asserted again when somebody takes it away or adds the address; the address lasts 6 s, unless
 * address/keep comes every 2 s: so a node that hangs or dies loses it.
 *
 * The fence stands unless the kernel is told otherwise every few seconds (kernel/fence.h): so it is
 * there when nobody is left to set it.
 *
 * Who else is heard to claim the address while it is held here is told in an alert.
 *
 *     address.c    tasks, what is meant, what happens; tells people
 *     hold.h       the kernel's side of it, each step whole; also `lifeboat-netsvc fence`
 *     kernel/      interfaces and addresses, fencing rules, connections
 *     probe.h, announce.h, wire.h   ARP
 *
 * Tasks, all by the failover child alone; answers are {} unless told:
 *     address/probe  {}   → {"mac": "52:54:…"} who answers ARP for the address, null: nobody
 *     address/take   {}
 *     address/open   {}   and then tells at 0, 1, 3 and 10 s, and every 60 s to all
 *     address/keep   {}   → {"held": true, "fenced": false}: false, true where nobody kept it in
 *                         time: it is not taken again without being asked for
 *     address/announce {} once more: contact is regained
 *     address/fence  {}   answered when no client can be answered any more
 *     address/look   {}   → {"held": true, "fenced": false, "interface": "eth0", "trouble": null}
 *     address/cable  {}   → {"in": true}: the interface of the service address has a link, or that
 * of a path to the other node address/check  {}   → {"problems": ["…"]}: what keeps clients from it
 * here, before a switch
 */
#pragma once

#include "netsvc/child/child.h"

extern const struct child_role address_role;
