/* command: `lifeboat net …`, which asks lifeboat-netsvc. */
#pragma once

#include "lib/command/command.h"

int net_leases_command(const struct command_line *line, GError **error);
int net_zones_command(const struct command_line *line, GError **error);
