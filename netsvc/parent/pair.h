/*
 * pair: what the parent itself does about the service address of a pair. All else is the address
 * child's (netsvc/address).
 */
#pragma once

#include "netsvc/config/config.h"

/* Keeps clients off this node: at the end, when no child is left that would undo it. FALSE: an
 * error; with no pair nothing is done. */
gboolean pair_fence(const struct config *config, GError **error);

/* There is no pair, and may have been one: the rules that kept clients off go. */
void pair_forget(void);
