/*
 * newer: what a store has that is newer than the snapshot that is used, and cannot be used itself:
 * damaged, without what it builds upon, unfinished, signed by a stranger or by nobody, or another
 * store's. Whoever restores must hear of it, for it may hold what he is looking for.
 *
 * Which is newer: by number, where a signature that we trust vouches for it; else by the time in
 * the entry or the folder's name, and when in doubt it is.
 */
#pragma once

#include "lib/store/store.h"

struct newer {
    char *folder;
    char *reason; /* why it cannot be used */
    int code;     /* what that means: FAIL_INCOMPLETE when its run was interrupted, FAIL_DAMAGED */
};

/* Of a choice by time: what is beyond it does not matter. */
struct newer_limit {
    guint64 number; /* the last snapshot that had begun by then */
    gint64 time;    /* microseconds since 1970 */
};

/* All of them (struct newer), folder names ascending; the array is the caller's. `limit` and
 * `chosen` may be NULL; nothing is newer than no snapshot. */
GPtrArray *newer_find(const struct store *store, const struct snapshot *chosen,
                      const struct newer_limit *limit);

/* What a snapshot names as its parent: that one's folder, or the beginning of its id where it is
 * not here. The caller frees. */
char *newer_parent_name(const struct store *store, const struct snapshot *snapshot);

/* The oldest snapshot that can be reached going back: what it names as its parent is missing. */
const struct snapshot *newer_last_reachable(const struct snapshot *snapshot);
