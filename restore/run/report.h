/*
 * report: what a restore counts and tells. A problem is something that is not there afterwards:
 * each is named, and the exit code is 3. A note is something that the operator should know although
 * all is well.
 */
#pragma once

#include "lib/base/progress.h"

#define REPORT_NAMED_MAX 10000 /* problems named one by one; all are counted */

struct report {
    struct progress *progress; /* may be NULL */
    guint64 problems, notes;
    guint64 databases, created;             /* restored; those of them that this restore made */
    guint64 documents, leaves, attachments; /* of the snapshot, there now */
    guint64 written, present;               /* leaves that were posted; that were there already */
    guint64 superseded;                     /* leaves that have newer ones in the target */
    guint64 bytes;                          /* posted */
    guint64 foreign;                        /* documents that somebody else wrote meanwhile */
    guint64 kept;                           /* what is otherwise in the target, and stays so */
};

/* The id and rev may be empty. */
void report_problem(struct report *report, const char *database, struct slice id, struct slice rev,
                    const char *format, ...) G_GNUC_PRINTF(5, 6);
void report_note(struct report *report, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* A note that something is not as in the snapshot, because the target's own is left alone. */
void report_kept(struct report *report, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* A number with its thousands apart: 40,123. The caller frees. */
char *report_number(guint64 number);

/* With its noun: "1 database", "1,200 databases". The caller frees. */
char *report_count(guint64 number, const char *noun);

/* "0:42" or "1:02:03". */
char *report_duration(double seconds);
