/* watch: the steps of a switch as they are done, until it is over. */
#pragma once

#include "lib/command/command.h"

/* Behind the step of that number. FALSE: it failed, or the daemon was lost from sight; with
 * `json` each step is a line of JSON. Ctrl-C has it cancelled, once. */
gboolean watch_steps(const struct command_line *line, guint64 after, GError **error);
