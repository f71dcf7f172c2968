/*
 * command: `lifeboat-replicator switch STEP [VALUE]`, which the daemon runs (daemon/role.h): what
 * is done with CouchDB at a switch. The steps of netsvc/failover/protocol are in brackets.
 *
 *     check from|to   what stands in the way of a planned switch                               [1]
 *     pull ATTEMPT    this node has all that the other one has, and its clients' checkpoints   [3]
 *     adopt UUID      this node takes over the other one's uuid, of the pull before            [5]
 *     fresh TOKEN     a uuid never used before, and no client's checkpoint is left: on the node
 *                     that was active, so that the two differ [5]; after a forced switch, a
 *                     restore, a roll-back                                            [unplanned 3]
 *     merge           this node gets what only the other one has                      [unplanned 4]
 *
 * Each tells {"event":"answer","answer":{…}}, or fails with a sentence; may be repeated, and killed
 * at any point. Where they are done is left to netsvc; none asks for its record.
 *
 *     pull.c      with the standby's own passes
 *     check.c     both servers compared, without documents
 *     merge.c     likewise with passes, which bring documents and nothing else; merged.h
 *     uuid.c      adopt, fresh; identity.h is how a uuid is set, and remembered
 *     clients/    the clients' checkpoints: how they are carried over
 *     pair.h      where the other node is
 */
#pragma once

#include "lib/command/command.h"

int switch_command(const struct command_line *line, GError **error);
