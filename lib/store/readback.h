/*
 * readback: reads parts back from the medium (past the page cache, O_DIRECT where the file system
 * has it) and compares them with their SHA-256.
 *
 * While parts are being written, a thread beside the writer reads what is on the medium already, so
 * that at the end little is left to read: whenever READBACK_STEP more bytes were written, it makes
 * them durable (fsync), and only then reads them. The rest is read when the last part is complete
 * and durable. Each byte is read once, after it was flushed.
 *
 *     ├── read back and hashed ──┼── written; read at the next step, or at the end ──┤
 *
 * Whoever writes tells how far he is; what he writes he does not share with the thread.
 */
#pragma once

#include "lib/base/hash.h"

#define READBACK_STEP (8 * 1024 * 1024) /* bytes */

struct readback;

/* The folder stays the caller's, and open. */
struct readback *readback_new(int folder_fd);
void readback_free(struct readback *readback); /* gives up what was not read */
AUTO_DEFINE(readback)

/* So many bytes of the part that is being written are in the file. The first READBACK_STEP begin
 * the thread. */
void readback_written(struct readback *readback, guint64 bytes);

/* That part is complete and durable, and has this hash; the next one follows. */
void readback_part(struct readback *readback, const guint8 sha256[HASH_SHA256_SIZE]);

/*
 * No more parts follow: reads what is left. FAIL_DAMAGED names the first part that is missing, of
 * another length, or different. `progress` may be NULL; it is told the bytes read so far.
 */
typedef void (*readback_progress)(void *context, guint64 bytes);
gboolean readback_finish(struct readback *readback, readback_progress progress, void *context,
                         GError **error);

/* Opens a part for reading, with `flags` if they are possible, and gives its length; -1 on error,
 * FAIL_DAMAGED if it is missing or no regular file. */
int readback_open(int folder_fd, const char *name, int flags, guint64 *size, GError **error);

/* The name of a part: data.000 … */
void readback_name(guint number, char name[16]);
