/*
 * warm: the indexes of this node's databases are brought up to date while nobody asks for them, so
 * that nobody waits when it takes over.
 */
#pragma once

#include "replicator/standby/standby.h"

/* Asks for a view of each design document in a way that does not wait for its index but has it
 * updated afterwards; all views of a design document share one. Never an error: an index that
 * cannot be built fails those who ask for it, on the other node as well. */
void warm_indexes(struct standby *standby, const char *database);
