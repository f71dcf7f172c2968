/*
 * naming: the names of clients, on their way to the DNS child (MESSAGE_NAMES). What changes is
 * collected and sent in packets, after the commit that makes it durable.
 */
#pragma once

#include "netsvc/child/child.h"
#include "netsvc/dhcp/lease/lease.h"

struct naming;

struct naming *naming_new(struct child *child);
void naming_free(struct naming *naming);
AUTO_DEFINE(naming)

void naming_add(struct naming *naming, const struct lease *lease,
                const struct config_subnet *subnet, gboolean gone, gint64 now);
void naming_send(struct naming *naming);

/* All that there are, between FIRST and LAST; what was collected is in it. */
void naming_send_all(struct naming *naming, const struct config *config,
                     const struct leases *leases, gint64 now);
