/*
 * place: where the service address is, and is to be: interfaces and their addresses (rtnetlink).
 *
 * It is put there as a /32 beside the interface's own address, so that it is never the one that
 * packets of this machine come from, with a lifetime: the kernel takes it away unless it is put
 * again.
 */
#pragma once

#include "netsvc/netlink.h"

#include <net/if.h>

#define PLACE_SECONDS 6 /* its lifetime */

struct place {
    guint index;
    char name[IF_NAMESIZE];
    guint8 mac[6];
    gboolean link; /* it is up, and its cable is in */
};

/* The interface for it: the one called so, or with NULL that which has an address in its network;
 * of several the one with the smallest. FALSE: there is none. */
gboolean place_find(struct netlink *route, const char *name, guint32 address, struct place *place,
                    GError **error);

/* Whether an interface that has that address is up, and its cable in. */
gboolean place_has_link(struct netlink *route, guint32 address);

/* Puts it there, or gives it its lifetime anew; 0 or an errno. */
int place_put(struct netlink *route, const struct place *place, guint32 address);

/* Whether it is there as place_put leaves it. */
gboolean place_has(struct netlink *route, const struct place *place, guint32 address);

/* Whether any interface has that address; and whether one has it for good, and which. */
gboolean place_exists(struct netlink *route, guint32 address);
gboolean place_is_static(struct netlink *route, guint32 address, char name[IF_NAMESIZE]);

/* Takes it away wherever it is, but not where and how `except` has it (NULL: there, too). How many
 * were taken away; -1: errno. */
int place_remove(struct netlink *route, guint32 address, const struct place *except);
