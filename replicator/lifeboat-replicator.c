/*
 * lifeboat-replicator: the daemon that takes snapshots when they are due, and the commands that it
 * runs; of a pair's standby it follows the active node.
 */
#include "replicator/daemon/command.h"
#include "replicator/drive/enrol.h"
#include "replicator/offsite_entries.h"
#include "replicator/prune_entry.h"
#include "replicator/snapshot_entry.h"
#include "replicator/standby_entries.h"
#include "replicator/switch_entry.h"

static const struct command commands[] = {
    {
        .name = "run",
        .summary = "Take snapshots when a drive is inserted, and on schedule",
        .text =
            "Runs in the foreground, for systemd or any other supervisor.\n\n"
            "When one of our drives is inserted (`lifeboat drive add` makes it ours), it is "
            "mounted, gets a snapshot, is unmounted and powered off, and may be pulled out. Others "
            "are never opened. At the times of `schedule` the configured stores, and the drives "
            "that are there, get one too. A time that was missed is made up for at start, and so "
            "is the first snapshot of all; a run that failed is repeated after a minute, then less "
            "and less often. `lifeboat status` asks how things stand. What else a snapshot takes "
            "comes from the configuration. With `bucket` set, the off-site copy follows each "
            "snapshot of its store.\n\n"
            "Started by root, it becomes the user `lifeboat`; a small second process stays root, "
            "to mount and to run hooks, and parses nothing. SIGTERM ends it; a run under way is "
            "stopped cleanly, its drive unmounted, and the next run goes on. SIGHUP, or "
            "`lifeboat reload`, has it read the configuration again.",
        .takes = FOR_DAEMON,
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_LATER},
        .run = daemon_command,
    },
    SNAPSHOT_ENTRY(snapshot_command),
    PRUNE_ENTRY,
    OFFSITE_PUSH_ENTRY,
    FOLLOW_ENTRY("follow"),
    SWITCH_ENTRY,
    {
        .name = "enrol",
        .summary = "Make the store on a new drive, or accept the one that is there",
        .text = "What the daemon runs for `lifeboat drive add`. A store of another site, or with "
                "snapshots by a signer who is not trusted, is refused and left as it is.",
        .takes = FOR_ENROL,
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_DAMAGED, FAIL_KEY, FAIL_LATER},
        .run = enrol_command,
    },
};

static const struct program program = {
    .name = "lifeboat-replicator",
    .manual = "8",
    .summary = "take snapshots of a CouchDB server by itself",
    .text = "The part of Lifeboat that runs on the server by itself: `lifeboat-replicator run` is "
            "the daemon. The other commands are those of `lifeboat`, for timers and scripts.",
    .commands = commands,
    .n_commands = G_N_ELEMENTS(commands),
    .options = &settings,
};

int
main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
