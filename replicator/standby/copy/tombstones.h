/*
 * tombstones: what keeps a document out that was deleted here, and made anew there.
 *
 * To a validator CouchDB shows the newest ancestor that it has of a revision that is copied, even
 * a deleted one; where the document was made anew it showed none. So the validator of _users takes
 * the account for one whose name was changed, and would refuse it for ever: nobody could log in
 * with it here. Where the source has the deleted revision in the past of what is refused, it is
 * purged here, and comes back with that.
 */
#pragma once

#include "replicator/standby/standby.h"

/* Whether that is what a validator says. */
gboolean tombstones_may_hide(const char *reason);

/* Purges those of the documents that are lacking (struct lacking). Where it fails they stay
 * lacking, with their reason. */
void tombstones_purge(struct standby *standby, const char *database, const GPtrArray *lacking);
