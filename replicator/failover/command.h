/*
 * command: `lifeboat failover` and `lifeboat failback`: asks lifeboat-netsvc to switch, after
 * having shown what stands in the way, and shows each step as it is done.
 *
 *     look     how the pair stands, and what both nodes find (`--dry-run` ends here)
 *     confirm  a word is typed, unless --yes
 *     watch    the steps, until it is over. The nodes do it: if this command ends, they go on.
 *              Ctrl-C asks them to go back, which they do as long as that is possible
 */
#pragma once

#include "lib/command/command.h"

int failover_command(const struct command_line *line, GError **error);
int failback_command(const struct command_line *line, GError **error);

/* `lifeboat node restored` */
int node_restored_command(const struct command_line *line, GError **error);
