/* reload: `lifeboat reload`, which has the daemon read the configuration again and tells what came
 * of it. */
#pragma once

#include "lib/command/command.h"

int net_reload_command(const struct command_line *line, GError **error);
int reload_command(const struct command_line *line, GError **error);
