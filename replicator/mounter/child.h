/* child: a program that is run with nothing open, and is killed when it takes too long. */
#pragma once

#include <glib.h>

struct child {
    const char *what; /* for the log: "hook '/etc/lifeboat/hooks/beep'" */
    const char *const *arguments;
    int seconds;
    gboolean (*enter)(void *context); /* in the child, before; FALSE with errno. NULL: nothing */
    void *context;
};

/* Waits for its end; then whatever it started is killed. Its exit code, or -1 when it was killed,
 * and when it could not be run, which is told by a warning. */
int child_run(const struct child *child);
