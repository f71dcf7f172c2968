/*
 * manifest: the table of an archive's entries and databases, written last (manifest.json) and read
 * first.
 *
 * It can have a million entries, so neither side holds it: the writer spools entries to a temporary
 * file, the reader passes over them as a stream and keeps only what it asked for.
 *
 * What it says of databases is the state at its snapshot: each stands at a snapshot of the chain
 * (`at`), this one if it was read, an older one if nothing changed since, or if it could not be
 * read, was left out, or was not come to before the run was interrupted; and nowhere if no snapshot
 * of the chain holds it. `unread` names what those states lack, whichever run met it: a document
 * stays there until it was read.
 *
 * A merged snapshot (retention) says of a database what the newest that it joins said. So it may
 * hold one that is "unchanged" or "failed" and stands at a snapshot that is merged away: then there
 * is a place too, and `as_of` tells when it was read.
 */
#pragma once

#include "lib/archive/pack.h"

struct manifest_entry {
    const char *name;
    guint64 place; /* of the frame that it lies in */
    guint64 size;
    guint8 sha256[HASH_SHA256_SIZE];
};

struct manifest_database {
    char *name;
    char *status;        /* "read", "unchanged", "pending", "excluded", "failed" */
    char *at;            /* id of the snapshot it stands at, or NULL */
    char *reason;        /* of a failure, or NULL */
    char *as_of;         /* when it was read, RFC 3339, where `at` is merged away; else NULL */
    gboolean unfinished; /* read in part: the run was to go on with it in the next link */
    guint64 unread;      /* documents that could not be read, also those not named */
    guint64 place, end;  /* of the frames of db.json and end.json, when here */
};

struct manifest_unread {
    char *database, *id, *rev, *reason; /* rev is empty for a whole document */
};

/* "db/NAME", where a database's entries are: percent-encoded, a dot at the beginning too, as `..`
 * is no folder of its own. Caller frees. */
char *manifest_folder(const char *database);

/* ---- writing ---- */

struct manifest_writer;
struct manifest_writer *manifest_writer_new(GError **error);
gboolean manifest_writer_add(struct manifest_writer *writer, const struct manifest_entry *entry,
                             GError **error);
void manifest_writer_database(struct manifest_writer *writer,
                              const struct manifest_database *database);
void manifest_writer_unread(struct manifest_writer *writer, const char *database, struct slice id,
                            struct slice rev, const char *reason);

/* Takes back what was named as unread since the mark. */
gsize manifest_writer_mark(const struct manifest_writer *writer);
void manifest_writer_rewind(struct manifest_writer *writer, gsize mark);

/* Writes manifest.json as the pack's last entry, in a frame of its own: *place is where. */
gboolean manifest_writer_finish(struct manifest_writer *writer, struct pack_writer *pack,
                                const char *snapshot_id, guint64 *place, GError **error);
void manifest_writer_free(struct manifest_writer *writer);
AUTO_DEFINE(manifest_writer)

/* ---- reading ---- */

struct manifest {
    GPtrArray *databases; /* struct manifest_database, names ascending */
    GPtrArray *unread;    /* struct manifest_unread */
};

/* Reads the manifest at `place`. Each entry is shown to `look` (or NULL), in the archive's order.
 * FAIL_DAMAGED when it is malformed. */
typedef gboolean (*manifest_look)(void *context, const struct manifest_entry *entry,
                                  GError **error);
struct manifest *manifest_read(struct pack *pack, guint64 place, manifest_look look, void *context,
                               GError **error);
const struct manifest_database *manifest_find(const struct manifest *manifest, const char *name);

/* Whether this very snapshot holds something of the database. */
gboolean manifest_is_here(const struct manifest_database *database);

/* Whether the chain holds a state of the database, be it an older one. */
gboolean manifest_is_held(const struct manifest_database *database);
void manifest_free(struct manifest *manifest);
AUTO_DEFINE(manifest)
