/*
 * pack: the archive of one snapshot, written as a stream and read at any place.
 *
 *     entries → tar (pax, libarchive) → zstd frames → age → parts
 *
 * An entry may begin a frame; its place is then the offset of that frame in the compressed stream
 * (= the plain text of age), where a reader can start. Nothing is held but one window, one chunk
 * and one block.
 */
#pragma once

#include "lib/base/hash.h"
#include "lib/crypt/keys.h"
#include "lib/store/parts.h"

#define PACK_WINDOW_LOG 21        /* zstd window of 2 MiB at most, for writer and reader */
#define PACK_NAME_MAX (64 * 1024) /* bytes of an entry's name that a reader accepts */

/* ---- writing ---- */

struct pack_writer;

struct pack_writer *pack_writer_new(int folder_fd, const struct keys *keys, guint64 part_size,
                                    GError **error);

/* Starts an entry of exactly `size` bytes; with `frame`, in a frame of its own: *place is where.
 * `mode` 0 means 0600. */
gboolean pack_writer_entry(struct pack_writer *writer, const char *name, guint64 size,
                           gboolean frame, mode_t mode, guint64 *place, GError **error);

/* The owner that the next entry gets; without it, 0 and 0. The names may be NULL. */
void pack_writer_owner(struct pack_writer *writer, uid_t uid, gid_t gid, const char *user,
                       const char *group);
gboolean pack_writer_data(struct pack_writer *writer, const void *data, gsize size, GError **error);

/* Ends the entry; less data than announced is a bug (assert). Gives the SHA-256 of its bytes. */
gboolean pack_writer_entry_end(struct pack_writer *writer, guint8 sha256[HASH_SHA256_SIZE],
                               GError **error);

/* Ends tar, frame, age and parts; all durable then. */
gboolean pack_writer_finish(struct pack_writer *writer, GError **error);
guint64 pack_writer_plain(const struct pack_writer *writer);      /* bytes put in so far */
guint64 pack_writer_compressed(const struct pack_writer *writer); /* bytes after zstd so far */
const struct parts_writer *
pack_writer_parts(const struct pack_writer *writer); /* for its sums and size */
void pack_writer_free(struct pack_writer *writer);
AUTO_DEFINE(pack_writer)

/* ---- reading ---- */

struct pack; /* an opened archive; several cursors can read from it in turn */

struct pack *pack_open(int folder_fd, const char *sums, const struct keys *keys, GError **error);
void pack_free(struct pack *pack);
AUTO_DEFINE(pack)

struct pack_cursor;

/* Starts at the frame at `place`; 0 is the beginning. Costs about 2.5 MB until freed. */
struct pack_cursor *pack_cursor_new(struct pack *pack, guint64 place, GError **error);

struct pack_entry {
    const char *name; /* valid until the next call */
    guint64 size;     /* bytes */
    mode_t mode;      /* permission bits */
    uid_t uid;
    gid_t gid;
    const char *user, *group; /* names, "" where there are none; valid as long as `name` */
    guint64 place; /* of the frame that it lies in; a cursor can start there if it begins that */
};

/* The next entry; *end is TRUE after the last one. Data of the one before that was not read is
 * passed over. */
gboolean pack_cursor_next(struct pack_cursor *cursor, struct pack_entry *entry, gboolean *end,
                          GError **error);

/* Up to `size` bytes of the entry; *got 0 at its end. */
gboolean pack_cursor_read(struct pack_cursor *cursor, void *data, gsize size, gsize *got,
                          GError **error);
void pack_cursor_free(struct pack_cursor *cursor);
AUTO_DEFINE(pack_cursor)
