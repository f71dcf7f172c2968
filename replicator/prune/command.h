/*
 * command: `lifeboat prune`, and pruning after a snapshot where the configuration has rules for it.
 * Options are in lib/command/settings.c.
 */
#pragma once

#include "lib/base/progress.h"
#include "lib/command/command.h"
#include "lib/crypt/keys.h"

int prune_command(const struct command_line *line, GError **error);

/*
 * Under the lock of a snapshot, after it, or when there is no room for it. A failure is only told:
 * what is sealed counts whatever becomes of this. *said: what a person should read then, or NULL;
 * caller frees. Whether there is more room now.
 */
gboolean prune_beside_snapshot(const struct command_line *line, const char *store,
                               const struct keys *keys, struct progress *progress, char **said);
