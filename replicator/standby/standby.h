/*
 * standby: this node's CouchDB follows another one's.
 *
 *     hints    what may have changed: _db_updates, feeds of the busiest, a sweep over all
 *     follow   the databases that are due, one pass after the other
 *     pass     one of them: where it stands (trust.h) → what is missing here (copy/) → checkpoint
 *     server/  what a server is, beside its documents: settings, indexes, what was dropped; and
 *              whether this node's still has what it was given
 *     report   how it stands, with how far behind it is (lag.h)
 *     check/   `lifeboat standby check`: both servers compared
 *
 * A hint only says when to look; a pass alone decides what to copy, and every pass is the same: it
 * lists what changed since the sequence that was reached (or everything, where that cannot be
 * trusted), asks the target what of it is missing, and copies that. So whatever is lost, repeated
 * or interrupted between two passes costs time and nothing else.
 *
 * What vanished from the source stays here: only what was purged there is purged here.
 */
#pragma once

#include "lib/base/lock.h"
#include "lib/couch/choice.h"
#include "lib/couch/write/repack.h"
#include "lib/http/patience.h"
#include "lib/http/rate.h"
#include "replicator/standby/checkpoint.h"
#include "replicator/standby/memory.h"

struct standby_options {
    struct http_options from;     /* whom to follow; */
    const char *from_credentials; /* file or NULL */
    struct http_options into;     /* this node's CouchDB; */
    const char *into_credentials;
    const char *state; /* folder */
    struct choice choice;
    guint64 rate;       /* bytes a second to read from the other node at most; 0: any */
    guint keep_dropped; /* days */
    gboolean once;      /* ends when all is equal, or what is not has failed */
    gboolean quick;     /* with it: of what is equal already, only the set-up is compared */
    gboolean keep_all;  /* purges nothing and removes no database */
    gboolean merge;     /* brings documents only, of a node that this one is not to be like */
    /* A leaf revision is about to be written; NULL: nobody asks. */
    gboolean (*taken)(void *context, const char *database, const struct leaf *leaf, GError **error);
    void *context;
    gboolean json; /* tells how it stands on standard output */
};

/* A database of the source. Times are monotonic, in microseconds. */
struct followed {
    char *name;
    struct checkpoint checkpoint; /* as the target keeps it */
    gboolean is_read;             /* it was read there, and it was not lost from sight since then */
    gboolean verified;            /* the source has its tokens, likewise */
    char *since;                  /* what is copied, raw JSON; NULL: unknown */
    char *seen;      /* update_seq of the source at the last complete pass, raw JSON, or NULL */
    guint64 met;     /* the highest number of the source's update sequence that was seen */
    guint64 reached; /* the number of the target's update sequence, as it was seen last */
    guint64 fresh;   /* rows copied since the checkpoint was written */
    gint64 renew;    /* when to write it; 0: nothing to write */
    gint64 due;      /* for a pass; 0: not */
    gint64 changed;  /* a hint came last */
    gint64 behind;   /* since when something is known to be missing here; 0: nothing is */
    gint64 dressed;  /* its set-up was compared last; 0: never */
    guint64 pending; /* changes that are missing here, about (lag.h); 0: not counted */
    guint64 listed;  /* rows of the pass that is under way */
    gboolean begun;  /* a comparison is: the tokens were left right before the source was listed */
    guint failures;  /* passes in a row */
    gboolean under_way; /* a pass goes on: it is not begun again by what is done meanwhile */
    gboolean gone;      /* the source has it no more */
    gboolean made;      /* this process made it here */
    gboolean anew;      /* the source made it anew: whether that shows here is found out */
    char *problem;      /* why the last pass failed, or NULL */
};

struct standby {
    const struct standby_options *options;
    struct http *source, *target; /* while one waits, the other goes on */
    struct http *feeds;           /* of the source, apart: they have no end */
    struct rate *rate;            /* of both that read from the source, or NULL */
    struct patience patience;
    struct traits traits; /* of the target */
    struct repack *repack;
    struct memory *memory;
    struct lock *lock; /* of the memory */
    char *source_uuid;
    GPtrArray *databases; /* struct followed */
    GHashTable *by_name;
    struct hints *hints;
    gint64 contact;           /* seconds since 1970 UTC when the source answered last; 0: never */
    char *trouble;            /* with a server as a whole, or NULL */
    char *unshared;           /* settings that this node should have and cannot, or NULL */
    char *idle;               /* patterns that match no database of the source, or NULL */
    gint64 told;              /* when it told last how it stands */
    gboolean in_turn;         /* others are looked after while a long pass goes on */
    guint64 documents, bytes; /* copied since the beginning */
};

/* ---- the table ---- */
struct followed *standby_database(struct standby *standby, const char *name); /* made if need be */
gboolean standby_takes(const struct standby *standby, const char *name);
struct followed *standby_find(const struct standby *standby, const char *name);
/* Asks for what is soon read (http_ahead) of `first` and those that come after it, until there is
 * no room for more. */
void standby_ahead(const struct standby *standby, const struct followed *first,
                   gboolean (*ask)(const struct standby *standby, const struct followed *next));
void standby_init(struct standby *standby, const struct standby_options *options);
void standby_clear(struct standby *standby);

/* Something changed there: it is due at once. */
void followed_hint(struct followed *followed);

/* The source was seen at this update sequence (raw JSON). */
void followed_meet(struct followed *followed, const char *sequence);

/* Nothing is to be done for it, and nothing is wrong with it. */
void followed_settle(struct followed *followed);

/* It was lost from sight, here or there: what both servers say is looked at with suspicion again
 * (trust.h). */
void followed_doubt(struct followed *followed);

/* ---- follow.c ---- */

/* Follows until asked to stop, or, with `once`, until all was looked at. *incomplete: something is
 * not equal. */
gboolean follow(struct standby *standby, gboolean *incomplete, GError **error);

/* Asks the source who it is: another uuid means another CouchDB, or the same after a switch. */
gboolean follow_meet_source(struct standby *standby, GError **error);

/* While a long pass goes on: looks after the other databases, if it is time to. */
void follow_others(struct standby *standby);

/* Takes note of the hints that have come; FALSE: a server was lost from sight, which it notes. */
gboolean follow_glance(struct standby *standby);

/* ---- pass.c ---- */

/* Whether it stands where it was left: _security and _revs_limit move the sequence as well, and
 * only _local documents change without a trace. Of `quick` alone. */
gboolean pass_is_unmoved(const struct standby *standby, const struct followed *database);

/* Brings one database up to date. */
gboolean pass_over(struct standby *standby, struct followed *database, GError **error);

/* ---- report.c ---- */

/* How it stands, if it is time to tell, or at once. */
void report_tell(struct standby *standby, gboolean at_once);
