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

/*
 * The same of texts that are elsewhere: snapshot.json and its signature, NULL where there is none,
 * and the bytes that its parts have together.
 */
struct judge_texts {
    const char *entry, *signature;
    gsize entry_size;
    guint64 bytes;
};
struct snapshot *judge_texts(const struct store *store, const char *folder,
                             const struct judge_texts *texts, const struct keys *keys);

/* Whether it is named as store_make_snapshot names folders: 20261122T081500Z-7f3a. */
gboolean judge_is_folder_name(const char *name);

/* Afterwards: what the cause says is wrong with it. */
void judge_damaged(struct snapshot *snapshot, const GError *cause);
void judge_free(gpointer snapshot);
