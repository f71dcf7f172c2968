/*
 * lifeboat-replicator: will watch drives and follow the active node; for now it takes snapshots.
 */
#include "replicator/prune_entry.h"
#include "replicator/snapshot_entry.h"

static const struct command commands[] = {SNAPSHOT_ENTRY, PRUNE_ENTRY};

static const struct program program = {
    .name = "lifeboat-replicator",
    .manual = "8",
    .summary = "take snapshots of a CouchDB server",
    .text = "The part of Lifeboat that runs on the server by itself. `lifeboat-replicator "
            "snapshot` is what "
            "`lifeboat snapshot` is, for timers and scripts.",
    .commands = commands,
    .n_commands = G_N_ELEMENTS(commands),
    .options = &settings,
};

int
main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
