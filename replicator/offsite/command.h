/* command: `offsite push`, `offsite fetch` and `offsite list`. */
#pragma once

#include "lib/command/command.h"

int offsite_push_command(const struct command_line *line, GError **error);
int offsite_fetch_command(const struct command_line *line, GError **error);
int offsite_list_command(const struct command_line *line, GError **error);
