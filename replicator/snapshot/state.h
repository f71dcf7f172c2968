/*
 * state: what this node remembers of a chain, so that an increment need not read the store: for
 * each database its rows (leaves and attachments held) and where its feed was read to.
 *
 *     STATE/chains/STORE-ID/HASH-OF-NAME.state      rows │ head (JSON) │ u32 size of the head │
 * "LBSTATE1"
 *
 * It is a cache: the head names the snapshot it speaks of, and when that is not the one at which
 * the database stands in the store, or anything about the file is wrong, it is made anew from the
 * store, which always wins. It holds ids, so it is kept 0600 on the node and never on a drive.
 */
#pragma once

#include "lib/archive/chain.h"
#include "lib/couch/row.h"

struct state {
    char *snapshot;            /* id: where the database stood */
    char *last_seq;            /* raw JSON, or NULL: the next run lists everything */
    char *tokens;              /* raw JSON object */
    char *purge_seq;           /* raw JSON or NULL */
    char *instance_start_time; /* or NULL */
    char *setup;               /* hash over security, limits and _local documents */
    guint64 documents, leaves;
    guint64 unread;    /* leaves that the last run could not read */
    char *digest;      /* leaf digest over the rows, hex */
    guint64 rows_size; /* bytes */
    char *sha256;      /* of the rows, hex */
    int fd;
};

/* The state folder of a store; made when missing. -1 on error. */
int state_open_folder(const char *state, const char *store_id, GError **error);

/* Opens what is remembered of a database; NULL without an error when that is nothing, or not of
 * `snapshot`. */
struct state *state_open(int folder_fd, const char *database, const char *snapshot, GError **error);
struct row_reader *state_rows(const struct state *state);
void state_free(struct state *state);
AUTO_DEFINE(state)

/* ---- writing: beside the present one, put in its place when the snapshot is sealed ---- */

struct state_writer;
struct state_writer *state_writer_new(int folder_fd, const char *database, GError **error);

/* Rows in the archive's order; without leaves they are passed over. */
gboolean state_writer_add(struct state_writer *writer, const struct row *row, GError **error);

/* Digest and number of the rows added so far. */
void state_writer_totals(const struct state_writer *writer, char **digest, guint64 *documents);

/* Completes the file from the head's texts; counts, digest and hash are the writer's own. */
gboolean state_writer_finish(struct state_writer *writer, const struct state *head, GError **error);

/* Puts it in place. */
gboolean state_writer_commit(struct state_writer *writer, GError **error);
void state_writer_free(struct state_writer *writer); /* removes what was not committed */
AUTO_DEFINE(state_writer)

/*
 * Makes the state of a database anew from the store, as of the snapshot `at` at which it stands,
 * and commits it. Leaves that could not be read whole are not held: the next run asks for them.
 */
gboolean state_rebuild(int folder_fd, struct chain *chain, const char *database, const char *at,
                       GError **error);

/* The hash for `setup`: what db.json says that is worth a snapshot, and local.json. */
char *state_setup(struct slice db_json, struct slice local_json);
