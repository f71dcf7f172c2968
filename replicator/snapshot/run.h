/*
 * run: what the parts of one snapshot run share: the source, the store, the snapshot being written,
 * and what became of things.
 *
 * The snapshot itself is begun only when the first thing differs, so that a run that finds nothing
 * writes nothing. A long run is sealed in links: each a snapshot on the one before, `complete`
 * FALSE until the last.
 *
 * Each manifest, a link's too, speaks of all databases and of all that their states lack: what a
 * snapshot does not read stands, and lacks what it lacked, as its parent's manifest has it.
 */
#pragma once

#include "lib/archive/chain.h"
#include "lib/archive/snapshot_writer.h"
#include "lib/base/progress.h"
#include "lib/couch/choice.h"
#include "lib/couch/server.h"
#include "lib/http/patience.h"

#define RUN_PROBLEMS_SHOWN 20 /* named on the terminal; all stand in the snapshot */

struct run_options {
    struct choice choice;
    const char *const *files; /* extra files and folders */
    gboolean full;            /* a new chain */
    guint64 link_bytes;       /* of plain data, after which a link is sealed */
    guint link_seconds;       /* after which one is, however small */
    guint64 scrub_bytes;      /* of the chain, read back before the run */
};

struct run {
    struct http *http;
    struct store *store;
    const struct keys *keys;
    const struct run_options *options;
    struct progress *progress;
    struct patience patience;
    int state_fd;

    struct server_info source;
    GString *config;    /* server/config.json, or NULL */
    gboolean no_config; /* the server would not give it */
    GPtrArray *files;   /* paths of regular files, sorted */

    struct snapshot *parent; /* NULL for a full one; once this run sealed a link, that one */
    struct manifest *parent_manifest;
    struct chain *chain; /* of the parent, opened when a state must be made anew */

    struct snapshot_writer *writer; /* NULL until something differs */
    struct catalogue *catalogue;
    char *heals;       /* id of the snapshot whose loss this run makes good, or NULL */
    gint64 link_began; /* monotonic microseconds … */
    guint64 link_base; /* … and plain bytes, behind settings and files */
    GPtrArray *passed; /* struct run_passed: databases dealt with before the writer was begun */
    char **names;      /* all databases of this run, ascending */
    guint at;          /* index of the one being read */
    GPtrArray *states; /* struct state_writer, to be put in place when sealed */

    GHashTable *distrusted; /* names of databases whose sequence was believed, wrongly */
    gboolean again;         /* the run is to begin anew, knowing that */
    guint64 unchanged, failed;
    guint64 dropped;                /* databases that the parent has and the server has no more */
    struct catalogue_counts counts; /* of links already sealed */
    guint64 bytes_stored;
    guint links; /* sealed by this run, also by attempts that were given up */
    guint problems;
};

/* How a database that was not read stands in the manifest. */
struct run_passed {
    char *name, *status, *at, *reason;
};

/* Begins the snapshot if it is not begun: server settings, files, and the databases passed so far.
 */
gboolean run_begin_writer(struct run *run, GError **error);

/* Notes a database that this snapshot does not hold. `at` and `reason` may be NULL. */
void run_pass(struct run *run, const char *name, const char *status, const char *at,
              const char *reason);

/* Tells the operator of something that is missing from the snapshot. */
void run_problem(struct run *run, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Opens the parent's chain unless it is open: to make a state anew, or to take settings over. */
gboolean run_open_chain(struct run *run, GError **error);

/* How the parent has a database, or NULL; and the id of the snapshot that it stands at there. */
const struct manifest_database *run_parent_database(const struct run *run, const char *name);
const char *run_parent_at(const struct run *run, const char *name);

/* Seals what is there. With `complete` FALSE it is a link: the databases that are still to come
 * are pending, and stand where they stood. */
gboolean run_seal(struct run *run, gboolean complete, GError **error);
gboolean run_link_is_due(const struct run *run);

/* One database: reads what differs and writes it. A database that the source cannot give is passed
 * as failed. */
gboolean run_database(struct run *run, const char *name, GError **error);

/* FAIL_USAGE when no database is one that --include names; nothing is written for that. */
gboolean run_check_choice(struct run *run, GError **error);

/* The whole: FALSE with an error, or TRUE; run->writer and run->catalogue then tell whether one was
 * sealed. */
gboolean run_snapshot(struct run *run, GError **error);
void run_clear(struct run *run);
