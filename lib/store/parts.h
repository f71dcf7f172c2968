/*
 * parts: one long file cut into data.000, data.001, … of at most 1 GiB each, with a SHA-256 for
 * every part.
 *
 * The writer makes each part durable as it is full and hashes it on the way; the reader offers them
 * as one file that can be read at any place.
 */
#pragma once

#include "lib/base/hash.h"

#define PARTS_SIZE (G_GUINT64_CONSTANT(1) << 30) /* bytes in a part; FAT32 ends at 4 GiB - 1 */
#define PARTS_MAX 1000                           /* data.000 … data.999 */

struct parts_writer;

/* Writes into the folder, which stays the caller's. `part_size` is PARTS_SIZE but in tests. */
struct parts_writer *parts_writer_new(int folder_fd, guint64 part_size);
gboolean parts_writer_add(struct parts_writer *writer, const void *data, gsize size,
                          GError **error);

/* Makes the last part durable. Then the text of SHA256SUMS may be asked for (caller frees). */
gboolean parts_writer_finish(struct parts_writer *writer, GError **error);
char *parts_writer_sums(const struct parts_writer *writer);
guint64 parts_writer_size(const struct parts_writer *writer); /* bytes so far */
void parts_writer_free(struct parts_writer *writer);
AUTO_DEFINE(parts_writer)

/*
 * Reads every part named in SHA256SUMS text from the medium (past the page cache, O_DIRECT where
 * the file system has it) and compares. FAIL_DAMAGED names the first part that is missing, of
 * another length, or different. `progress` may be NULL; it is told the bytes read so far.
 */
typedef void (*parts_progress)(void *context, guint64 bytes);
gboolean parts_verify(int folder_fd, const char *sums, parts_progress progress, void *context,
                      GError **error);

/* How many parts SHA256SUMS text names; 0 with the error when it is malformed. Then name and hash
 * of one of them, the first being 0. */
guint parts_count(const char *sums, GError **error);
void parts_describe(const char *sums, guint number, char name[16], guint8 sha256[HASH_SHA256_SIZE]);

struct parts_reader;

/* Opens data.000 … as SHA256SUMS text names them; a gap in the names or a missing file is
 * FAIL_DAMAGED. */
struct parts_reader *parts_reader_open(int folder_fd, const char *sums, GError **error);
guint64 parts_reader_size(const struct parts_reader *reader);

/* An age_input: exactly `size` bytes at `offset`. */
gboolean parts_reader_read(void *reader, guint64 offset, void *data, gsize size, GError **error);
void parts_reader_free(struct parts_reader *reader);
AUTO_DEFINE(parts_reader)
