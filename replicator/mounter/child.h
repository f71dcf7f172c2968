/* child: a program that is run with nothing open, and is ended when it takes too long. */
#pragma once

#include <glib.h>

struct child {
    const char *what; /* for the log: "hook '/etc/lifeboat/hooks/beep'" */
    const char *const *arguments;
    int seconds;
    gboolean (*enter)(void *context); /* in the child, before; FALSE with errno. NULL: nothing */
    void *context;
    int stop;  /* a descriptor: it is to end as soon as that can be read; -1: never */
    int grace; /* seconds between asking it to end (SIGTERM) and killing it; 0: it is killed */
};

/* Waits for its end; then whatever it started is killed. Its exit code, or -1 when it was killed,
 * and when it could not be run, which is told by a warning. */
int child_run(const struct child *child);
