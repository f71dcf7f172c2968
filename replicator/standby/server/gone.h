/*
 * gone: databases that the source has no more. They stay here for a configured time, and are
 * removed then; a database that comes back is followed again.
 *
 * Only time in which somebody looked counts: a clock that begins in 1970 until it is set, as one
 * without a battery does, must not let a month pass in a second.
 */
#pragma once

#include "replicator/standby/standby.h"

/* `names`: those that the source has. */
gboolean gone_look(struct standby *standby, const GPtrArray *names, GError **error);

/* At the beginning: whether the source is the one of before. Another has dropped nothing yet. */
gboolean gone_begin(struct standby *standby, GError **error);
