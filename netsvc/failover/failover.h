/*
 * failover: which node is the active one, and the switch from one to the other (SWITCH.md).
 *
 *     link/       to the other node: mutual TLS with keys pinned at pairing, heartbeats, and what
 * the children of both nodes tell each other protocol/   the rules, without a clock, a disk or a
 * network of their own: what has come in, what is to be done. The tests run it by the million, and
 * the child runs the same failover.c  the child: has done what the protocol wants, by tasks
 * (netsvc/task.h)
 */
#pragma once

#include "netsvc/child/child.h"

extern const struct child_role failover_role;
