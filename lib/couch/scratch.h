/*
 * scratch: names of databases that are made on a server for a while only, and which of those that
 * are there were left behind.
 *
 * Somebody may be at work with one that we find. So the name tells who made it, and it counts as
 * left behind only where that can be known: by the same machine (and process-id namespace), when
 * it was started anew since, or the process has ended:
 *
 *     lifeboat-KIND-machine-boot-pid-start-…
 *
 * machine and boot being 8 hex digits each of hashes, start the process's start in clock ticks.
 */
#pragma once

#include <glib.h>

#define SCRATCH_TRIAL "trial" /* repack.h */
#define SCRATCH_DRILL "drill"

/* The name's beginning for this process, up to the last dash; the caller adds to it and frees. */
char *scratch_prefix(const char *kind);

/* Whether a database has such a name, or one of before they told who made it. */
gboolean scratch_is(const char *name);

/* Whether whoever made it has certainly ended. */
gboolean scratch_is_left(const char *name);
