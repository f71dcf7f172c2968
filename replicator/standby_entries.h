/*
 * standby_entries: the commands of a standby as they stand in the tables of lifeboat and
 * lifeboat-replicator.
 */
#pragma once

#include "lib/base/fail.h"
#include "lib/command/settings.h"
#include "replicator/standby/check/command.h"
#include "replicator/standby/command.h"

#define FOLLOW_ENTRY(called)                                                                       \
    {                                                                                              \
        .name = called, .summary = "Follow the other node's CouchDB",                              \
        .text = "Copies all databases of the other node into this node's CouchDB, and then every " \
                "change: every leaf revision with its history, conflicts and deleted ones too, "   \
                "attachments as stored, security, users and _local documents. Nothing that only "  \
                "this node has is taken away, but what was purged there.\n\n"                      \
                "`lifeboat-replicator run` does this by itself where `follow` is set. Whatever "   \
                "interrupts it, it goes on where it was.",                                         \
        .takes = FOR_FOLLOW, .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE, FAIL_LATER},      \
        .run = follow_command,                                                                     \
    }

#define STANDBY_CHECK_ENTRY                                                                        \
    {                                                                                              \
        .name = "standby check", .summary = "Compare this node's CouchDB with the other node's",   \
        .text = "Compares every leaf revision of every database that the other node has, deleted " \
                "ones and conflicts too, and how each is set up; with --deep also what is in "     \
                "them. Says `equal`, or what differs. What changes meanwhile is looked at again. " \
                "Documents that only this node has are counted, and are no difference: what "      \
                "vanished from the other node stays here.",                                        \
        .takes = FOR_STANDBY_CHECK,                                                                \
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE, FAIL_LATER},                           \
        .run = standby_check_command,                                                              \
    }
