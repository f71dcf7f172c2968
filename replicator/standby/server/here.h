/*
 * here: whether the target still has what it was given. It may have been restarted from an older
 * copy, emptied, or lost a database by mistake, and nobody tells a follower that has nothing to
 * bring: so the update sequences of its databases are asked for, 100 at a time. One that went down,
 * or a database that is not there, casts doubt on what is remembered of it (trust.h).
 */
#pragma once

#include "replicator/standby/standby.h"

/* Looks at the databases that the source has. */
gboolean here_look(struct standby *standby, const GPtrArray *names, GError **error);

/* Notes how far the target has come; `update_seq` is raw JSON. */
void here_note(struct followed *database, const char *update_seq);
