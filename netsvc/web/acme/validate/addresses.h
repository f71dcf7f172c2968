/* addresses: where a host can be reached, of what the policy lets us reach; IPv4 first. */
#pragma once

#include "netsvc/web/acme/validate/world.h"

#define ADDRESSES_MAX 4 /* that are tried */

/* `addresses`: struct config_peer, one at least; with an error NULL. */
typedef void (*addresses_done)(gpointer context, const GArray *addresses, const GError *error);

struct addresses;

/* `host` is a name, or an address itself (of IPv6 without brackets). */
struct addresses *addresses_start(const struct world *world, const char *host, guint16 port,
                                  addresses_done done, gpointer context);
void addresses_free(struct addresses *addresses);
AUTO_DEFINE(addresses)
