/*
 * recipients: whether all for whom this node encrypts now can read a chain. Who was accepted after
 * it was begun (`lifeboat key accept`) cannot: a new chain is begun for him.
 */
#pragma once

#include "lib/store/store.h"

/* By how many each snapshot from `tip` on down was encrypted for. What cannot be looked at counts
 * as open to all. */
gboolean recipients_read(const struct store *store, const struct snapshot *tip,
                         const struct keys *keys);
