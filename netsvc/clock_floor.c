#include "netsvc/clock_floor.h"

#include "lib/base/file.h"

#include <fcntl.h>
#include <string.h>

#define FLOOR_FILE "clock"
#define FLOOR_TEXT_MAX 64 /* bytes of the file */

/* 0: there is none that makes sense. */
static gint64
read_file(const char *state)
{
    gsize size = 0;
    AUTO_FD int folder = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_autofree char *text =
        folder >= 0 ? file_read(folder, FLOOR_FILE, FLOOR_TEXT_MAX, &size, NULL) : NULL;
    if (text == NULL || strlen(text) != size)
        return 0;
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(g_strstrip(text), NULL);
    return time != NULL ? g_date_time_to_unix(time) : 0;
}

gint64
clock_floor_read(const char *state)
{
    return MAX(read_file(state), CLOCK_FLOOR_RELEASE);
}

gboolean
clock_floor_is_kept(const char *state)
{
    return read_file(state) > 0;
}

gboolean
clock_floor_write(const char *state, gint64 floor, GError **error)
{
    AUTO_FD int folder = file_open_folder(AT_FDCWD, state, FALSE, error);
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(floor);
    g_autofree char *text = g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ\n");
    return folder >= 0 && file_replace(folder, FLOOR_FILE, text, strlen(text), 0644, error);
}

static char *
shown(gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(seconds);
    return time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M")
                        : g_strdup("a time beyond all");
}

char *
clock_floor_judge(gint64 wall, gint64 floor, gboolean kept, const char *state)
{
    g_autofree char *says = shown(wall), *was = shown(floor);
    if (wall < floor - CLOCK_FLOOR_SLACK && !kept)
        return g_strdup_printf("the clock is wrong: it says %s, and this program is newer; set it: "
                               "timedatectl set-time 'YYYY-MM-DD HH:MM'",
                               says);
    if (wall < floor - CLOCK_FLOOR_SLACK)
        return g_strdup_printf(
            "the clock is wrong: it says %s, but it was %s here already; set it: "
            "timedatectl set-time 'YYYY-MM-DD HH:MM'; or, where it is right now, "
            "remove '%s/" FLOOR_FILE "', then: lifeboat net reload",
            says, was, state);
    if (kept && wall > floor + CLOCK_FLOOR_LEAP)
        return g_strdup_printf(
            "the clock is not believed: it says %s, more than a year after it was "
            "last seen, %s; set it, or, where it is right, remove '%s/" FLOOR_FILE
            "', then: lifeboat net reload",
            says, was, state);
    return NULL;
}

gint64
clock_floor_raise(gint64 wall, gint64 floor, gboolean kept)
{
    return kept && wall > floor + CLOCK_FLOOR_LEAP ? floor : MAX(wall, floor);
}
