#include "netsvc/dhcp/tell/bound.h"

#include <string.h>

void
bound_tell(const struct leases *leases,
           void (*tell)(void *context, const void *clients, gsize size), void *context)
{
    g_autofree struct task_client *clients = g_new0(struct task_client, TASK_CLIENTS_MAX);
    gsize count = 0;
    const struct lease *lease = leases != NULL ? leases_after(leases, 0) : NULL;
    for (; lease != NULL; lease = leases_after(leases, lease->address)) {
        if (lease->state != LEASE_LEASED || lease->mac_size != sizeof clients->mac)
            continue;
        clients[count].address = lease->address;
        memcpy(clients[count].mac, lease->mac, sizeof clients->mac);
        if (++count < TASK_CLIENTS_MAX)
            continue;
        tell(context, clients, count * sizeof *clients);
        count = 0;
    }
    if (count > 0)
        tell(context, clients, count * sizeof *clients);
    tell(context, "", 0);
}
