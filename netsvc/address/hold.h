/*
 * hold: what the kernel has of the service address: address, fence, connections, each step whole.
 *
 *     hold_fence    fence stands, connections are reset, the address is gone
 *     hold_take     the address is there, the fence stands
 *     hold_open     the fence is lifted, for a while
 *     hold_keep     … and for another; the address, too
 *
 * Nothing is kept in memory but where the address was put: the kernel's own state counts.
 */
#pragma once

#include "netsvc/address/kernel/place.h"

struct hold;

/* With root's rights. `interface`: where it is to be put; NULL: found by its network. */
struct hold *hold_new(guint32 address, const char *interface, GError **error);
void hold_free(struct hold *hold);
AUTO_DEFINE(hold)

/* As much of it as goes: an error tells of the first step that failed. */
gboolean hold_fence(struct hold *hold, GError **error);
gboolean hold_take(struct hold *hold, GError **error);
gboolean hold_open(struct hold *hold, GError **error);
gboolean hold_keep(struct hold *hold, gboolean open, GError **error);

/* Where the address belongs, looked up now. */
gboolean hold_place(struct hold *hold, struct place *place, GError **error);

/* Whether the interface with that address, one of the node's own, has a link. */
gboolean hold_has_link(struct hold *hold, guint32 address);

/* What there is: the address, and whether clients get through to it. */
void hold_look(struct hold *hold, gboolean *has, gboolean *open);

/* Somebody else changed something: all is made as it was meant. */
gboolean hold_mend_rules(struct hold *hold, gboolean open, GError **error);
/* *added: how often others had added the address where it does not belong; *lost: it had been taken
 * away. */
gboolean hold_mend_address(struct hold *hold, gboolean held, guint *added, gboolean *lost,
                           GError **error);

/* Descriptors that tell of changes, to be handed to hold_hear, which tells whether one was made by
 * others. */
int hold_addresses_fd(const struct hold *hold);
int hold_rules_fd(const struct hold *hold);
gboolean hold_hear(struct hold *hold, int fd);

/* There is no pair any longer: our rules are taken away. */
gboolean hold_forget(GError **error);
