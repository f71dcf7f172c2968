/*
 * fetch: brings the store out of a bucket into a folder, where lifeboat-restore reads it as if it
 * had been written there.
 *
 * Snapshots come one after the other, what they build upon before them; of each the parts, as
 * data.NNN.partial until they are whole and their hash is the one in SHA256SUMS, then the texts,
 * the signature last. So the folder holds a valid store at every moment, and the next run goes on:
 * in the middle of a part, too. What is there already and sealed is not read again.
 *
 * With keys, only what is signed by one that is trusted is fetched. Without, all that is sealed is,
 * and `lifeboat-restore verify --signer` must tell whose it is.
 */
#pragma once

#include "lib/base/progress.h"
#include "replicator/offsite/outline.h"

struct fetch {
    struct bucket *bucket;
    const struct keys *keys; /* NULL: none */
    struct progress *progress;

    /* what became of it */
    guint snapshots, fetched; /* that stand in the folder; of them, by this run */
    guint64 bytes;            /* that came */
    GPtrArray *problems;      /* sentences: what was not fetched, and why */
};

/* TRUE when all that counts in the bucket stands in the folder, or what does not is a problem. */
gboolean fetch_store(struct fetch *fetch, const char *path, GError **error);
void fetch_clear(struct fetch *fetch);
