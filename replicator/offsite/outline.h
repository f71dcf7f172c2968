/*
 * outline: what stands in a bucket, judged as a store in a folder is: which objects, whose store,
 * which snapshots count, and which builds upon which.
 *
 *     PREFIX lifeboat/store.json  lifeboat/snapshots/TIME-ID/data.000 …
 *
 * The keys are the paths of FORMAT.md, so that any S3 tool brings the store out. Only names that a
 * store has are looked at; what else lies in the bucket is left alone. Nothing that the bucket says
 * is believed but by a signature.
 */
#pragma once

#include "lib/store/store.h"
#include "replicator/offsite/object.h"

#define OUTLINE_ROOT "lifeboat/"

struct outline {
    struct store *store; /* without a folder here; id NULL: the bucket has no store.json. Its
                            snapshots are those that were not known */
    GPtrArray *list;     /* struct object, all below OUTLINE_ROOT */
    GHashTable *objects; /* the same by key */
};

/* `known`: a folder's store, whose trusted snapshots are not read in the bucket, too; NULL: none.
 * `keys` as of store_open. */
struct outline *outline_read(struct bucket *bucket, const struct store *known,
                             const struct keys *keys, GError **error);
void outline_free(struct outline *outline);
AUTO_DEFINE(outline)

/* The object of a file of a snapshot; NULL: there is none. */
const struct object *outline_file(const struct outline *outline, const char *folder,
                                  const char *name);

/* "lifeboat/snapshots/FOLDER/NAME"; caller frees. */
char *outline_key(const char *folder, const char *name);

/* The folder of a key of a snapshot's file, as FORMAT.md names them; NULL: it is none. Caller
 * frees. */
char *outline_folder_of(const char *key);

/* Whether it is the key of a signer's public key. */
gboolean outline_is_signer(const char *key);

/* All keys of a folder, in the order in which they may go: what makes it count first. */
GPtrArray *outline_keys(const struct outline *outline, const char *folder);

/* Names of all folders, sealed or not, ascending. */
GPtrArray *outline_folders(const struct outline *outline);

/* The snapshot of a folder, NULL: none, or it was known. */
struct snapshot *outline_snapshot(const struct outline *outline, const char *folder);
