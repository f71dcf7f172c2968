/*
 * daemon: `lifeboat-replicator run`. Waits for what is due and has it done, one thing at a time:
 *
 *     timetable ─┐                         ┌→ logbook (durable)
 *     start ─────┼→ a store is due → job ──┼→ the next time that it is due
 *     failure ───┘   (the program itself,  └→ control: what `lifeboat status` shows
 *                     `snapshot`, as a child)
 *
 * The daemon parses no data, reads no CouchDB and needs no network. A run that was missed while the
 * power was off is made up for at start; one that failed is repeated with growing waits. Killed at
 * any point it loses nothing: stores tell themselves what they hold, and the logbook is replaced
 * durably after each run.
 */
#pragma once

#include "lib/base/cleanup.h"

struct daemon_options {
    const char *const
        *snapshot;       /* the command that takes one and reports in JSON; ends with NULL */
    const char *store;   /* the folder that holds the store */
    const char *state;   /* folder of the logbook */
    const char *control; /* path of the socket */
    const char *const *schedule; /* calendar times; none: nothing runs by itself */
    guint delay;                 /* seconds that a run is put off at most, at random */
    guint overdue;               /* days without a good run until that is said; 0: never */
};

/* Runs until SIGTERM or SIGINT. FALSE when it could not begin, or could not go on. */
gboolean daemon_run(const struct daemon_options *options, GError **error);
