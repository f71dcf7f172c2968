/*
 * job: a program that the daemon runs and listens to. What handles data runs in one of these, so
 * that nothing that it meets can harm the daemon; when the daemon dies it is told to stop.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#include <event2/event.h>

#define JOB_LINE_MAX (64 * 1024) /* bytes of a line of its output; longer ones are passed over */

struct job_handler {
    /* A line of its standard output, without the line feed. */
    void (*line)(void *context, struct slice line);

    /* It is over, and all lines were given: its exit code, or 128 and the signal that ended it. The
     * job may be freed here. */
    void (*ended)(void *context, int exit_code);
    void *context;
};

struct job;

/* `arguments` ends with NULL; the first is the program's path. Standard error is the daemon's. */
struct job *job_start(struct event_base *events, const char *const *arguments,
                      const struct job_handler *handler, GError **error);

/* Asks it to end (SIGTERM); `ended` tells when it has. */
void job_stop(struct job *job);

/* Kills it if it still runs. */
void job_free(struct job *job);
AUTO_DEFINE(job)
