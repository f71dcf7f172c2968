/*
 * commands: what `lifeboat-restore` does. Their options are in lib/command/settings.c.
 */
#pragma once

#include "lib/command/command.h"

int restore_list(const struct command_line *line, GError **error);
int restore_verify(const struct command_line *line, GError **error);
int restore_run(const struct command_line *line, GError **error);
int restore_extract(const struct command_line *line, GError **error);
int restore_import(const struct command_line *line, GError **error);
int restore_drill(const struct command_line *line, GError **error);
