/*
 * fence: rules of the kernel that keep clients from the service address (nftables). Our own table,
 * before anything of Docker's (priority -350: before connections are followed and their addresses
 * translated, after fragments are joined):
 *
 *     table ip lifeboat
 *         set open         the service address, for 6 s, while it is open
 *         chain fence      prerouting: to the service address, which is not in `open`: TCP is
 *                          rejected with a reset, the rest dropped
 *         chain unfollowed output: nothing is noted of what such a reset answers
 *
 * So the fence stands unless it is lifted again every few seconds: it comes back by itself when
 * whoever lifts it hangs or dies, and clients that were connected are reset, also those of a
 * container, whose connections live on without the address.
 *
 * Packets from other programs of this machine are not affected, those of its containers are.
 */
#pragma once

#include "netsvc/netlink.h"

#define FENCE_SECONDS 6 /* that it stays open */
#define FENCE_TABLE "lifeboat"

/* Makes the table as it is to be, whatever it is now, in one step. 0 or an errno. */
int fence_set(struct netlink *filter, guint32 address, gboolean open);

/* Whether the kernel could do that: 0, or the errno. Nothing is changed. */
int fence_try(struct netlink *filter, guint32 address);

/* Open for another while. ENOENT: it is not open, or not there. */
int fence_renew(struct netlink *filter, guint32 address);

gboolean fence_is_open(struct netlink *filter, guint32 address);

/* Takes the table away, where there is one. */
int fence_forget(struct netlink *filter);

/* Whether what netlink_hear told is a change of the table by others. */
gboolean fence_was_touched(const struct netlink *filter, const struct nlmsghdr *message);
