/*
 * command: `lifeboat prune`, and pruning after a snapshot where the configuration has rules for it.
 * Options are in lib/command/settings.c.
 */
#pragma once

#include "lib/base/progress.h"
#include "lib/command/command.h"
#include "lib/crypt/keys.h"

int prune_command(const struct command_line *line, GError **error);

/* Whether any rule keeps anything. */
gboolean prune_is_wanted(const struct command_line *line);

/*
 * After a snapshot, under its lock. The snapshot counts whatever becomes of this, so a failure is
 * only told. *said: what a person should read then, or NULL; caller frees.
 */
void prune_after_snapshot(const struct command_line *line, const struct keys *keys,
                          struct progress *progress, char **said);
