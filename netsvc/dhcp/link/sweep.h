/*
 * sweep: a slow look, one address a second, at those that new clients will be offered next, so that
 * most of them get their ACK without waiting for a probe. Only while new clients come: a probe goes
 * to all, and wakes every phone on the Wi-Fi.
 *
 * Of a small pool all addresses that nobody has, in turn; of a large one, where a client's place is
 * by hash, those given up longest ago, which come next when it is full.
 */
#pragma once

#include "netsvc/config/config.h"
#include "netsvc/dhcp/lease/lease.h"

#define SWEEP_POOL_MAX 512      /* addresses of a small pool */
#define SWEEP_AWAKE_SECONDS 300 /* after a new client */

struct sweep {
    gint64 until;       /* boot clock: awake */
    guint subnet, pool; /* where it is */
    guint32 last;       /* address that was looked at; 0: none in this pool yet */
    guint32 probed;     /* by the sweep alone, now; 0: none */
};

/* A new client came. */
void sweep_wake(struct sweep *sweep, gint64 now);

/* The next address to be probed; 0: none now. */
guint32 sweep_next(struct sweep *sweep, const struct config_dhcp *config,
                   const struct leases *leases, gint64 now);

/* A probe is the sweep's until somebody else is interested, or it ends: TRUE if it was. */
void sweep_enter(struct sweep *sweep, guint32 address);
gboolean sweep_leave(struct sweep *sweep, guint32 address);
