/*
 * bound: all clients that have a lease, as the address child needs them (task.h, dhcp/clients).
 */
#pragma once

#include "netsvc/dhcp/lease/lease.h"
#include "netsvc/task.h"

/* In packets of TASK_CLIENTS_MAX struct task_client at most; an empty one is the end. `leases` may
 * be NULL: there are none yet. */
void bound_tell(const struct leases *leases,
                void (*tell)(void *context, const void *clients, gsize size), void *context);
