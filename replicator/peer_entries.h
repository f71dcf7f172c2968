/* peer_entries: the commands `peer …` as they stand in the table of lifeboat. */
#pragma once

#include "lib/base/fail.h"
#include "lib/command/settings.h"
#include "replicator/net/peer.h"

#define PEER_ENTRIES                                                                               \
    {                                                                                              \
        .name = "peer pair",                                                                       \
        .summary = "Make the two nodes of a pair known to each other, with a code",                \
        .text =                                                                                    \
            "Without a CODE, on the active node, or on the one whose data is to stay: shows a "    \
            "code, good for 10 minutes, 5 tries and one node, and waits. Ctrl-C takes it "         \
            "back.\n\n"                                                                            \
            "With that CODE on the other node, which joins: databases of its own, which would be " \
            "mixed with those of the other node, have to be deleted first, or --discard says "     \
            "that "                                                                                \
            "they do not matter. Each of the two then calls all addresses of the other one, "      \
            "and tells which of them it does not reach: the exit code is 3 then, and the "         \
            "firewall "                                                                            \
            "of the one that is called is to be looked at. Whatever is interrupted, begin anew "   \
            "on "                                                                                  \
            "both.\n\n"                                                                            \
            "Both need the same two [peer] sections in the configuration, and lifeboat-netsvc.",   \
        .takes = FOR_PEER_PAIR,                                                                    \
        .forgives = TRUE,                                                                          \
        .arguments = {{"CODE", TRUE}},                                                             \
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE, FAIL_LATER},                           \
        .run = peer_pair_command,                                                                  \
    },                                                                                             \
        {                                                                                          \
            .name = "peer replace",                                                                \
            .summary = "Pair with a new machine in the place of the other node",                   \
            .text = "As `lifeboat peer pair` on the active node, when the other one is lost: it "  \
                    "shows a code for the new machine. When that has come with it, the old node "  \
                    "is revoked: should it ever be switched on again, it is told so, and serves "  \
                    "nothing.",                                                                    \
            .takes = FOR_PEER_REPLACE,                                                             \
            .forgives = TRUE,                                                                      \
            .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE, FAIL_LATER},                       \
            .run = peer_replace_command,                                                           \
        },                                                                                         \
    {                                                                                              \
        .name = "peer forget", .summary = "Go on with this node alone",                            \
        .text = "On the active node, when there is to be no second one any more. The other one "   \
                "is revoked, as with `lifeboat peer replace`. It asks first.",                     \
        .takes = FOR_PEER_FORGET, .forgives = TRUE, .exits = {FAIL_FAILED, FAIL_USAGE},            \
        .run = peer_forget_command,                                                                \
    }
