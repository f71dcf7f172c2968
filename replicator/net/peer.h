/* peer: the commands that make two nodes known to each other, and part them. */
#pragma once

#include "lib/command/command.h"

int peer_pair_command(const struct command_line *line, GError **error);
int peer_replace_command(const struct command_line *line, GError **error);
int peer_forget_command(const struct command_line *line, GError **error);
