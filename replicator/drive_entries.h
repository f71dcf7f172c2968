/* drive_entries: the commands `drive …` as they stand in the table of lifeboat. */
#pragma once

#include "lib/base/fail.h"
#include "lib/command/settings.h"
#include "replicator/drive/command.h"

#define DRIVE_ENTRIES                                                                              \
    {                                                                                              \
        .name = "drive list",                                                                      \
        .summary = "Show the drives, and what else is attached",                                   \
        .text =                                                                                    \
            "Asks `lifeboat-replicator run`: for each drive whether it is attached, what is "      \
            "being done with it, whether it is safe to remove, and when a snapshot on it last "    \
            "ended well. Then what is attached but is no drive of this site, with the line "       \
            "that would make it one.",                                                             \
        .takes = FOR_DRIVE_LIST,                                                                   \
        .forgives = TRUE,                                                                          \
        .exits = {FAIL_FAILED, FAIL_USAGE},                                                        \
        .run = drive_list_command,                                                                 \
    },                                                                                             \
        {                                                                                          \
            .name = "drive add",                                                                   \
            .summary = "Make a USB drive one that snapshots go to whenever it is plugged in",      \
            .text =                                                                                \
                "DEVICE is a disk or partition, such as /dev/sdb1 or a link to it. It must be on " \
                "USB or removable, or match `devices` in the configuration, and never is the "     \
                "disk "                                                                            \
                "that this system runs from. Needs root, and `lifeboat-replicator run`.\n\n"       \
                "Without --format the file system that is there is used, and what it holds "       \
                "stays. "                                                                          \
                "Of a disk with partitions the one that fits is taken, or has to be named. A "     \
                "drive "                                                                           \
                "that this site has used before comes back with its snapshots. A copy of one, "    \
                "made because that is worn, takes its place; while that is plugged in, too, it "   \
                "is refused.\n\n"                                                                  \
                "With --format a new file system is made, after a question. That is refused for "  \
                "whatever holds anything of anybody: every file system on it is looked into, "     \
                "read-only, and may hold nothing but what systems put there by themselves; what "  \
                "cannot be looked into, such as an encrypted one, is refused, too. Before that, "  \
                "blocks all over the device are written and read back, since there are drives "    \
                "that hold less than they claim.\n\n"                                              \
                "The first snapshot then begins by itself. `lifeboat status` shows it.",           \
            .takes = FOR_DRIVE_ADD,                                                                \
            .arguments = {{.name = "DEVICE"}},                                                     \
            .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_LATER},                                        \
            .run = drive_add_command,                                                              \
        },                                                                                         \
        {                                                                                          \
            .name = "drive remove",                                                                \
            .summary = "Forget a drive; what is on it stays",                                      \
            .text =                                                                                \
                "ID is what `lifeboat drive list` shows, or the drive's label. No snapshots go "   \
                "to the drive any more when it is plugged in, and it is not missed. What is "      \
                "on it can be restored from as before.",                                           \
            .takes = FOR_DRIVE_REMOVE,                                                             \
            .forgives = TRUE,                                                                      \
            .arguments = {{.name = "ID"}},                                                         \
            .exits = {FAIL_FAILED, FAIL_USAGE},                                                    \
            .run = drive_remove_command,                                                           \
        },                                                                                         \
    {                                                                                              \
        .name = "drive eject", .summary = "Make a drive safe to remove now",                       \
        .text = "ID is what `lifeboat drive list` shows, or the drive's label. A snapshot under "  \
                "way is stopped cleanly, and goes on when the drive is plugged in again. Then "    \
                "the drive is unmounted and powered off.",                                         \
        .takes = FOR_DRIVE_EJECT, .forgives = TRUE, .arguments = {{.name = "ID"}},                 \
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_LATER}, .run = drive_eject_command,                \
    }
