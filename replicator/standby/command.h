/* command: `follow`, which the daemon of a standby runs, and people do by hand. */
#pragma once

#include "lib/command/command.h"

int follow_command(const struct command_line *line, GError **error);
