/*
 * progress: what long work shows while it goes on.
 *
 *   on a terminal   one line on standard error, redrawn at most five times a second:
 *                   reading 'medic': 12345 of 40000 documents, 31 %, 18.3 MB/s, 0:42 left
 *   with --json     one object a line on standard output, progress at most once a second:
 *                   {"event":"progress","doing":"reading","database":"medic","documents":12345,"total":40000,
 *                    "bytes":98765432,"seconds":5.400}
 *
 * Other events are written in full and at once, the last one a summary. Without terminal and --json
 * nothing is shown. Time is a monotonic clock that tests replace.
 *
 *     AUTO(progress) *progress = progress_new(options_flag(line, "json"), options_flag(line,
 * "quiet")); progress_begin(progress, "reading", "medic", 40000); progress_add(progress, documents,
 * bytes); GString *event = progress_event_begin(progress, "summary");
 *     json_text_member_unsigned(event, "documents", …);
 *     progress_event_end(progress);
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/jsontext.h"

#include <stdio.h>

struct progress;

/* Where it goes. Either stream may be NULL; they stay the caller's. */
struct progress_output {
    FILE *json;
    FILE *terminal;
    guint columns;                  /* of the terminal; 0 asks it */
    gint64 (*clock)(void *context); /* microseconds of a clock that never goes back; NULL for
                                       g_get_monotonic_time */
    void *context;
};

/* To standard output and standard error, as the options and the terminal have it. */
struct progress *progress_new(gboolean json, gboolean quiet);
struct progress *progress_new_to(const struct progress_output *output);

/* Clears the line. NULL is fine, here and below: nothing is shown. */
void progress_free(struct progress *progress);
AUTO_DEFINE(progress)

/* Starts a piece of work and counts from 0. `database` may be NULL; `total` is 0 when nobody knows
 * yet. */
void progress_begin(struct progress *progress, const char *doing, const char *database,
                    guint64 total);
void progress_total(struct progress *progress, guint64 total);

/* So much more is done. Cheap enough for every batch or document. */
void progress_add(struct progress *progress, guint64 documents, guint64 bytes);

/* Takes the line off the terminal until the next progress_add; before printing something else. */
void progress_clear(struct progress *progress);

/*
 * An event with a name: add members to the object that _begin returns, which _end writes out. What
 * is shown elsewhere than in JSON is the caller's to print.
 */
GString *progress_event_begin(struct progress *progress, const char *name);
void progress_event_end(struct progress *progress);

/* The same where all members are strings: name, value, …, NULL. */
void progress_event(struct progress *progress, const char *name, ...) G_GNUC_NULL_TERMINATED;
