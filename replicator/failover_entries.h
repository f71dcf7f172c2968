/* failover_entries: the commands of the pair as they stand in the table of lifeboat. */
#pragma once

#include "lib/base/fail.h"
#include "lib/command/settings.h"
#include "replicator/failover/command.h"

#define FAILOVER_ENTRIES                                                                           \
    {                                                                                              \
        .name = "failover",                                                                        \
        .summary = "Switch to the other node of the pair",                                         \
        .text =                                                                                    \
            "Planned, from either node: shows how the pair stands and what is in the way, asks, "  \
            "and switches: clients wait for a few seconds and go on with the same name, address, " \
            "certificate and sessions. Whatever fails before the last step takes all back, and "   \
            "says why. --dry-run only looks. Ctrl-C takes it back as long as that is "             \
            "possible.\n\n"                                                                        \
            "--force, on the standby, when the active node is lost: shows how far this node had "  \
            "followed, and takes over. What the other one had in addition is brought in when it "  \
            "is back. A node that still answers is asked to step down first; where it does not "   \
            "answer but its address does, cut its power or cable, and add --fenced.",              \
        .takes = FOR_FAILOVER,                                                                     \
        .forgives = TRUE,                                                                          \
        .exits = {FAIL_FAILED, FAIL_USAGE},                                                        \
        .run = failover_command,                                                                   \
    },                                                                                             \
        {                                                                                          \
            .name = "failback",                                                                    \
            .summary = "Switch back to the first node of the pair",                                \
            .text = "The same as `lifeboat failover`, planned, to the node whose [peer] section "  \
                    "is the first; nothing is done where that is active already.",                 \
            .takes = FOR_FAILBACK,                                                                 \
            .forgives = TRUE,                                                                      \
            .exits = {FAIL_FAILED, FAIL_USAGE},                                                    \
            .run = failback_command,                                                               \
        },                                                                                         \
    {                                                                                              \
        .name = "node restored", .summary = "Tell a node that its disk was set back from outside", \
        .text = "After an image or backup of the whole machine was put back: what the node "       \
                "remembers of its role may be out of date, so that it waits until it has heard "   \
                "from the other one.",                                                             \
        .takes = FOR_NODE_RESTORED, .forgives = TRUE, .exits = {FAIL_FAILED, FAIL_USAGE},          \
        .run = node_restored_command,                                                              \
    }
