/*
 * lacking: what the state at a snapshot lacks, as its manifest tells it, in sentences.
 *
 * A restore, a drill and an extraction bring back each database of which the chain holds a state,
 * and say what is wrong with it. That is a problem, and the exit code 3:
 *
 *     failed      it could not be read: older than the rest, or missing
 *     excluded    it was left out, yet an older snapshot of the chain has it: older than the rest,
 *                 and who restores everything must not take it for new
 *     pending     the run was interrupted before it came to it: older, or missing (--partial)
 *     unfinished  the run was interrupted in the middle of it (--partial)
 *     unread      documents that the source could not give
 *
 * A database that was left out and that no snapshot of the chain holds is none that was wanted: a
 * note will do.
 */
#pragma once

#include "lib/archive/chain.h"

struct lacking {
    /* Whether the caller has to do with a database, or with a document of it; `id` may be NULL. */
    gboolean (*wants)(void *context, const char *database, const char *id);

    /* What is lacking. `id` and `rev` are empty for the database, or the document, as a whole. */
    void (*tell)(void *context, const char *database, const char *id, const char *rev,
                 const char *reason);

    /* A database that was left out and is nowhere in the chain. */
    void (*left_out)(void *context, const char *database, const char *reason);
    void *context;
};

void lacking_tell(const struct chain *chain, const struct lacking *lacking);

/* The ids of a database's documents of which something could not be read; NULL when there are none.
 */
GHashTable *lacking_ids(const struct chain *chain, const char *database);
