/*
 * snapshot_writer: writes one snapshot into a store, entry by entry, in the order of FORMAT.md.
 *
 *     begin → file… → { database_begin → leaf… gone… → database_end | database_passed }… → seal
 *
 * Leaves come in the archive's order of ids. They gather in batches of about 4 MB: ids gone,
 * documents without attachments, then leaves with attachments; a large attachment streams straight
 * through. Until it is sealed the folder does not count, and abandoning it, or being killed, leaves
 * the store as it was.
 */
#pragma once

#include "lib/archive/manifest.h"
#include "lib/couch/leaf.h"
#include "lib/store/store.h"

#define SNAPSHOT_BATCH (4 * 1024 * 1024) /* bytes of documents in a batch */
#define SNAPSHOT_UNREAD_LISTED 10000     /* problems named in the manifest; all are counted */

struct snapshot_writer;

/*
 * The catalogue gives id, parent, kind, started and so on; counts and bytes are filled in on the
 * way. It, the store and the keys stay the caller's and must outlive the writer. part_size 0 is
 * PARTS_SIZE.
 */
struct snapshot_writer *snapshot_writer_begin(struct store *store, const struct keys *keys,
                                              struct catalogue *catalogue, const char *source_uuid,
                                              guint64 part_size, GError **error);

/* server/config.json, or a file under server/files/ (`path` absolute, in the machine's terms). */
gboolean snapshot_writer_server(struct snapshot_writer *writer, struct slice config,
                                GError **error);
gboolean snapshot_writer_file(struct snapshot_writer *writer, const char *path, GError **error);

/* A file that another snapshot holds, `path` and owner as they stand there; all of its bytes
 * follow, then file_end. */
struct snapshot_file {
    const char *path;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    const char *user, *group; /* names, "" where there are none */
    guint64 size;             /* bytes */
};
gboolean snapshot_writer_file_begin(struct snapshot_writer *writer,
                                    const struct snapshot_file *file, GError **error);
gboolean snapshot_writer_file_bytes(struct snapshot_writer *writer, const void *data, gsize size,
                                    GError **error);
gboolean snapshot_writer_file_end(struct snapshot_writer *writer, GError **error);

/* ---- a database; names ascend by their bytes ---- */

/* `db_json` and `local_json` are the texts of those entries. */
gboolean snapshot_writer_database_begin(struct snapshot_writer *writer, const char *name,
                                        struct slice db_json, struct slice local_json,
                                        GError **error);

/* A leaf; the bytes of each attachment that is here follow, in order, then leaf_end. */
gboolean snapshot_writer_leaf(struct snapshot_writer *writer, const struct leaf *leaf,
                              GError **error);
gboolean snapshot_writer_bytes(struct snapshot_writer *writer, const void *data, gsize size,
                               GError **error);
gboolean snapshot_writer_leaf_end(struct snapshot_writer *writer, GError **error);

/* An id that left the database without a tombstone; its place is in the order of ids too. */
gboolean snapshot_writer_gone(struct snapshot_writer *writer, struct slice id, gboolean purged,
                              GError **error);

/* What could not be read. An empty rev means the whole document. */
void snapshot_writer_unread(struct snapshot_writer *writer, struct slice id, struct slice rev,
                            const char *reason);

/*
 * Names again what an older manifest names as unread of the database begun: of the ids up to `id`
 * in the archive's order, or with `behind` of those after it. Manifests do not name all of very
 * many: there are `least` at least. `before` may be NULL.
 */
void snapshot_writer_still_unread(struct snapshot_writer *writer, const struct manifest *before,
                                  struct slice id, gboolean behind, guint64 least);

struct snapshot_database_end {
    const char *last_seq;     /* raw JSON, or NULL when the run did not list */
    const char *tokens;       /* raw JSON object */
    const char *state_digest; /* hex, or NULL */
    guint64 state_documents;  /* ids in the state, deleted ones too; with state_digest */
    guint64 unread;           /* leaves that this run could not read, in all of its links */
    gboolean quiet;
    gboolean unfinished; /* there is more of it to come */

    /* In a merged snapshot, how the newest that it joins has the database (manifest.h), instead of
     * 'read' here and now; else NULL. */
    const struct manifest_database *as;
};
gboolean snapshot_writer_database_end(struct snapshot_writer *writer,
                                      const struct snapshot_database_end *end, GError **error);

/* Gives up the database begun: what was written of it does not count. Say database_passed for it
 * next. */
gboolean snapshot_writer_database_abandon(struct snapshot_writer *writer, GError **error);

/*
 * A database that this snapshot does not hold: "unchanged", "excluded", "pending", or "failed" for
 * `reason`. It stands at snapshot `at`, or nowhere if that is NULL. What an older manifest tells of
 * its state still holds: what is unread of it, and that it is unfinished; `before` may be NULL.
 */
void snapshot_writer_database_passed(struct snapshot_writer *writer, const char *name,
                                     const char *status, const char *at, const char *reason,
                                     const struct manifest *before);

/* ---- the end ---- */

/* Bytes before and after compression so far, for progress. */
guint64 snapshot_writer_plain(const struct snapshot_writer *writer);

/* Writes the manifest, makes all durable, reads it back from the medium, and signs. */
gboolean snapshot_writer_seal(struct snapshot_writer *writer, const char *finished,
                              parts_progress progress, void *context, GError **error);

/*
 * Instead of sealing, for a temporary archive that only this process reads: ends it without
 * signature or reading back. *folder_fd and *sums are what a reader needs, the catalogue has the
 * manifest's place; all are the caller's, the folder too.
 */
gboolean snapshot_writer_finish_temporary(struct snapshot_writer *writer, int *folder_fd,
                                          char **sums, GError **error);

/* Removes the folder unless it was sealed. */
void snapshot_writer_free(struct snapshot_writer *writer);
AUTO_DEFINE(snapshot_writer)
