/*
 * place: where snapshots go, a folder or a drive, be it here or away: when its next run is due, and
 * how things stand there.
 *
 * A run that was missed while the power was off is made up for at start; one that failed is
 * repeated with growing waits. A drive is due as soon as it is inserted, and by the schedule for as
 * long as it stays.
 */
#pragma once

#include "replicator/daemon/place/logbook.h"
#include "replicator/daemon/work/visit.h"
#include "replicator/drive/register.h"
#include "replicator/schedule/timetable.h"

#define DAY (24 * 3600)
#define CLOCK_IS_SET 1735689600 /* 2025-01-01: before, it is the clock that is wrong */

/* When runs are due, for all places. All times: seconds since 1970 UTC. */
struct timing {
    struct timetable *snapshots, *drills;
    guint delay;           /* seconds that a run is put off at most, at random */
    guint overdue;         /* days without a good run until that is said; 0: never */
    guint drive_overdue;   /* the same of one drive, which may be in a safe for its time */
    guint offsite_overdue; /* the same of the off-site copy */
};

struct place {
    char *folder;                /* of the store; NULL: a drive */
    struct drive *drive;         /* the register's; NULL: a folder */
    struct device *device;       /* the drive's while it is here; NULL: it is away */
    struct logbook_entry *entry; /* the logbook's */
    gint64 due, drill_due;       /* -1: never */
    guint failures;              /* in a row */
    gboolean arrived;            /* a drive that came since the last run began */
    gboolean safe;               /* a drive whose work is done, unmounted: it may be pulled */
    gboolean unmended;           /* a check could not mend it since it was inserted */
    gboolean ejected;            /* by hand: nothing is written to it before it comes again */
    gboolean dropped; /* a folder that is configured no more: it goes when its work has ended */
    gboolean told_overdue;
};

struct place *place_new_folder(const char *folder, struct logbook *logbook);
struct place *place_new_drive(struct drive *drive, struct logbook *logbook);
void place_free(struct place *place);

/* `store '/srv/backup'` or `drive 'blue' (1a2b3c4d)`; caller frees. */
char *place_name(const struct place *place);

/* The logbook's key of a drive; caller frees. */
char *place_drive_key(const struct drive *drive);

/* Whether it is there to be worked at. */
gboolean place_is_here(const struct place *place);

/* At start: what was missed is due now, and so is the first run of all, and one that failed. */
void place_plan_first(struct place *place, const struct timing *timing, gint64 now);

/* When the clock was set, from `before` to `now`: the same, and what was due still is. */
void place_clock_set(struct place *place, const struct timing *timing, gint64 before, gint64 now);

/* After a run. */
void place_plan_next(struct place *place, const struct timing *timing, gint64 now);

/* What is due now; FALSE: nothing. */
gboolean place_wants(const struct place *place, gint64 now, struct visit_work *work);

/* When something is due here; -1: never, as it stands. */
gint64 place_due(const struct place *place);

gboolean place_is_overdue(const struct place *place, const struct timing *timing, gint64 now);

/* Whether too many days have passed since `good`, or since `since` where that is none. */
gboolean timing_is_overdue(guint days, gint64 good, gint64 since, gint64 now);

/* Enters what became of a visit; the logbook is the caller's to write. */
void place_book(struct place *place, const struct visit_result *result, gint64 now);
void place_book_drill(struct place *place, const struct visit_result *result, gint64 now);

/* A JSON object for `lifeboat status`; `visit` is the one under way here, or NULL. */
void place_append(const struct place *place, const struct timing *timing, const struct visit *visit,
                  gint64 now, GString *out);
