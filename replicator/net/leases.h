/*
 * leases: who has which address, as a table for people.
 *
 *     ADDRESS     NAME                      MAC                STATE   FOR
 *     10.66.1.7   phone.lan.clinic.example  52:54:00:12:34:56  leased  11 h 20 min
 *
 *     pool 10.66.1.0-10.66.1.255 of [subnet clinic]: 12 of 256 in use
 *     this is a copy of the active node's leases, in step with it
 */
#pragma once

#include "lib/base/slice.h"

/* `pages` as pages_ask gives them. Caller frees. */
char *leases_text(const GPtrArray *pages);

/* One pool of an answer, as a sentence; *nearly_full: 9 of 10 addresses are in use. Caller frees.
 */
char *leases_pool_text(struct slice pool, gboolean *nearly_full);

/* How the two nodes' leases stand, as a sentence; *bad: people should look. NULL: there is one
 * node. `answer` is netsvc's of leases or dhcp. Caller frees. */
char *leases_peer_text(struct slice answer, gboolean *bad);
