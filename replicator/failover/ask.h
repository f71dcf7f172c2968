/* ask: questions to the failover child of lifeboat-netsvc. */
#pragma once

#include "lib/command/command.h"

/* {"ask": "failover/WHAT", … MEMBERS}; `members` begins with a comma, or is "". After `seconds`
 * without an answer it is given up. */
GString *failover_ask(const struct command_line *line, const char *what, const char *members,
                      guint seconds, GError **error);
