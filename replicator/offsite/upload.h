/*
 * upload: brings a file into a bucket as one object, in parts where it is large, and goes on with
 * what an interrupted upload left.
 *
 *     CreateMultipartUpload → UploadPart … → CompleteMultipartUpload
 *
 * Each part is read, hashed and sent by itself. What the bucket has of an upload that was begun
 * before is asked (ListMultipartUploads, ListParts) and used where its MD5 is that of the file's
 * part; no state is kept here. The object stands there only when all was read and the file's
 * SHA-256 is the expected one: what has rotted on the disk does not come to count in the bucket.
 */
#pragma once

#include "replicator/offsite/object.h"

#define UPLOAD_PART (8 * 1024 * 1024) /* bytes; S3 takes 5 MiB at least, and 10,000 parts */
#define UPLOAD_PARTS_MAX 10000

struct upload_file {
    const char *key;
    int fd;
    guint64 size;
    const char *name; /* for messages */
    guint8 sha256[HASH_SHA256_SIZE];
    guint64 part_size;          /* UPLOAD_PART but in tests */
    const struct object *there; /* what stands there by that key, if it is the file; or NULL */
};

/* Called with the bytes that are settled, each time some are: sent, or found there. */
typedef void (*upload_progress)(void *context, guint64 bytes, gboolean sent);

/* FAIL_DAMAGED when the file is not what was expected. */
gboolean upload(struct bucket *bucket, const struct upload_file *file, upload_progress progress,
                void *context, GError **error);

/* Ends all uploads below `prefix`, when nobody is to go on with them: what they hold costs. A
 * server that cannot tell of any is fine. */
gboolean upload_abandon(struct bucket *bucket, const char *prefix, GError **error);
