/* networks: stands in for config.c where a test needs no more of it. */
#pragma once

#include "netsvc/config/config.h"

#include <string.h>

gboolean
config_networks_have(const GArray *networks, int family, const void *address)
{
    const guint8 *bytes = address;
    for (guint i = 0; i < networks->len; i++) {
        const struct config_network *network = &g_array_index(networks, struct config_network, i);
        guint same = 0;
        while (same < network->prefix &&
               ((bytes[same / 8] ^ network->address[same / 8]) & 0x80 >> same % 8) == 0)
            same++;
        if (network->family == family && same == network->prefix)
            return TRUE;
    }
    return FALSE;
}
