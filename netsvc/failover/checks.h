/*
 * checks: what on this node stands in the way of a planned switch: CouchDB, as the replicator sees
 * both, certificates that only one of the nodes has, a third machine that has the service address,
 * and, on the one that takes over, a network cable that is out.
 */
#pragma once

#include "netsvc/failover/failover.h"

/* {"problems": ["…"], "notes": ["…"]}, each a sentence; or, where that could not be found out, why
 * not. */
typedef void (*checks_answered)(gpointer context, gboolean done, const char *answer);

/* `from`: this node is the one that hands over. The answer always comes. */
struct checks *checks_run(struct child *child, gboolean from, checks_answered answered,
                          gpointer context);

/* Nobody waits for it any more. */
void checks_forget(struct checks *checks);
