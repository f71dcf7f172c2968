/*
 * merge: several snapshots of one database as one stream, in the archive's order of ids.
 *
 * For each id the newest snapshot that has it wins, with its whole leaf set or by saying that it is
 * gone; what older ones have of it is passed over. A stub in the winner's leaves is resolved on the
 * way: its bytes come from the nearest older snapshot that holds them. What no snapshot of the
 * merge holds stays a stub. Ids that are gone are part of the stream: they hide what still older
 * snapshots have.
 *
 * Both restoring and joining neighbours in a store (retention) read this way; merge_write does the
 * latter.
 */
#pragma once

#include "lib/archive/snapshot_stream.h"
#include "lib/archive/snapshot_writer.h"

#define MERGE_HELD (256 * 1024) /* bytes of older attachments of one id that are kept in memory */

struct merge;

/* Takes the streams, newest first; they must not have been read from yet. Their readers must
 * outlive it. */
struct merge *merge_new(struct snapshot_stream **streams, guint n_streams);
void merge_free(struct merge *merge);
AUTO_DEFINE(merge)

/* The next item, as of snapshot_stream: `here` is also set for attachments that were resolved.
 * FAIL_LATER when asked to stop. */
gboolean merge_next(struct merge *merge, struct snapshot_item *item, GError **error);

/* Goes to the bytes of the leaf's attachment number `which`, which is here; ascending, each at most
 * once. */
gboolean merge_attachment(struct merge *merge, guint which, GError **error);
gboolean merge_data(struct merge *merge, void *data, gsize size, gsize *got, GError **error);

/* Writes all items into the writer's current database, those that are gone only with `keep_gone`.
 */
gboolean merge_write(struct merge *merge, struct snapshot_writer *writer, gboolean keep_gone,
                     GError **error);
