/*
 * resolvers: which DNS servers the clients of a subnet are told of where it names none: those of
 * ours that a client reaches, as far as we answer names there.
 *
 * First comes the service address, which whoever is active has, then each node of a pair, since
 * both answer names. Without either it is this node's own address. Nobody is told of any where we
 * do not answer names.
 */
#pragma once

#include "netsvc/config/config.h"

/* Host byte order; the caller frees it. `own`: this node's address there; 0: it has none. */
GArray *resolvers_of(const struct config *config, const struct config_subnet *subnet, guint32 own);
