/*
 * nodes: how old the nodes are that live off drives, as the drives say (lib/store/standing.h): the
 * newest word of each is kept in the logbook, and shown.
 */
#pragma once

#include "lib/base/slice.h"
#include "replicator/daemon/place/logbook.h"

/* Enters what a job told, a JSON array; what is no newer than what is known is passed over. */
void nodes_note(struct logbook *logbook, struct slice told);

/* The array `nodes` of `lifeboat status`. */
void nodes_append(struct logbook *logbook, GString *out);
