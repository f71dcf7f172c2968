/*
 * restore: writes the state at a snapshot into a server and proves that it is there.
 *
 *     preflight   refuses what cannot work, before anything is written
 *     each database:
 *       setup     made with q, n, partitioned; _security closed to all but admins (mark.h), and no
 *                 _revs_limit that could cut a path (limit.h)
 *       write     every leaf in the order of ids, less those that are there; design documents only
 *                 when all else has arrived; then _local documents
 *       check     one listing of the target against what was meant to be there, attachments by
 *                 digest
 *       setup     the real _revs_limit, and last the real _security
 *
 * Everything is idempotent, so an interrupted restore is run again. It finds its own half-made
 * databases by the mark in their _security, and goes on there; one that was begun from another
 * snapshot is made again, so that two states never mix. In databases that were there before,
 * nothing is taken away: CouchDB merges revisions.
 */
#pragma once

#include "lib/archive/chain.h"
#include "lib/couch/patience.h"
#include "lib/couch/read/listing.h"
#include "lib/couch/server.h"
#include "lib/couch/write/repack.h"
#include "lib/couch/write/traits.h"
#include "restore/check/expectation.h"
#include "restore/run/plan.h"
#include "restore/run/report.h"
#include "restore/selection.h"

struct restore {
    struct http *http;
    struct patience patience;
    struct traits traits;
    struct repack *repack;
    struct chain *chain;
    const char *snapshot;       /* its id */
    const char *source_version; /* CouchDB's, of the snapshot; or NULL */
    GString *config;            /* the snapshot's server/config.json, or NULL */
    GPtrArray *plan;            /* struct plan_item */
    struct report report;
    gboolean with_config; /* --server-config */
    gboolean scratch;     /* what is made is compared and removed: it stays closed */
};

/* The target from the options --target and --credentials. FALSE when it cannot be used. */
gboolean restore_connect(struct restore *restore, const struct command_line *line, GError **error);

/* The chain of the selected snapshot, and its server settings. */
gboolean restore_open_chain(struct restore *restore, struct selection *selection, GError **error);
void restore_clear(struct restore *restore);

/* Removes the scratch database of repack.h, and ends its trials. A target that does not answer is
 * given a moment only, also when we were asked to stop. */
void restore_end_trials(struct restore *restore);

/* Removes the scratch databases that an earlier restore or drill certainly left behind, and tells
 * of others. FALSE when the target lets us do nothing any more. */
gboolean restore_remove_left(struct restore *restore, GError **error);

#define RESTORE_CLEAN_UP 3000 /* milliseconds for that, when asked to stop */

/* Names what is newer than the selected snapshot and cannot be used: each is a problem. The worst
 * code of them (newer.h), or 0. */
int restore_tell_newer(struct restore *restore, const struct selection *selection);

/* Names what the snapshot itself lacks (lacking.h), of the databases and documents of the plan, and
 * of the `databases` of --db that are not in it; of all with `all`. */
void restore_tell_lacking(struct restore *restore, const char *const *databases, gboolean all);

/* Names the leaf's attachments that no snapshot of the chain holds. */
void restore_tell_lost(struct restore *restore, const struct plan_item *item,
                       const struct leaf *leaf);

/* The name that progress shows: the target's, or the source's where that is but a number. */
const char *restore_shown(const struct restore *restore, const struct plan_item *item);

/* ---- preflight.c ---- */

/* Refuses what cannot work: FAIL_FAILED with the first reason. Writes nothing. */
gboolean preflight(struct restore *restore, GError **error);

/* ---- setup.c ---- */

enum setup_standing {
    SETUP_ABSENT,
    SETUP_MADE,       /* by this run */
    SETUP_CONTINUED,  /* by an interrupted restore of this snapshot; or nobody touched it yet */
    SETUP_OUTDATED,   /* by an interrupted restore of another snapshot: it is made again */
    SETUP_UNFINISHED, /* by an interrupted restore of more than the documents of --doc */
    SETUP_EXISTED,    /* by others */
};

/* Whether this restore makes the database and will have finished it. */
gboolean setup_is_own(enum setup_standing standing);

/* A database as the snapshot has it. */
struct setup {
    guint64 q, n, revs_limit;
    gboolean partitioned;
    struct slice
        security; /* raw JSON; never public where user accounts or replications are inside */
};
struct setup setup_parse(const struct plan_item *item, const struct chain_database *source);

/* How it stands in the target, without changing anything. `present` is filled unless it is absent.
 */
gboolean setup_look(struct restore *restore, const struct plan_item *item,
                    enum setup_standing *standing, struct server_database *present, GError **error);

/* Makes the database unless it is there, and gets it ready to be written to. `limit` is begun. */
struct limit;
gboolean setup_begin(struct restore *restore, const struct plan_item *item,
                     const struct setup *setup, enum setup_standing *standing, struct limit *limit,
                     GError **error);

/* At the very end: the real _revs_limit and _security. */
gboolean setup_end(struct restore *restore, const struct plan_item *item, const struct setup *setup,
                   enum setup_standing standing, struct limit *limit, GError **error);

/* Tells when the target's _security, raw JSON, is another one and stays. */
void setup_compare_security(struct restore *restore, const struct plan_item *item,
                            const struct setup *setup, struct slice present);

/* PUTs a small JSON to the database's path + rest; an endpoint that the server lacks is no error.
 */
gboolean setup_put(struct restore *restore, const char *target, const char *rest, struct slice json,
                   GError **error);

/* ---- database.c ---- */

/* Writes one database of the plan and checks it. `expectation` is empty, and says afterwards what
 * was meant to be there. */
gboolean database_restore(struct restore *restore, const struct plan_item *item,
                          struct expectation *expectation, GError **error);

/* Says what would be done, and writes nothing. */
gboolean database_preview(struct restore *restore, const struct plan_item *item, GError **error);

/* ---- check.c ---- */

/* Collects the documents of which leaves are not there, id → why, and reports nothing. */
gboolean check_missing(struct restore *restore, const struct plan_item *item,
                       struct expectation *expectation, GHashTable *ids, GError **error);

/* Compares a database with what was meant to be there. `own`: this restore made it. Differences are
 * reported as problems. */
gboolean check_database(struct restore *restore, const struct plan_item *item,
                        struct expectation *expectation, gboolean own, GError **error);
