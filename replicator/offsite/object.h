/*
 * object: what can be done with the objects of a bucket: list, read, get, put, delete.
 *
 * Keys are behind the bucket's prefix, and relative to it. What is put is compared with what
 * arrived: by the server, which is given its MD5 and SHA-256; then by us, by the ETag where it is
 * an MD5 or by the checksum that is given back; and where neither tells, by reading it back. An
 * object that is not what was sent is removed again.
 */
#pragma once

#include "replicator/offsite/bucket.h"

#define OBJECT_LIST_MAX 1000000 /* objects accepted from a list */

struct object {
    char *key;
    guint64 size;
    char *etag; /* without its quotes; mostly its MD5. NULL: none was told */
};

void object_free(struct object *object);
AUTO_DEFINE(object)

/* All whose keys begin with `prefix`, in the order of the list: struct object. */
GPtrArray *object_list(struct bucket *bucket, const char *prefix, GError **error);

/* Whole, at most `cap` bytes. *text is NULL when there is none of that key. */
gboolean object_read(struct bucket *bucket, const char *key, gsize cap, GString **text,
                     GError **error);

/*
 * Gives the bytes from `offset` to the end, which is at `size`. A cut answer goes on where it
 * ended; what was given is not given again. Another size is an error.
 */
typedef gboolean (*object_sink)(void *context, struct slice bytes, GError **error);
gboolean object_get(struct bucket *bucket, const char *key, guint64 offset, guint64 size,
                    object_sink sink, void *context, GError **error);

gboolean object_put(struct bucket *bucket, const char *key, struct slice bytes, GError **error);

/* The same where there is none of that key; another's, put there meanwhile, stays where the server
 * can tell. */
gboolean object_claim(struct bucket *bucket, const char *key, struct slice bytes, GError **error);

/* None of that key is fine. */
gboolean object_delete(struct bucket *bucket, const char *key, GError **error);

/* Reads the object and compares; when it is another, removes it and fails. */
gboolean object_check(struct bucket *bucket, const char *key, guint64 size,
                      const guint8 sha256[HASH_SHA256_SIZE], GError **error);

/* One of them, by its key; NULL without an error: there is none. */
struct object *object_find(struct bucket *bucket, const char *key, GError **error);

/* Whether the ETag, which may be NULL, is the MD5 of these bytes. */
gboolean object_etag_fits(const char *etag, struct slice bytes);
