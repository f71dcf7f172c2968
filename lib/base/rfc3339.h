/* rfc3339: times as our files and answers have them. */
#pragma once

#include <glib.h>

/* Now, to the second, in UTC: "2026-11-28T08:15:00Z"; caller frees. */
char *rfc3339_now(void);

/* Seconds since 1970 UTC, in local time: "2026-11-28T10:15:00+02:00"; NULL for 0 and less; caller
 * frees. */
char *rfc3339_local(gint64 time);
