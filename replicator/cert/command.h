/*
 * command: `lifeboat cert …`. What is asked of lifeboat-netsvc is in netsvc/cert/cert.h.
 */
#pragma once

#include "lib/command/command.h"

int cert_init_command(const struct command_line *line, GError **error);
int cert_show_command(const struct command_line *line, GError **error);
int cert_request_command(const struct command_line *line, GError **error);
int cert_import_command(const struct command_line *line, GError **error);
int cert_roll_back_command(const struct command_line *line, GError **error);
