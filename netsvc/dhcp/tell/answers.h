/*
 * answers: what `lifeboat net leases` and `lifeboat status` are told (message.h, questions).
 *
 *     {"ask": "leases", "after": "10.0.0.7"}  → {"leases": [{"address", "state", "subnet", "mac",
 *                                               "client", "name", "seconds"}], "more": true}
 *     {"ask": "dhcp"}                         → {"subnets": [{"name", "addresses", "leased",
 *                                               "free", "declined"}]}
 *
 * `seconds` are left of it: until the lease ends, the offer lapses or the address has rested; null
 * for one that was given up, or never ends.
 */
#pragma once

#include "netsvc/dhcp/lease/clock.h"
#include "netsvc/dhcp/lease/lease.h"

/* `leases` NULL: they cannot be read yet. Something is always answered. */
void answers_give(const struct config *config, const struct leases *leases, gint64 now,
                  const void *question, gsize size, GString *json);
