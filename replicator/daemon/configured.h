/*
 * configured: what the configuration says to the daemon, at start and whenever it is read again
 * (SIGHUP, `lifeboat reload`).
 *
 * What has a mistake changes nothing: what was right the last time stays in force, for the daemon
 * and for the programs that it runs. Those read a copy beside the socket, not the file, which may
 * have a mistake before anybody asked for it to be read.
 */
#pragma once

#include "lib/command/command.h"
#include "replicator/daemon/place/place.h"

#define CONFIGURED_COPY "lifeboat.conf"            /* in the folder of the socket, … */
#define CONFIGURED_PARTIAL "lifeboat.conf.partial" /* … and while it is written */

/* What people are told of a key that waits for that. */
#define CONFIGURED_WAITS                                                                           \
    "'%s' was changed: that takes effect at a restart: `systemctl restart lifeboat-replicator`"

struct configured {
    /* in force */
    const char *const *stores; /* folders that hold one; ends with NULL, may be empty */
    struct timing timing;
    gboolean power_off;        /* drives, when their work is done */
    gboolean follows;          /* the other node, */
    gboolean paired;           /* … when lifeboat-netsvc says that this one is the standby */
    const char *bucket;        /* of the off-site copy; NULL: there is none */
    const char *offsite_store; /* of `stores`, of which it is one */
    gboolean imports;          /* drives bring this node up to date, instead of getting snapshots */
    gint64 read;               /* when it was read, seconds since 1970 UTC */

    char *problem;      /* with what was read since; NULL: nothing */
    GPtrArray *waiting; /* keys that were changed and wait for a restart: "[node] state" */

    const struct command_line *started, *line; /* as at start, and as in force */
    struct command_line *again;                /* which `line` is, once it was read again */
    char *folder;                              /* of the copy */
};

/* `line` stays the caller's. */
struct configured *configured_new(const struct command_line *line, GError **error);
void configured_free(struct configured *configured);
AUTO_DEFINE(configured)

/* Makes the copy. */
gboolean configured_begin(struct configured *configured, const char *folder, GError **error);

/* Whether what the processes that go on and on read of it is another. */
struct configured_changes {
    gboolean follower, courier;
};

/* Reads it again. FALSE: it has a problem, and nothing is changed. */
gboolean configured_read_again(struct configured *configured, struct configured_changes *changes);

/* A JSON object for `lifeboat status` and `lifeboat reload`. */
void configured_append(const struct configured *configured, GString *out);
