/*
 * prune_entry: the command `prune` as it stands in the tables of lifeboat and lifeboat-replicator.
 */
#pragma once

#include "lib/base/fail.h"
#include "lib/command/settings.h"
#include "replicator/prune/command.h"

#define PRUNE_ENTRY                                                                                \
    {                                                                                              \
        .name = "prune", .summary = "Let old restore points of a store go",                        \
        .text = "Keeps the restore points that any of the rules keeps, and lets the others go: "   \
                "what the kept ones need of them is merged into the next newer one, so that each " \
                "kept point restores exactly what it did. Nothing is read from the server. The "   \
                "newest point always stays.\n\n"                                                   \
                "Rules are those of restic and borg: --keep-last counts points; --keep-daily 7 "   \
                "keeps the newest point of each of the newest seven days that have one, and so "   \
                "on. As long as there are fewer periods than a rule asks for, it keeps the "       \
                "oldest point too. Periods are in UTC; which point is newer is told by the "       \
                "chain, not by the clock. Rules in the configuration count too, unless the "       \
                "command line sets them otherwise, to 0 for none.\n\n"                             \
                "Increments are merged with each other first. A chain's first snapshot, which is " \
                "large, goes only when the increments to be merged with it exceed half its size, " \
                "and stays until then. A merge needs room for its result beside what it joins. "   \
                "Whatever interrupts it, the store can be restored from, and the next run goes "   \
                "on. What is damaged, or was written by another node, is left alone.",             \
        .takes = FOR_PRUNE, .arguments = {{.name = "STORE"}},                                      \
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE, FAIL_DAMAGED, FAIL_KEY, FAIL_LATER},   \
        .run = prune_command,                                                                      \
    }
