/*
 * chain_passes: makes a database's snapshots few enough to be merged at once.
 *
 * Each open snapshot costs memory and descriptors. When there are too many, neighbours are merged
 * into temporary archives first, in rounds, so that everything is rewritten once a round and rounds
 * are few. The oldest, mostly a large full snapshot, is left for the last merge. The archives lie
 * under $TMPDIR (else /var/tmp), encrypted to a key that only this process has; what a killed
 * process left there is removed by the next one.
 */
#pragma once

#include "lib/archive/snapshot_reader.h"

#define CHAIN_OPEN_MAX 64 /* snapshots open at once */

/* A database as one snapshot has it, or as a pass made it of several. */
struct chain_part {
    const struct snapshot *snapshot; /* NULL: a temporary archive */
    struct chain_passes *passes;     /* the rest is of a temporary one */
    struct catalogue *catalogue;
    char *sums;
    char *folder;  /* its name below the passes' */
    guint64 place; /* of db.json */
    guint64 plain; /* bytes in the archive, all databases */
};
struct chain_part *chain_part_new(const struct snapshot *snapshot, guint64 place);
void chain_part_free(struct chain_part *part);
AUTO_DEFINE(chain_part)

/* Temporary archives; the folder is made when it is needed and removed in the end. */
struct chain_passes;
struct chain_passes *chain_passes_new(const struct store *store, const struct keys *keys,
                                      gsize memory);
void chain_passes_free(struct chain_passes *passes); /* after all parts */
AUTO_DEFINE(chain_passes)

struct snapshot_reader *chain_passes_open(struct chain_passes *passes,
                                          const struct chain_part *part, GError **error);

/* Merges neighbours of `parts` (struct chain_part, newest first) until all of them fit into memory.
 */
gboolean chain_passes_reduce(struct chain_passes *passes, const char *database, GPtrArray *parts,
                             GError **error);
