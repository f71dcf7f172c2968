#include "netsvc/parent/pair.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/address/hold.h"

gboolean
pair_fence(const struct config *config, GError **error)
{
    if (config->own == NULL || config->service_address == 0)
        return TRUE;
    AUTO(hold) *hold = hold_new(config->service_address, config->failover.interface, error);
    return hold != NULL && hold_fence(hold, error);
}

void
pair_forget(void)
{
    g_autoptr(GError) error = NULL;
    if (geteuid() == 0 && !hold_forget(&error))
        log_debug("%s", error->message); /* a kernel without them */
}
