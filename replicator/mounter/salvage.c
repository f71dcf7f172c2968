#include "replicator/mounter/salvage.h"

#include "lib/base/cleanup.h"

#include <stdio.h>
#include <string.h>

#define NAME_SIZE 32

static const struct place {
    const char *folder, *before, *after; /* of the digits in a name */
    int digits;
    const char *words;
} places[MESSAGE_TYPES] = {
    [MESSAGE_VFAT] = {".", "FSCK", ".REC", 4, "in files named FSCK0000.REC and so on"},
    [MESSAGE_EXFAT] = {"LOST+FOUND", "FILE", ".CHK", 7, "in the folder LOST+FOUND"},
};

const char *
salvage_where(enum message_type type)
{
    return places[type].words;
}

static gboolean
is_set(const struct message_salvage *found, guint number)
{
    return (found->bits[number / 8] >> number % 8 & 1) != 0;
}

static void
name_of(const struct place *place, guint number, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%s%0*u%s", place->before, place->digits, number, place->after);
}

/* MESSAGE_SALVAGED: it is none of them. */
static guint
number_of(const struct place *place, const char *name)
{
    char own[NAME_SIZE];
    if (!g_str_has_prefix(name, place->before))
        return MESSAGE_SALVAGED;
    guint64 number = g_ascii_strtoull(name + strlen(place->before), NULL, 10);
    if (number >= MESSAGE_SALVAGED)
        return MESSAGE_SALVAGED;
    name_of(place, (guint)number, own);
    return strcmp(own, name) == 0 ? (guint)number : MESSAGE_SALVAGED;
}

void
salvage_list(enum message_type type, const char *root, struct message_salvage *found)
{
    const struct place *place = &places[type];
    const char *name;
    memset(found, 0, sizeof *found);
    if (place->folder == NULL)
        return;
    g_autofree char *folder = g_build_filename(root, place->folder, NULL);
    g_autoptr(GDir) entries = g_dir_open(folder, 0, NULL);
    while (entries != NULL && (name = g_dir_read_name(entries)) != NULL) {
        guint number = number_of(place, name);
        if (number < MESSAGE_SALVAGED)
            found->bits[number / 8] |= (guint8)(1 << number % 8);
    }
}

guint
salvage_settle(enum message_type type, const char *root, const struct message_salvage *before,
               gboolean remove)
{
    const struct place *place = &places[type];
    struct message_salvage now;
    guint left = 0;
    if (place->folder == NULL)
        return 0;
    g_autofree char *folder = g_build_filename(root, place->folder, NULL);
    salvage_list(type, root, &now);
    for (guint number = 0; number < MESSAGE_SALVAGED; number++) {
        char name[NAME_SIZE];
        if (!is_set(&now, number) || is_set(before, number))
            continue;
        name_of(place, number, name);
        g_autofree char *path = g_build_filename(folder, name, NULL);
        left += !remove || unlink(path) != 0;
    }
    rmdir(folder); /* if nothing is in it; never the root */
    return left;
}
