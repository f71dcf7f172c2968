/*
 * dress: how a database is set up beside its documents: q, n and partitions when it is made, then
 * _security, _revs_limit and the _local documents that are worth keeping.
 */
#pragma once

#include "lib/couch/server.h"
#include "replicator/standby/standby.h"

/* Makes the database as the source has it, unless it is there. */
gboolean dress_make(struct standby *standby, struct followed *followed,
                    const struct server_database *source, GError **error);

/* Makes all that can change later as the source has it; in a merge, only what was made by it. */
gboolean dress_compare(struct standby *standby, struct followed *database, GError **error);

/* The _local documents alone. */
gboolean dress_locals(struct standby *standby, struct followed *database, GError **error);
