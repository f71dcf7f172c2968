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
#include "lib/couch/server.h"
#include "lib/couch/write/repack.h"
#include "lib/couch/write/traits.h"
#include "lib/http/patience.h"
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
    gboolean standby; /* the target is one: what it has is brought to the snapshot's state, too */
};

/* The target from the option of that name, which gives its URL, and from --credentials. FALSE when
 * it cannot be used. */
gboolean restore_connect(struct restore *restore, const struct command_line *line, const char *url,
                         GError **error);

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

/* With with_config: the settings that are limits, before anything is written, and the others when
 * all is. */
gboolean restore_set_limits(struct restore *restore, GError **error);
gboolean restore_set_rest(struct restore *restore, GError **error);

/* The name that progress shows: the target's, or the source's where that is but a number. */
const char *restore_shown(const struct restore *restore, const struct plan_item *item);
