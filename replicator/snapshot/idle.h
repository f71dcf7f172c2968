/*
 * idle: a pattern of --include or --exclude that matches no database is likely mistyped, and is
 * told.
 */
#pragma once

#include "replicator/snapshot/run.h"

/* FAIL_USAGE when there are --include patterns and no database matches any of them. */
gboolean idle_check(const struct choice *choice, char **names, GError **error);

/* Names each --include pattern that matches no database as a problem, each such --exclude as a
 * notice. */
void idle_tell(struct run *run);
