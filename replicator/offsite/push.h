/*
 * push: brings a store of a folder into a bucket, so that the bucket holds a valid store at every
 * moment, whatever interrupts it.
 *
 *     1  claim     store.json first; a bucket (or FOLDER in it) that holds another store is refused
 *     2  put       snapshots, what they build upon before them; of each the parts, SHA256SUMS,
 *                  snapshot.json, and the signature last
 *     3  remove    what the local store let go, and nothing needs any more (outdated.h), the
 *                  signature first; and rests of what was interrupted
 *     4  ask again whose store.json stands there
 *
 * Only sealed snapshots that we trust go, each read and compared with what was signed before. What
 * was put is verified (object.h, upload.h). One that is damaged here is named and passed over, and
 * then nothing is removed, either. The store is not locked: what is sealed does not change, and
 * what a prune takes away meanwhile is seen in the next pass. No state is kept: the bucket tells
 * what it has.
 */
#pragma once

#include "lib/base/progress.h"
#include "lib/crypt/keys.h"
#include "replicator/offsite/bucket.h"

struct push {
    struct bucket *bucket;
    const struct keys *keys; /* a node's */
    struct progress *progress;

    /* what became of it */
    char *id;            /* of the store; NULL: it could not be opened */
    char *newest;        /* when the newest complete snapshot there began, RFC 3339; NULL: none */
    guint snapshots;     /* that stand there */
    guint put, removed;  /* of them, by this run */
    guint64 bytes;       /* that were sent */
    GPtrArray *problems; /* sentences: what does not stand there, and why */
};

/* TRUE when all that counts in the store stands in the bucket, or what does not is a problem. */
gboolean push_store(struct push *push, const char *path, GError **error);
void push_clear(struct push *push);
