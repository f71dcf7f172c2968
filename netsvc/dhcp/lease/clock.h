/*
 * clock: what time it is, passed in so that tests need not wait.
 *
 * The wall clock is believed when it is not before the floor: the latest time that was ever seen to
 * pass here (kept on disk by the parent, netsvc/clock_floor.h), and not a year beyond it.
 */
#pragma once

#include <glib.h>

struct clock {
    gint64 (*boot)(void *context);       /* seconds, CLOCK_BOOTTIME */
    gint64 (*wall)(void *context);       /* seconds since 1970 */
    gboolean (*believed)(void *context); /* the wall clock */
    const char *boot_id;                 /* /proc/sys/kernel/random/boot_id */
    void *context;
};

/* The system's. Call it before the sandbox: it reads the boot's id, which is "" where it cannot. */
void clock_system(struct clock *clock, gint64 floor);
