/*
 * offsite_entries: the commands of the off-site copy as they stand in the tables of lifeboat and
 * lifeboat-replicator.
 */
#pragma once

#include "lib/base/fail.h"
#include "lib/command/settings.h"
#include "replicator/offsite/command.h"

#define OFFSITE_PUSH_ENTRY                                                                         \
    {                                                                                              \
        .name = "offsite push", .summary = "Bring the off-site copy of a store up to date",        \
        .text =                                                                                    \
            "Copies every sealed snapshot of the store into the bucket, as the same files, "       \
            "and then removes there what a prune took out of the store. At every moment the "      \
            "bucket holds a store that can be restored from. Whatever interrupts it, the next "    \
            "run goes on, in the middle of a large file too. Each file is compared with what "     \
            "was signed before it is sent, and with what arrived after. A bucket that holds "      \
            "another store is refused, and left as it is.\n\n"                                     \
            "What is in a snapshot is encrypted: the bucket's owner can read none of it. "         \
            "`lifeboat-replicator run` does this by itself where `bucket` is set.",                \
        .takes = FOR_OFFSITE_PUSH,                                                                 \
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE, FAIL_DAMAGED, FAIL_KEY, FAIL_LATER},   \
        .run = offsite_push_command,                                                               \
    }

#define OFFSITE_FETCH_ENTRY                                                                        \
    {                                                                                              \
        .name = "offsite fetch", .summary = "Bring the store out of the bucket into a folder",     \
        .text = "After a disaster that took the drives, too: DIR then holds the store, and "       \
                "`lifeboat-restore run DIR` restores from it. Interrupted, it goes on where it "   \
                "was. On a bare machine give --signer, with the signer's public key from the "     \
                "recovery sheet: snapshots by others are not fetched.",                            \
        .takes = FOR_OFFSITE_FETCH, .arguments = {{.name = "DIR"}},                                \
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE, FAIL_DAMAGED, FAIL_KEY, FAIL_LATER},   \
        .run = offsite_fetch_command,                                                              \
    }

#define OFFSITE_LIST_ENTRY                                                                         \
    {                                                                                              \
        .name = "offsite list", .summary = "Show which snapshots stand in the bucket",             \
        .text = "Whose store it is, its snapshots, and how old the newest one is that can be "     \
                "restored. The exit code is 4 where there is none.",                               \
        .takes = FOR_OFFSITE_LIST,                                                                 \
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_DAMAGED, FAIL_KEY, FAIL_LATER},                    \
        .run = offsite_list_command,                                                               \
    }
