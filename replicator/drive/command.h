/*
 * command: `lifeboat drive list|add|remove|eject`. The daemon keeps the drives; what is asked of it
 * goes over its local socket. What makes a medium fit to be a drive is prepare.h's, and done here,
 * as root and at the operator's terminal.
 */
#pragma once

#include "lib/command/command.h"

int drive_list_command(const struct command_line *line, GError **error);
int drive_add_command(const struct command_line *line, GError **error);
int drive_remove_command(const struct command_line *line, GError **error);
int drive_eject_command(const struct command_line *line, GError **error);
