/*
 * command: `lifeboat snapshot`, which `lifeboat-replicator snapshot` is too. Its options are in
 * lib/command/settings.c.
 */
#pragma once

#include "lib/command/command.h"

int snapshot_command(const struct command_line *line, GError **error);
