/*
 * kept: a secondary's zone on disk, so that after a restart it is served at once, whether or not a
 * primary can be reached.
 *
 *     {zone}.zone      "lifeboat zone 1\n", the messages of an AXFR, each behind its length in two
 *                      bytes, and the SHA-256 of all that
 *     {zone}.checked   "{boot id} {boot seconds} {seconds since 1970}\n": when a primary last said
 *                      that it is the newest
 *
 * It is read as what comes from a primary is; a damaged one is passed over. {zone} is escaped as in
 * a URL. How long ago a primary was asked is known for sure within a boot; over a boot by the wall
 * clock, if that is sure; else it counts as just now: a zone that may be old is better than none.
 */
#pragma once

#include "netsvc/dns/zone/zone.h"

#define KEPT_FILE_MAX (300 * 1024 * 1024) /* bytes */

/* What time it is. */
struct kept_now {
    gint64 boot;         /* seconds since the machine started */
    gint64 wall;         /* seconds since 1970 … */
    gboolean wall_sure;  /* … and whether they are believed */
    const char *boot_id; /* of this boot; "": not known */
};

/* Before the sandbox, where /proc is; caller frees. */
char *kept_boot_id(void);

gboolean kept_write(int folder, const struct zone *zone, GError **error);
gboolean kept_write_checked(int folder, const struct name *origin, const struct kept_now *now,
                            GError **error);

/* NULL without an error: there is none. `age`: seconds since a primary was last asked. */
struct zone *kept_read(int folder, const struct name *origin, const struct kept_now *now,
                       gint64 *age, GError **error);

/* Removes both, for a zone that is over. */
void kept_remove(int folder, const struct name *origin);
