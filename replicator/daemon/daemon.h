/*
 * daemon: `lifeboat-replicator run`. Waits for what is due and has it done, one thing at a time:
 *
 *     udev ──────┐                              ┌→ logbook, register (durable)
 *     timetable ─┼→ a place is due → visit ─────┼→ the next time that it is due
 *     questions ─┘   (mount, snapshot, …)       └→ notices: hooks, status.json, journal
 *
 * The daemon parses no data, reads no CouchDB, has no rights of root's and needs no network. Killed
 * at any point it loses nothing: stores tell themselves what they hold, and what it must remember
 * is replaced durably.
 *
 *     daemon.c   the loop, the clock, what is overdue
 *     runs.c     what is begun when it is due, and what becomes of it
 *     devices.c  drives that come and go
 *     answers.c  what is asked at the socket
 *     follower.c the process that follows the other node, if this one is to
 *     place.c    one folder or drive: when, and how it stands there
 *     visit.c    one piece of work there, step by step
 */
#pragma once

#include "replicator/daemon/visit.h"

struct daemon_options {
    struct mounter *mounter;     /* started; stays the caller's */
    const char *base;            /* folder of its mount points */
    const char *const *snapshot; /* commands; see struct visit_means */
    const char *const *enrol;
    const char *const *import; /* drives bring this node up to date; NULL: they get snapshots */
    const char *const *drill;
    const char *const *follow;    /* the command that follows the other node; NULL: none does */
    const char *const *stores;    /* folders that hold one; ends with NULL, may be empty */
    const char *state;            /* folder of the logbook and the register */
    const char *control;          /* path of the socket */
    const char *const *schedule;  /* calendar times; none: only drives that are inserted */
    const char *const *drills;    /* calendar times of drills; none: there are none */
    const char *const *devices;   /* patterns of further devices that count as drives */
    guint delay;                  /* seconds that a run is put off at most, at random */
    guint overdue, drive_overdue; /* days without a good run until that is said; 0: never */
    gboolean power_off;           /* drives, when their work is done */
};

/* Runs until SIGTERM or SIGINT. FALSE when it could not begin, or could not go on. */
gboolean daemon_run(const struct daemon_options *options, GError **error);
