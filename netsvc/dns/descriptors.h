/*
 * descriptors: how many connections and questions upstream there may be at a time, by what the
 * process may have open: our own names are answered by UDP whatever happens, and by TCP next to a
 * flood of names that are not ours.
 *
 *     limit = what is always open + TCP connections + questions upstream
 *
 * Where the limit is lower than all three want, the last two share what is left in the same
 * proportion, one each at the least.
 */
#pragma once

#include "netsvc/config/config.h"

struct descriptors {
    guint connections; /* TCP_CONNECTIONS at the most */
    guint questions;   /* EXCHANGE_ASKS_MAX at the most */
};

/* What a process with that configuration can use. */
guint descriptors_wanted(const struct config_dns *config);

struct descriptors descriptors_share(const struct config_dns *config, guint limit);
