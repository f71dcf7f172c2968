/*
 * choice: which databases a snapshot takes, by the shell patterns of --include and --exclude. A
 * pattern that matches nothing is likely mistyped, and is told.
 */
#pragma once

#include "replicator/snapshot/run.h"

gboolean choice_takes(const struct run_options *options, const char *name);

/* FAIL_USAGE when there are --include patterns and no database matches any of them. */
gboolean choice_check(const struct run_options *options, char **names, GError **error);

/* Names each --include pattern that matches no database as a problem, each such --exclude as a
 * notice. */
void choice_tell_idle(struct run *run);
