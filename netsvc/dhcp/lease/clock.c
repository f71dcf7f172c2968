#include "netsvc/dhcp/lease/clock.h"

#include "netsvc/clock_floor.h"

#include <string.h>
#include <time.h>

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"

/* There is one system and one time. */
static struct {
    gint64 floor;
    char boot_id[64];
} the;

static gint64
seconds_of(clockid_t id)
{
    struct timespec now;
    return clock_gettime(id, &now) == 0 ? (gint64)now.tv_sec : 0;
}

static gint64
system_boot(gpointer context)
{
    (void)context;
    return seconds_of(CLOCK_BOOTTIME);
}

static gint64
system_wall(gpointer context)
{
    (void)context;
    return seconds_of(CLOCK_REALTIME);
}

static gboolean
believes(gint64 wall, gint64 floor)
{
    return floor == 0 || (wall >= floor - CLOCK_FLOOR_SLACK && wall - floor <= CLOCK_FLOOR_LEAP);
}

static gboolean
system_believed(gpointer context)
{
    (void)context;
    return believes(seconds_of(CLOCK_REALTIME), the.floor);
}

void
clock_system(struct clock *clock, gint64 floor)
{
    g_autofree char *id = NULL;
    the.floor = floor;
    /* Without an id no two boots are the same one: then the rules for another boot hold. */
    if (g_file_get_contents(BOOT_ID_FILE, &id, NULL, NULL))
        g_strlcpy(the.boot_id, g_strstrip(id), sizeof the.boot_id);
    *clock = (struct clock){.boot = system_boot,
                            .wall = system_wall,
                            .believed = system_believed,
                            .boot_id = the.boot_id};
}
