/*
 * lifeboat-replicator: the daemon that takes snapshots when they are due, and the commands that it
 * runs. It will watch drives and follow the active node.
 */
#include "replicator/daemon/command.h"
#include "replicator/prune_entry.h"
#include "replicator/snapshot_entry.h"

static const struct command commands[] = {
    {
        .name = "run",
        .summary = "Take snapshots when they are due, until told to stop",
        .text =
            "Runs in the foreground, for systemd or any other supervisor, and takes a snapshot "
            "into the configured store at each of the times of `schedule`. A time that was "
            "missed is made up for at start, and so is the first snapshot of all; a run that "
            "failed is repeated after a minute, then less and less often. `lifeboat status` "
            "asks how things stand. What else a snapshot takes comes from the configuration.\n\n"
            "SIGTERM ends it; a run under way is stopped cleanly, and goes on at the next start.",
        .takes = FOR_DAEMON,
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_LATER},
        .run = daemon_command,
    },
    SNAPSHOT_ENTRY,
    PRUNE_ENTRY,
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
