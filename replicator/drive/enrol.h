/* enrol: `lifeboat-replicator enrol`, which the daemon runs to make the store on a new drive, or to
 * accept the one that is there: one of this site, by signers whom we trust. */
#pragma once

#include "lib/command/command.h"

int enrol_command(const struct command_line *line, GError **error);
