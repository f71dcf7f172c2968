/*
 * store: leases that outlive a power cut, in SQLite (WAL, synchronous=FULL).
 *
 * Many changes go into one commit: store_put only collects, store_commit makes all durable. An ACK
 * leaves after that. Offers are never stored.
 *
 * Time: all times in it are of the elapsed clock, which counts on from boot to boot: seconds that
 * surely passed since the store was made. With it stand, as of a commit at most 10 s ago, the boot
 * clock, the boot's id, and the wall clock if that was believed (clock.h).
 *
 *     same boot      elapsed goes on by the boot clock, whatever the wall clock did since
 *     another boot   it goes on by the wall clock, if that was believed then and is now
 *                    else no time passed at all: a lease has the rest that it had
 */
#pragma once

#include "netsvc/dhcp/lease/clock.h"
#include "netsvc/dhcp/lease/knowledge.h"
#include "netsvc/dhcp/lease/lease.h"

struct store;

/* Makes it where it is absent; reads all leases into `leases`, which the store looks at later too.
 * One that is damaged is set aside as NAME.damaged-TIME, with a warning, and what can be read of it
 * is kept. While another process has it open, that is an error of the code FAIL_LATER. */
struct store *store_open(const char *path, const struct clock *clock, struct leases *leases,
                         GError **error);
void store_free(struct store *store);
AUTO_DEFINE(store)

/* One that was offered is not stored; what is stored of that address stays. */
void store_put(struct store *store, const struct lease *lease);
void store_remove(struct store *store, guint32 address);

/* What is known of both nodes' changes (knowledge.h), as it was kept, and to be kept with the next
 * commit. Of one that was damaged nothing is known. */
const struct knowledge *store_knowledge(const struct store *store);
void store_know(struct store *store, const struct knowledge *knowledge);

/* Where the files were removed or replaced meanwhile, they are made anew of what is in memory.
 * FALSE: nothing of what was put since the last one is durable, and must not be answered; all of it
 * stays to be tried again with the next. */
gboolean store_commit(struct store *store, GError **error);

/* What can be done while nobody waits for an answer: writes the WAL back when it has grown, and
 * keeps the time when it was not kept for long or the wall clock was set. Call it after the answers
 * went out, and once a minute. */
void store_tidy(struct store *store);
