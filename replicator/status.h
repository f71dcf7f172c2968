/* status: `lifeboat status`, which asks the daemon how things stand and tells it to a person. */
#pragma once

#include "lib/command/command.h"

int status_command(const struct command_line *line, GError **error);
