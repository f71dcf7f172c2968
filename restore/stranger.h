/*
 * stranger: a store of which no snapshot is by a signer whom we accept. More often than by
 * tampering that comes of a key with a letter mistyped, or of the keys of another site.
 */
#pragma once

#include "lib/store/store.h"

/* What that is, in a sentence with a hint, when `keys` are from --signer: that key differs from
 * those on the medium. NULL when a snapshot is by one whom we accept, or none is signed. */
char *stranger_signer(const struct store *store, const struct keys *keys);

/* The same for a node's keys that are of another site than the store; one sentence. */
char *stranger_site(const struct store *store, const struct keys *keys);
