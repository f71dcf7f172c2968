/*
 * failover: which node is the active one, and the switch from one to the other.
 *
 *     protocol/    the rules, without a clock, a disk or a network of their own: what has come in,
 *                  what is to be done. The tests run it by the million, and the child runs the same
 *     link/        to the other node: mutual TLS with keys pinned at pairing, heartbeats, and what
 *                  the children of both nodes tell each other
 *     failover.c   the child: its clock, its link, and which role the others are told
 *     effects.c    has done what the protocol wants, by tasks (netsvc/task.h)
 *     operator.c   answers `lifeboat failover` and `lifeboat status`
 *     remote.c     has the other node do a task, and does its
 *     history.c    the steps of a switch, for people
 *     store.c      the record on this node's disk
 */
#pragma once

#include "netsvc/child/child.h"

extern const struct child_role failover_role;
