/*
 * key: `lifeboat key init` and `lifeboat key show` (lib/crypt/keys.h is what they show).
 */
#pragma once

#include "lib/command/command.h"

int key_init_command(const struct command_line *line, GError **error);
int key_accept_command(const struct command_line *line, GError **error);
int key_show_command(const struct command_line *line, GError **error);
