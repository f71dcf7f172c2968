/*
 * revive: the end of --doc. A revision that the target knows already and has built upon stays in
 * the past, however often it is written: that is how CouchDB keeps newer data. So when a document
 * that is to be brought back was deleted there, its winner in the snapshot becomes a new revision
 * on top of the deletion. When it was edited instead, the edit stays, and the operator is told.
 */
#pragma once

#include "restore/run/restore.h"

/* After the item's documents were written; nothing when it is not about single documents. */
gboolean revive(struct restore *restore, const struct plan_item *item, GError **error);
