/* wanted: which sockets a configuration wants on this machine, as its interfaces are now. */
#pragma once

#include "netsvc/config/config.h"
#include "netsvc/message.h"

/* Adds to `wanted` (struct message_socket) and to `absent` (char *, for people). */
void wanted_list(const struct config *config, GArray *wanted, GPtrArray *absent);
