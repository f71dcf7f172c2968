/*
 * alike: what the nodes of a pair must have alike in their configuration, so that clients find
 * after a switch what they had before: a sum for each section, which the nodes tell each other.
 *
 * Not in it is what may differ from machine to machine: paths, interfaces, sockets; and zones,
 * which one node may have from the other.
 */
#pragma once

#include "lib/base/slice.h"
#include "lib/command/command.h"

/* {"dns": "0123456789abcdef", "subnet": …}, in whatever order the file has them. */
char *alike_sums(const struct command_line *line);

/* "[dns], [subnet]": sections whose sums the other node tells otherwise; NULL: none. Of sections
 * that either one does not tell of, as a node of another version may not, nothing is said. */
char *alike_compare(struct slice own, struct slice other);
