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
 *     daemon.c      the loop, the clock, what is overdue
 *     runs.c        what is begun when it is due, and what becomes of it
 *     devices.c     drives that come and go
 *     answers.c     what is asked at the socket
 *     configured.c  what the configuration says; reload.c: when it is read again
 *     role.c        which node is the active one, and the steps of a switch
 *     place/        one folder or drive: when, how it stands there, and the logbook of that
 *     work/         visit.c: one piece of work there, step by step; and the processes that go on
 *                   beside: follower.c (of the other node), courier.c (of the off-site copy); and
 * those of a switch: steps.c
 */
#pragma once

#include "replicator/daemon/configured.h"
#include "replicator/daemon/work/visit.h"

struct daemon_options {
    struct mounter *mounter;     /* started; stays the caller's */
    const char *base;            /* folder of its mount points */
    const char *const *snapshot; /* commands; see struct visit_means */
    const char *const *enrol;
    const char *const *import;
    const char *const *drill;
    const char *const *certificates;
    const char *const *follow;         /* the command that follows the other node */
    const char *const *follow_keeping; /* … while the two were not merged */
    const char *const *step;           /* the command that does a step of a switch */
    const char *const *offsite;        /* the command that brings the off-site copy up to date */
    const char *state;                 /* folder of the logbook and the register */
    const char *control;               /* path of the socket */
    const char *const *devices;        /* patterns of further devices that count as drives */
    struct configured *configured;     /* what may change while it runs; stays the caller's */
};

/* Runs until SIGTERM or SIGINT; SIGHUP has it read the configuration again. FALSE when it could not
 * begin, or could not go on. */
gboolean daemon_run(const struct daemon_options *options, GError **error);
