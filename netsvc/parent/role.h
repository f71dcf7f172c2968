/*
 * role: which role the node has (netsvc/task.h). The failover child alone says it, and all others
 * are told. Where that child is gone for longer than a reload takes, the node waits: by then the
 * service address is lost, too. With one node there is no such child, and the node is alone.
 */
#pragma once

#include "netsvc/parent/world.h"

/* Before any service is: what holds until the failover child says more. */
void role_begin(struct world *world);

/* From any service; only the failover child's counts. */
void role_take(struct world *world, guint service, const void *data, gsize size);

/* That service serves now, and is told; or it serves no longer. */
void role_serves(struct world *world, struct service *service);
void role_lost(struct world *world, const struct service *service);
