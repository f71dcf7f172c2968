/*
 * judge: what a folder under snapshots/ is: signed by a key that we trust, for this store and site,
 * with parts as large as was signed; or else what is wrong with it.
 */
#pragma once

#include "lib/store/store.h"

/* Never NULL; its place in the chain is not known yet (lineage.h). Without keys nothing is trusted.
 */
struct snapshot *judge_folder(const struct store *store, const char *folder,
                              const struct keys *keys);

/* Afterwards: what the cause says is wrong with it. */
void judge_damaged(struct snapshot *snapshot, const GError *cause);
void judge_free(gpointer snapshot);
