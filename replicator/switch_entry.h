/* switch_entry: the steps of a switch as they stand in the table of lifeboat-replicator. */
#pragma once

#include "lib/base/fail.h"
#include "lib/command/settings.h"
#include "replicator/switch/command.h"

#define SWITCH_ENTRY                                                                               \
    {                                                                                              \
        .name = "switch", .summary = "Do one step of a switch: what `run` starts",                 \
        .text = "What lifeboat-netsvc asks for when the active node changes: `check`, `pull`, "    \
                "`adopt`, `fresh` or `merge`. By hand nothing is won by it: "                      \
                "`lifeboat failover` switches.",                                                   \
        .takes = FOR_SWITCH_STEP, .arguments = {{"STEP", FALSE}, {"VALUE", TRUE}},                 \
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE, FAIL_LATER}, .run = switch_command,    \
    }
