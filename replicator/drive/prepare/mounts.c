#include "replicator/drive/prepare/mounts.h"

#include "lib/base/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define TABLE_MAX (16 * 1024 * 1024) /* bytes */

/* Fields of a line of mountinfo (proc(5)); those behind the separator `-` are counted from it. */
enum { FIELD_NUMBER = 2, FIELD_PLACE = 4, FIELDS_BEFORE_OPTIONAL = 6, FIELD_SOURCE = 2 };

static dev_t
block_number(const char *path)
{
    struct stat there;
    return *path == '/' && stat(path, &there) == 0 && S_ISBLK(there.st_mode) ? there.st_rdev : 0;
}

static gboolean
is_mount_of(char *const *fields, dev_t number, dev_t (*source_number)(const char *source))
{
    unsigned int high, low;
    if (sscanf(fields[FIELD_NUMBER], "%u:%u", &high, &low) == 2 && makedev(high, low) == number)
        return TRUE;
    for (char *const *field = fields + FIELDS_BEFORE_OPTIONAL; *field != NULL; field++)
        if (strcmp(*field, "-") == 0) {
            gboolean whole = field[1] != NULL && field[FIELD_SOURCE] != NULL;
            g_autofree char *source = whole ? g_strcompress(field[FIELD_SOURCE]) : NULL;
            return source != NULL && source_number(source) == number;
        }
    return FALSE;
}

GPtrArray *
mounts_in(const char *text, dev_t number, dev_t (*source_number)(const char *source))
{
    GPtrArray *places = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) fields = g_strsplit(*line, " ", -1);
        if (g_strv_length(fields) > FIELDS_BEFORE_OPTIONAL &&
            is_mount_of(fields, number, source_number))
            g_ptr_array_add(places, g_strcompress(fields[FIELD_PLACE])); /* \040 is a space */
    }
    return places;
}

GPtrArray *
mounts_of(dev_t number, GError **error)
{
    g_autofree char *text = file_read_named("/proc/self/mountinfo", TABLE_MAX, NULL, error);
    return text != NULL ? mounts_in(text, number, block_number) : NULL;
}

gboolean
mounts_has_swap(dev_t number)
{
    g_autofree char *text = file_read_named("/proc/swaps", TABLE_MAX, NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) fields = g_strsplit(*line, " ", 2);
        g_autofree char *path = fields[0] != NULL ? g_strcompress(fields[0]) : NULL;
        if (path != NULL && block_number(path) == number)
            return TRUE;
    }
    return FALSE;
}
