/*
 * snapshot_stream: one database of one snapshot as a stream, in the archive's order of ids: each
 * leaf that it holds, and each id that it says is gone.
 *
 *     _new → { _next → { _attachment → _data… }… }… → _free
 *
 * A batch of the archive is three sorted lists one after the other (gone-N, docs-N, leaf/N-K); they
 * are merged here. The first two are held in memory, about 4 MB; attachments stream.
 */
#pragma once

#include "lib/archive/snapshot_reader.h"
#include "lib/couch/leaf.h"

struct snapshot_stream;

/* Starts at a database's db.json, whose place the manifest tells. The reader must outlive it. */
struct snapshot_stream *snapshot_stream_new(struct snapshot_reader *reader, const char *database,
                                            guint64 place, GError **error);
void snapshot_stream_free(struct snapshot_stream *stream);
AUTO_DEFINE(snapshot_stream)

/* The texts of db.json and local.json, checked as JSON; until the stream is freed. */
struct slice snapshot_stream_db_json(const struct snapshot_stream *stream);
struct slice snapshot_stream_local_json(const struct snapshot_stream *stream);

/* db.json says that older snapshots do not count for this database. */
gboolean snapshot_stream_is_fresh(const struct snapshot_stream *stream);

enum snapshot_item_kind {
    SNAPSHOT_END,
    SNAPSHOT_LEAF,
    SNAPSHOT_GONE,
};

struct snapshot_item {
    enum snapshot_item_kind kind;
    struct slice id;
    struct leaf *leaf; /* SNAPSHOT_LEAF: `here` of its attachments tells whose bytes can be read */
    gboolean purged;   /* SNAPSHOT_GONE */
};

/* The next item, valid until the next call; SNAPSHOT_END at the end, again and again. */
gboolean snapshot_stream_next(struct snapshot_stream *stream, struct snapshot_item *item,
                              GError **error);

/* Goes to the bytes of the leaf's attachment number `which`, which is here; ascending, each at most
 * once. */
gboolean snapshot_stream_attachment(struct snapshot_stream *stream, guint which, GError **error);
gboolean snapshot_stream_data(struct snapshot_stream *stream, void *data, gsize size, gsize *got,
                              GError **error);

/* end.json, which lies behind the database's leaves; it may be asked for at any time. */
GString *snapshot_end_json(struct snapshot_reader *reader, const char *database, guint64 place,
                           GError **error);

/* ---- coming back to an attachment later ---- */

/* Where the bytes of an attachment of the leaf at hand are. */
struct snapshot_bytes {
    struct snapshot_reader *reader;
    guint64 place; /* of the leaf's frame */
    char *leaf;    /* name of the leaf's folder in the archive */
    guint part;
};
void snapshot_stream_bytes(const struct snapshot_stream *stream, guint which,
                           struct snapshot_bytes *bytes);
void snapshot_bytes_clear(struct snapshot_bytes *bytes);

/* Entries of their own, standing at those bytes. */
struct snapshot_entries *snapshot_bytes_open(const struct snapshot_bytes *bytes, GError **error);
