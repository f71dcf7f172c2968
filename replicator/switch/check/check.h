/* check: what the parts of `switch check` share. */
#pragma once

#include "lib/couch/write/traits.h"
#include "replicator/standby/standby.h"

#define CHECK_TOLD_MAX 50       /* sentences of each kind */
#define CHECK_CLOCK_NOTE 5      /* seconds between the two clocks that are worth a word, … */
#define CHECK_CLOCK_PROBLEM 60  /* … and that end sessions and mislead people */
#define CHECK_DISK_MB 1024      /* free, at least */
#define CHECK_BEHIND_NOTE 10000 /* changes that the pull has to bring while clients wait */
#define CHECK_INDEX_NOTE 1000   /* changes that an index lacks */

struct check {
    const struct standby_options *options;
    gboolean is_to;
    struct http *own, *other;
    struct traits own_traits, other_traits;
    GPtrArray *problems, *notes; /* sentences */
};

void check_problem(struct check *check, const char *format, ...) G_GNUC_PRINTF(2, 3);
void check_note(struct check *check, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* settings.c: what must be equal for sessions and passwords to live on, and the uuids, which must
 * not. */
void check_settings(struct check *check);

/* server.c */
void check_clocks(struct check *check);

/* databases.c: this node's, which follow the other one's; and its disk. */
void check_databases(struct check *check);

/* after.c: what comes back with the switch, and what does not go on by itself. */
void check_after(struct check *check);
