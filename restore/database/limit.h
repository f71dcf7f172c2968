/*
 * limit: the target's _revs_limit while documents are written.
 *
 * CouchDB cuts every path of a document at the limit when it writes the document, and hides what is
 * beyond it when it reads one. A snapshot may hold longer paths than its own limit: the source's
 * was lowered since. Cut off, they would come back as false conflicts from phones that know them.
 * So a database that we make is written without a limit, and gets the snapshot's at the very end. A
 * database of others keeps its own, or gets the snapshot's if that is higher; where a path needs
 * more, it is raised for the time of the restore, and what it was is kept in
 * _local/lifeboat-restore, so that a later run gives it back when this one is interrupted. On a
 * standby it gets the snapshot's, be that lower.
 */
#pragma once

#include "restore/run/restore.h"

struct limit {
    struct restore *restore;
    const struct plan_item *item;
    guint64 now, at_end;
    gboolean lent; /* the document says what it was */
};

/* `now` is the target's present one; `own`: nobody else's database, and it is marked. */
gboolean limit_begin(struct limit *limit, struct restore *restore, const struct plan_item *item,
                     guint64 snapshot, guint64 now, gboolean own, GError **error);

/* Before a leaf is written: makes room for its path. */
gboolean limit_fit(struct limit *limit, const struct leaf *leaf, GError **error);

/* After all is written: the one that is to stay. */
gboolean limit_end(struct limit *limit, GError **error);
