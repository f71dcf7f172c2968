/*
 * reading: one database being read for a snapshot. plan.c finds out what is to be read, record.c
 * writes what comes, and database.c leads from one to the other.
 */
#pragma once

#include "replicator/snapshot/run.h"
#include "replicator/snapshot/state.h"
#include "replicator/snapshot/walk.h"

struct reading {
    struct run *run;
    const char *name;
    struct server_database info;
    GString *local_json;
    GString *db_json;
    char *setup;
    struct state *state; /* the chain's, NULL when the chain has nothing of it */
    gboolean distrust;   /* a first attempt showed that it may not be, */
    gboolean trusted;    /* else whether the chain's since may be used */
    gboolean renew;      /* it may not, and new tokens would mend that */
    struct walk walk;
    GHashTable *purged; /* ids, when some may have been since the chain's last snapshot … */
    char *purged_at;    /* … asked again at this purge sequence, or NULL */
    gboolean begun;     /* the database stands in the snapshot */
    gboolean linked;    /* a link with some of it was sealed */

    struct fetch_wanted first; /* the walk's first, looked at to see whether there is any */
    gboolean has_first, no_more;

    struct row_spool *changed; /* rows of documents fetched, and of ids gone, without leaves */
    gsize row_mark, leaf_mark; /* the row being made */
    gboolean in_row;
    guint64 unread;
    guint64 lacking;     /* documents that the server counts and does not list */
    gboolean miscounted; /* what was listed or gathered does not add up */
};

/*
 * Asks for the set-up and the _local documents, then for the feed: from the chain's sequence if it
 * may be trusted, else from the beginning.
 */
gboolean plan_make(struct reading *reading, GError **error);

/* Whether two sequences count the same. They are opaque, and a cluster's differ with the copies
 * that answered; the number in front is the sum that counts. */
gboolean sequence_is_same(const char *a, const char *b);

/* Whether there is anything to write: a first document, another set-up, that what the
 * chain lacked is not to be had any more, or tokens where the source has lost them. */
gboolean plan_look_for_change(struct reading *reading, gboolean *changed, GError **error);

/* The next document that differs from the chain's state, for fetch_handler.next; `context` is the
 * reading. */
gboolean plan_next(void *context, struct fetch_wanted *wanted, gboolean *end, GError **error);

/* Fetches all that differs into the snapshot, ids gone included. Between documents a link is sealed
 * when it is due. */
gboolean record_changes(struct reading *reading, GError **error);

/* Tells and records that the server counts so many documents more, or fewer, than it lists. */
void record_lacking(struct reading *reading, guint64 count);

/* Seals what was read so far, up to document `id`, and goes on in the next link, on top of it. The
 * sequence does not move on. */
gboolean database_link(struct reading *reading, struct slice id, GError **error);
