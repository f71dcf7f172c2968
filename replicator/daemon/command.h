/* command: `lifeboat-replicator run`, from options to the daemon. */
#pragma once

#include "lib/command/command.h"

int daemon_command(const struct command_line *line, GError **error);
