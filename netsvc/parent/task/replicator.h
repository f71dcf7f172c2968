/*
 * replicator: what netsvc has lifeboat-replicator do with the node's CouchDB (task.h). Questions at
 * its control socket; the answer may take as long as the switch may.
 */
#pragma once

#include "netsvc/parent/world.h"

#define REPLICATOR_ANSWER_MAX (TASK_BODY_MAX)

struct replicator;

struct replicator *replicator_new(struct world *world);
void replicator_free(struct replicator *replicator);

/* Its end is told to tasks_done. `body`: an object, or nothing. */
void replicator_ask(struct replicator *replicator, guint32 handle, const char *step,
                    const char *body, gsize size);
