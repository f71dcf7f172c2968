/* command: `lifeboat standby check`. */
#pragma once

#include "lib/command/command.h"

int standby_check_command(const struct command_line *line, GError **error);
