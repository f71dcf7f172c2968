/*
 * drill_frame: what a drill compares of a database beside its documents: q and n, its _local
 * documents, _security and _revs_limit.
 *
 * The scratch database stays closed to all but admins, so its _security cannot be the real one.
 * Whether the target takes that, and _revs_limit, is tried out on an empty scratch database, which
 * may be open to whom it says: there is nothing in it.
 */
#pragma once

#include "restore/run/restore.h"

struct drill_frame {
    struct restore *restore;
    char *empty;    /* the empty scratch database's name */
    gboolean made;  /* it is there */
    char *security; /* the last one that came out the same, which many databases share */
    guint64 revs_limit;
};

/* After item->target was written and compared. Differences are reported as problems. */
gboolean drill_frame_compare(struct drill_frame *frame, const struct plan_item *item,
                             GError **error);
void drill_frame_clear(struct drill_frame *frame);
