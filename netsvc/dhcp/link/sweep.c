#include "netsvc/dhcp/link/sweep.h"

#define STEPS 256 /* addresses that are passed over at once */

void
sweep_wake(struct sweep *sweep, gint64 now)
{
    sweep->until = now + SWEEP_AWAKE_SECONDS;
}

/* NULL: there are no pools at all. */
static const struct config_range *
pool_here(struct sweep *sweep, const struct config_dhcp *config)
{
    for (guint tries = 0; tries <= config->subnets->len; tries++) {
        if (sweep->subnet >= config->subnets->len)
            sweep->subnet = 0;
        if (config->subnets->len == 0)
            return NULL;
        const struct config_subnet *subnet = config->subnets->pdata[sweep->subnet];
        if (sweep->pool < subnet->pools->len)
            return &g_array_index(subnet->pools, struct config_range, sweep->pool);
        sweep->subnet++;
        sweep->pool = 0;
        sweep->last = 0;
    }
    return NULL;
}

static void
go_on(struct sweep *sweep)
{
    sweep->pool++;
    sweep->last = 0;
}

static gboolean
is_had(const struct leases *leases, guint32 address)
{
    const struct lease *lease = leases_of_address(leases, address);
    return lease != NULL && (lease->state == LEASE_LEASED || lease->state == LEASE_DECLINED);
}

static guint32
look(struct sweep *sweep, const struct config_range *pool, const struct leases *leases)
{
    if (pool->last - pool->first >= SWEEP_POOL_MAX) {
        const struct lease *oldest = leases_oldest(leases, pool->first, pool->last);
        go_on(sweep);
        return oldest != NULL ? oldest->address : 0;
    }
    guint32 address = sweep->last == 0 ? pool->first : sweep->last + 1;
    if (address > pool->last) {
        go_on(sweep);
        return 0;
    }
    sweep->last = address;
    return is_had(leases, address) ? 0 : address;
}

guint32
sweep_next(struct sweep *sweep, const struct config_dhcp *config, const struct leases *leases,
           gint64 now)
{
    if (now >= sweep->until)
        return 0;
    for (guint i = 0; i < STEPS; i++) {
        const struct config_range *pool = pool_here(sweep, config);
        guint32 address = pool != NULL ? look(sweep, pool, leases) : 0;
        if (address != 0)
            return address;
    }
    return 0;
}

void
sweep_enter(struct sweep *sweep, guint32 address)
{
    sweep->probed = address;
}

gboolean
sweep_leave(struct sweep *sweep, guint32 address)
{
    gboolean was = sweep->probed == address;
    if (was)
        sweep->probed = 0;
    return was;
}
