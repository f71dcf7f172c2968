/*
 * snapshot_ask: `lifeboat snapshot` for the operator. With nothing else said, a daemon that runs
 * takes one to all that it serves, drives too; otherwise this process takes it.
 */
#pragma once

#include "lib/command/command.h"

int snapshot_or_ask(const struct command_line *line, GError **error);
