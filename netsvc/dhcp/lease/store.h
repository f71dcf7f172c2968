/*
 * store: leases that outlive a power cut, in SQLite (WAL, synchronous=FULL).
 *
 * Many changes go into one commit: store_put only collects, store_commit makes all durable. An ACK
 * leaves after that. Offers are never stored.
 *
 * Time: with each row stand the wall clock's and the boot clock's end of the lease, and the id of
 * the boot. In the same boot the boot clock counts, whatever the wall clock did since. After
 * another boot the time that passed is the wall clock's, if that is believed (clock.h): otherwise
 * no time passed at all, and the lease has the rest that it had when it was last written.
 */
#pragma once

#include "netsvc/dhcp/lease/clock.h"
#include "netsvc/dhcp/lease/lease.h"

struct store;

/* Makes it where it is absent; reads all leases into `leases`. One that is damaged is set aside as
 * NAME.damaged-TIME, with a warning, and what can be read of it is kept. */
struct store *store_open(const char *path, const struct clock *clock, struct leases *leases,
                         GError **error);
void store_free(struct store *store);
AUTO_DEFINE(store)

void store_put(struct store *store, const struct lease *lease);
void store_remove(struct store *store, guint32 address);

/* FALSE: nothing of what was put since the last one is durable, and must not be answered; all of it
 * stays to be tried again with the next. */
gboolean store_commit(struct store *store, GError **error);
