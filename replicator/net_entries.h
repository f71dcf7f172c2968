/* net_entries: the commands `net …` as they stand in the table of lifeboat. */
#pragma once

#include "lib/base/fail.h"
#include "lib/command/settings.h"
#include "replicator/net/command.h"
#include "replicator/reload.h"

#define NET_ENTRIES                                                                                \
    {                                                                                              \
        .name = "net leases",                                                                      \
        .summary = "Show which client has which address, and how full the pools are",              \
        .text = "Asks `lifeboat-netsvc run`. An address that is `declined` was found in use by "   \
                "somebody who did not get it from here; it rests. What is `released` or "          \
                "`expired` is kept for the client that had it for as long as there are others.",   \
        .takes = FOR_NET_LEASES,                                                                   \
        .forgives = TRUE,                                                                          \
        .exits = {FAIL_FAILED, FAIL_USAGE},                                                        \
        .run = net_leases_command,                                                                 \
    },                                                                                             \
        {                                                                                          \
            .name = "net zones",                                                                   \
            .summary = "Show which names are answered, and how the uplink's servers are",          \
            .text =                                                                                \
                "Asks `lifeboat-netsvc run`. Of a signed zone it shows the DS records that the "   \
                "zone above it is to have, of one from another server when that was last heard.",  \
            .takes = FOR_NET_ZONES,                                                                \
            .forgives = TRUE,                                                                      \
            .exits = {FAIL_FAILED, FAIL_USAGE},                                                    \
            .run = net_zones_command,                                                              \
        },                                                                                         \
    {                                                                                              \
        .name = "net reload",                                                                      \
        .summary = "Have lifeboat-netsvc alone read the configuration again",                      \
        .text = "`lifeboat reload` does it for both daemons.", .takes = FOR_NET_RELOAD,            \
        .forgives = TRUE, .exits = {FAIL_FAILED, FAIL_USAGE}, .run = net_reload_command,           \
    }
