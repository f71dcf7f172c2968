/*
 * chain: the state of a server at one snapshot, as one stream of documents per database, in the
 * archive's order.
 *
 * A snapshot holds what changed since its parent, so the state at it is a merge by id of the
 * snapshots of its chain: the newest that has an id gives its whole leaf set, or says that it is
 * gone. Databases whose newest base is `fresh`, or which a manifest in between lacks, begin anew
 * there. A database that the newest snapshot could not read, or left out, stands where it last was
 * read, older than the rest. A stub is resolved on the way: its bytes come from the nearest older
 * snapshot that holds them for an ancestor of that leaf.
 *
 *     chain_open → chain_database_open → { chain_next → { chain_attachment → chain_data… }… }…
 *
 * A long chain is merged in passes into temporary packs (under $TMPDIR, encrypted to a key that
 * only this process has), so that memory and open files stay bounded.
 */
#pragma once

#include "lib/archive/snapshot_writer.h"

struct chain;

/*
 * Opens the chain that ends at `at`; all its snapshots must be trusted, and the chain rooted
 * (FAIL_DAMAGED names what is missing). Those whose parts were not compared with what was signed
 * (store_check_chain, which shows progress) are compared first. Keys must be able to decrypt
 * (FAIL_KEY). `memory`: bytes
 * for merging, 0 for the default of 32 MB. Store, snapshot and keys must outlive it.
 */
struct chain *chain_open(struct store *store, struct snapshot *at, const struct keys *keys,
                         gsize memory, GError **error);

/*
 * The same for the snapshots from `at` back to `oldest` only, as if nothing older were there: what
 * a merge of them holds. The chain below them must be whole, and is not read.
 */
struct chain *chain_open_range(struct store *store, struct snapshot *at,
                               const struct snapshot *oldest, const struct keys *keys, gsize memory,
                               GError **error);
void chain_free(struct chain *chain);
AUTO_DEFINE(chain)

/* Bytes of the largest entry in any of its snapshots: no document and no attachment has more. */
guint64 chain_largest(const struct chain *chain);

/* The manifest of the newest snapshot: every database and how it stands, and what could not be
 * read. */
const struct manifest *chain_manifest(const struct chain *chain);

/* The snapshot that a database stands at: the newest that holds something of it. NULL if none. */
const struct snapshot *chain_stands_at(const struct chain *chain, const char *name);

/* When that was: a merged snapshot may hold a database as it was before. NULL if none does. */
const char *chain_stands_since(const struct chain *chain, const char *name);

/* uuid of the server that the newest snapshot is of; NULL without an error when it names none. */
char *chain_source(struct chain *chain, GError **error);

/* server/config.json of the newest snapshot; NULL without an error when it has none. */
GString *chain_server_config(struct chain *chain, GError **error);

/* A file under server/files/. */
struct chain_file {
    const char *path; /* absolute */
    mode_t mode;
    uid_t uid;
    gid_t gid;
    const char *user, *group; /* names, "" where there are none */
    guint64 size;             /* bytes */
};

/* Each of the newest snapshot, with its bytes, through the callbacks. */
struct chain_files {
    gboolean (*begin)(void *context, const struct chain_file *file, GError **error);
    gboolean (*bytes)(void *context, const void *data, gsize size, GError **error);
    gboolean (*end)(void *context, GError **error);
    void *context;
};
gboolean chain_server_files(struct chain *chain, const struct chain_files *files, GError **error);

/* ---- one database ---- */

struct chain_database {
    char *name;
    char *at;         /* id of the snapshot it stands at */
    gboolean whole;   /* opened, not looked at: nothing older than what is open counts for it */
    GString *db_json; /* db.json, local.json and end.json of that snapshot, checked JSON */
    GString *local_json;
    GString *end_json;
};

/* Opens a database of which the chain holds a state (manifest_is_held). One at a time. */
struct chain_database *chain_database_open(struct chain *chain, const char *name, GError **error);

/* The same for its texts only, which costs little: it has no leaves. */
struct chain_database *chain_database_look(struct chain *chain, const char *name, GError **error);
void chain_database_free(struct chain_database *database);
AUTO_DEFINE(chain_database)

/*
 * The next leaf; leaves of one document follow one another. *end after the last. Its attachments
 * all have `here` set when their bytes can be had, stubs having been resolved; `here` FALSE means
 * that no snapshot of the chain holds them. The leaf is valid until the next call.
 */
gboolean chain_next(struct chain_database *database, const struct leaf **leaf, gboolean *end,
                    GError **error);

/*
 * Goes to the bytes of the leaf's attachment number `which`; in ascending order, each at most once.
 * Those passed over are skipped. chain_data gives up to `size` bytes, *got 0 at the end. A second
 * reading is not possible.
 */
gboolean chain_attachment(struct chain_database *database, guint which, GError **error);
gboolean chain_data(struct chain_database *database, void *data, gsize size, gsize *got,
                    GError **error);

/* Instead of all that: writes leaves, and unless it is whole the ids that are gone, into the
 * writer's current database. */
gboolean chain_write(struct chain_database *database, struct snapshot_writer *writer,
                     GError **error);
