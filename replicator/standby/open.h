/*
 * open: both servers of a standby, as the command line and the configuration name them: for
 * `follow`, and for the steps of a switch that read and write the same databases.
 */
#pragma once

#include "lib/command/command.h"
#include "replicator/standby/standby.h"
#include "replicator/switch/pair.h"

/* Fills what comes from the line; `pair` stays the caller's, and must outlive the options. */
gboolean standby_options_read(const struct command_line *line, struct pair *pair,
                              struct standby_options *options, GError **error);

/* Opens the memory, which nobody else may use meanwhile, and both servers. standby_clear closes
 * them. */
gboolean standby_open(struct standby *standby, GError **error);
