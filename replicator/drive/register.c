#include "replicator/drive/register.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/json/json.h"

#include <fcntl.h>

#define NAME "drives.json"
#define SIZE_MAX_READ (1024 * 1024) /* bytes; some thousand drives */
#define ID_MIN 4                    /* digits of an id that are enough where they are one drive's */

static void
drive_free(gpointer data)
{
    struct drive *drive = data;
    g_free(drive->store);
    g_free(drive->filesystem);
    g_free(drive->label);
    g_free(drive);
}

/* ---- the file ---- */

static gboolean
read_drive(struct drives *drives, struct slice value)
{
    struct drive *drive = g_new0(struct drive, 1);
    guint64 added = 0;
    g_ptr_array_add(drives->all, drive);
    json_member_unsigned(value, "added", &added);
    drive->added = (gint64)MIN(added, (guint64)G_MAXINT64);
    drive->in_use = json_member_true(value, "in_use");
    return json_type(value) == JSON_OBJECT && json_member_text(value, "store", &drive->store) &&
           strlen(drive->store) >= DRIVE_ID &&
           json_member_text(value, "filesystem", &drive->filesystem) &&
           json_member_text(value, "label", &drive->label);
}

static gboolean
read_file(struct drives *drives, GError **error)
{
    gsize size;
    struct slice list, value;
    if (file_is_absent(drives->folder, NAME))
        return TRUE;
    g_autofree char *text = file_read(drives->folder, NAME, SIZE_MAX_READ, &size, error);
    struct slice json = {text, text != NULL ? size : 0};
    if (text == NULL || !json_check(json, error))
        return FALSE;
    if (!json_member(json, "drives", &list) || json_type(list) != JSON_ARRAY)
        return fail_set(error, FAIL_DAMAGED, "it has no list of drives");
    for (gsize place = 0; json_next_element(list, &place, &value);) {
        if (!read_drive(drives, value))
            return fail_set(error, FAIL_DAMAGED, "a drive in it is not described in full");
        const struct drive *drive = drives->all->pdata[drives->all->len - 1];
        if (drives_by_store(drives, drive->store) != drive)
            /* their work is booked by their stores: two would share a page */
            return fail_set(error, FAIL_DAMAGED, "a drive in it stands there twice");
    }
    return TRUE;
}

struct drives *
drives_open(const char *folder, GError **error)
{
    AUTO(drives) *drives = g_new0(struct drives, 1);
    drives->all = g_ptr_array_new_with_free_func(drive_free);
    drives->folder = file_open_folder(AT_FDCWD, folder, TRUE, error);
    if (drives->folder < 0)
        return NULL;
    if (!read_file(drives, error)) {
        g_prefix_error(error, "the register of drives '%s/%s' cannot be used: ", folder, NAME);
        fail_add_hint(error, "remove it, and add each drive again: `lifeboat drive add DEVICE` "
                             "takes a drive as it is");
        return NULL;
    }
    return g_steal_pointer(&drives);
}

void
drives_free(struct drives *drives)
{
    if (drives == NULL)
        return;
    fd_auto_close(&drives->folder);
    g_ptr_array_unref(drives->all);
    g_free(drives);
}

gboolean
drives_write(struct drives *drives, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_array(text, "drives");
    for (guint i = 0; i < drives->all->len; i++) {
        const struct drive *drive = drives->all->pdata[i];
        json_text_begin_object(text);
        json_text_member_string(text, "store", drive->store);
        json_text_member_string(text, "filesystem", drive->filesystem);
        json_text_member_string(text, "label", drive->label);
        json_text_member_integer(text, "added", drive->added);
        json_text_member_boolean(text, "in_use", drive->in_use);
        json_text_end_object(text);
    }
    json_text_end_array(text);
    json_text_end_object(text);
    g_string_append_c(text, '\n');
    return file_replace(drives->folder, NAME, text->str, text->len, 0600, error);
}

/* ---- finding ---- */

char *
drive_id(const struct drive *drive)
{
    return g_strndup(drive->store, DRIVE_ID);
}

struct drive *
drives_by_filesystem(const struct drives *drives, const char *filesystem)
{
    for (guint i = 0; i < drives->all->len; i++) {
        struct drive *drive = drives->all->pdata[i];
        if (g_strcmp0(drive->filesystem, filesystem) == 0)
            return drive;
    }
    return NULL;
}

struct drive *
drives_by_store(const struct drives *drives, const char *store)
{
    for (guint i = 0; i < drives->all->len; i++) {
        struct drive *drive = drives->all->pdata[i];
        if (g_strcmp0(drive->store, store) == 0)
            return drive;
    }
    return NULL;
}

static gboolean
is_meant(const struct drive *drive, const char *name)
{
    return g_str_equal(drive->label, name) ||
           (strlen(name) >= ID_MIN && g_str_has_prefix(drive->store, name));
}

static void
append_drive(GString *text, const struct drive *drive)
{
    g_autofree char *id = drive_id(drive);
    g_string_append_printf(text, "%s'%s' (%s)", text->len > 0 ? ", " : "", id, drive->label);
}

struct drive *
drives_find(const struct drives *drives, const char *name, GError **error)
{
    g_autoptr(GString) fitting = g_string_new(NULL), all = g_string_new(NULL);
    struct drive *found = NULL;
    guint count = 0;
    for (guint i = 0; i < drives->all->len; i++) {
        struct drive *drive = drives->all->pdata[i];
        append_drive(all, drive);
        if (!is_meant(drive, name))
            continue;
        append_drive(fitting, drive);
        found = drive;
        count++;
    }
    if (count == 1)
        return found;
    if (count > 1)
        fail_set(error, FAIL_USAGE, "'%s' may be %s", name, fitting->str);
    else if (all->len > 0)
        fail_set(error, FAIL_USAGE, "no drive is '%s'; there are %s", name, all->str);
    else
        fail_set(error, FAIL_USAGE, "no drive is '%s': none was added yet", name);
    return NULL;
}

struct drive *
drives_add(struct drives *drives, const char *store, const char *filesystem, const char *label,
           gint64 now)
{
    struct drive *drive = drives_by_store(drives, store);
    if (drive == NULL) {
        drive = g_new0(struct drive, 1);
        drive->store = g_strdup(store);
        drive->added = now;
        g_ptr_array_add(drives->all, drive);
    }
    g_free(drive->filesystem);
    g_free(drive->label);
    drive->filesystem = g_strdup(filesystem);
    drive->label = g_strdup(label);
    return drive;
}

void
drives_remove(struct drives *drives, struct drive *drive)
{
    g_ptr_array_remove(drives->all, drive);
}
