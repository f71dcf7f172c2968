/*
 * trust: from where a database may be followed: its checkpoint, read from the target, and whether
 * source and target still are the ones that it speaks of.
 *
 *   the target   may have been put back or emptied while it was lost from sight: so the checkpoint
 *                is read from there again, and what this process remembers is forgotten
 *   both         have the tokens (token.h) of the checkpoint, or everything is compared
 *
 * A comparison leaves tokens in the source before it begins. At its end, as before every
 * checkpoint, they must still be there: else the source went back, or was made anew, in the midst
 * of it.
 */
#pragma once

#include "lib/couch/server.h"
#include "replicator/standby/standby.h"

/* Finds database->since, NULL where everything is to be compared. Nothing is asked of a database
 * that was not doubted since the last time. `source`: as it stands there. */
gboolean trust_find(struct standby *standby, struct followed *database,
                    const struct server_database *source, GError **error);

/* A comparison of everything begins. */
gboolean trust_begin(struct standby *standby, struct followed *database,
                     const struct server_database *source, GError **error);

/* FALSE, and doubted, when the source went back, or a server was lost from sight, since it was
 * found or begun. */
gboolean trust_still(struct standby *standby, struct followed *database, GError **error);

/* The source was seen to have gone backwards: remembered until it has another uuid. */
void trust_note_backwards(struct standby *standby);

/* Writes the checkpoint of all that is copied. */
gboolean trust_write(struct standby *standby, struct followed *database,
                     const struct server_database *source, GError **error);
