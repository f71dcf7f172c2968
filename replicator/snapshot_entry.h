/*
 * snapshot_entry: the command `snapshot` as it stands in the tables of lifeboat and
 * lifeboat-replicator.
 */
#pragma once

#include "lib/base/fail.h"
#include "lib/command/settings.h"
#include "replicator/snapshot/command.h"

#define SNAPSHOT_ENTRY(act)                                                                        \
    {                                                                                              \
        .name = "snapshot", .summary = "Take an encrypted snapshot of a CouchDB server",           \
        .text = "Reads all databases of the source and seals what changed since the last "         \
                "snapshot in the store, or "                                                       \
                "everything when there is none. Each snapshot stands for the whole server as of "  \
                "one moment: every "                                                               \
                "leaf revision with its history, conflicts and deleted ones too, attachments as "  \
                "stored, security, "                                                               \
                "users, settings and extra files.\n\n"                                             \
                "When nothing changed it says so and writes nothing. Whatever interrupts it "      \
                "leaves the store as it "                                                          \
                "was; the next run goes on or starts anew by itself. Source and store may stand "  \
                "in the "                                                                          \
                "configuration instead of the command line, so that `lifeboat snapshot` alone is " \
                "enough.",                                                                         \
        .takes = FOR_SNAPSHOT,                                                                     \
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE, FAIL_DAMAGED, FAIL_KEY, FAIL_LATER},   \
        .run = act,                                                                                \
    }
