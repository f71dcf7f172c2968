/*
 * clock_floor: the latest time that the wall clock was ever seen to show, kept in the state folder.
 *
 * A clinic's server has a clock whose battery is empty, and no Internet to set it by: after a power
 * cut it may be 1970, or last month. Time does not go back: a clock below the floor is wrong, and
 * one that is more than a year above it is not believed either, until a person says that it is
 * right (by removing the file). Lower than that, only the operator's word or chrony moves it.
 *
 *     STATE/clock      2026-11-28T08:15:00Z and a line feed
 *
 * The parent keeps it (parent/timekeeper.h); a child that needs it reads it before its sandbox:
 *
 *     clock_system(&clock, clock_floor_read(child_config(child)->state));
 */
#pragma once

#include <glib.h>

#define CLOCK_FLOOR_RELEASE                                                                        \
    G_GINT64_CONSTANT(1795824000)          /* 2026-11-28: this was not written later */
#define CLOCK_FLOOR_SLACK 300              /* seconds that a clock may be set back unnoticed */
#define CLOCK_FLOOR_LEAP (366 * 24 * 3600) /* beyond it by more it is not believed */

/* Seconds since 1970; CLOCK_FLOOR_RELEASE or later. A file that makes no sense counts as none. */
gint64 clock_floor_read(const char *state);

/* Whether there is a file that makes sense. */
gboolean clock_floor_is_kept(const char *state);

/* Durable when it returns. */
gboolean clock_floor_write(const char *state, gint64 floor, GError **error);

/* What people must be told of a clock that shows `wall`; NULL: nothing, it may be right. `kept`:
 * the floor was seen here; otherwise it is the release's. Caller frees. */
char *clock_floor_judge(gint64 wall, gint64 floor, gboolean kept, const char *state);

/* The floor once `wall` was seen. */
gint64 clock_floor_raise(gint64 wall, gint64 floor, gboolean kept);
