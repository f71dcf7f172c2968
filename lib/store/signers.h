/*
 * signers: the public keys in signers/ of a store, for whoever checks it with stock tools. They are
 * a convenience, not trust: a node accepts those in its own keys folder.
 */
#pragma once

#include "lib/store/store.h"

/*
 * Puts our key there: NODE.pub, or NODE-KEYID.pub where that holds another key. That one stays, for
 * the older snapshots are checked with it.
 */
gboolean signers_write(struct store *store, const struct keys *keys, GError **error);

/*
 * FAIL_DAMAGED when the store has snapshots by a signer who is not accepted: a chain begun beside
 * them would look like their continuation. The hint tells how to accept him.
 */
gboolean signers_refuse_strangers(const struct store *store, const struct keys *keys,
                                  GError **error);
