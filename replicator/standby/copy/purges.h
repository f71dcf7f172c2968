/*
 * purges: what was purged in the source is purged here, too.
 *
 * CouchDB remembers which revisions were purged, for a while, and not whether they came back since:
 * so the source is asked, and only what it still does not have is purged here. Where the revision
 * that was purged never came here, what it came from may have: if the source has nothing of that
 * document any more, it is purged, too.
 */
#pragma once

#include "lib/couch/server.h"
#include "replicator/standby/standby.h"

/* Applies what was purged, if something was since the checkpoint's purge_seq, or if everything is
 * compared: `whole`. `source` is how the source stands. */
gboolean purges_apply(struct standby *standby, struct followed *database,
                      const struct server_database *source, gboolean whole, GError **error);
