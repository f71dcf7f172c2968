/*
 * snapshot_reader: one snapshot, opened: its manifest, and its entries in their order from any
 * frame.
 *
 * A snapshot is signed and its data authenticated by age, so what is read is what was written. All
 * of it is checked nevertheless: names, order, sizes and JSON. Whatever is wrong is FAIL_DAMAGED
 * and names the snapshot's folder and the entry.
 */
#pragma once

#include "lib/archive/manifest.h"
#include "lib/store/store.h"

#define SNAPSHOT_TEXT_MAX (1024 * 1024 * 1024) /* bytes of an entry that is held in memory */

struct snapshot_reader;

/* Opens a snapshot whose folder is trusted. Two descriptors stay open. */
struct snapshot_reader *snapshot_reader_open(const struct store *store,
                                             const struct snapshot *snapshot,
                                             const struct keys *keys, GError **error);

/* The same for a folder that is no store's; `name` is for messages, `manifest` the manifest's
 * place.
 */
struct snapshot_reader *snapshot_reader_open_folder(int folder_fd, const char *name,
                                                    const char *sums, guint64 manifest,
                                                    const struct keys *keys, GError **error);
void snapshot_reader_free(struct snapshot_reader *reader);
AUTO_DEFINE(snapshot_reader)

/* Reads the manifest; `look` (or NULL) sees each entry. */
struct manifest *snapshot_reader_manifest(struct snapshot_reader *reader, manifest_look look,
                                          void *context, GError **error);

/* Makes FAIL_DAMAGED of an error found in an entry, with its name in front. Returns FALSE. */
gboolean snapshot_reader_blame(const struct snapshot_reader *reader, const char *entry,
                               GError **error);

/* ---- entries in their order ---- */
struct snapshot_entries;

/* Starts at the frame at `place`, at the first entry there. About 2.5 MB until freed. */
struct snapshot_entries *snapshot_entries_new(struct snapshot_reader *reader, guint64 place,
                                              GError **error);
void snapshot_entries_free(struct snapshot_entries *entries);
AUTO_DEFINE(snapshot_entries)

/* The entry at hand, or NULL behind the last one. Valid until the next snapshot_entries_next. */
const struct pack_entry *snapshot_entries_now(const struct snapshot_entries *entries);
gboolean snapshot_entries_next(struct snapshot_entries *entries, GError **error);

/* Whether the entry at hand has that name; and FAIL_DAMAGED unless it has. */
gboolean snapshot_entries_is(const struct snapshot_entries *entries, const char *name);
gboolean snapshot_entries_expect(const struct snapshot_entries *entries, const char *name,
                                 GError **error);

/* Some of the bytes of the entry at hand, *got 0 at its end; or all of them, replacing `text`. */
gboolean snapshot_entries_read(struct snapshot_entries *entries, void *data, gsize size, gsize *got,
                               GError **error);
gboolean snapshot_entries_text(struct snapshot_entries *entries, GString *text, GError **error);

/* The same, strictly checked as one JSON value. */
gboolean snapshot_entries_json(struct snapshot_entries *entries, GString *text, GError **error);

/* snapshot_reader_blame for the entry at hand. */
gboolean snapshot_entries_blame(const struct snapshot_entries *entries, GError **error);
