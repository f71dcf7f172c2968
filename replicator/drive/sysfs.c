#include "replicator/drive/sysfs.h"

#include "lib/base/file.h"

#include <fnmatch.h>
#include <libmount/libmount.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ATTRIBUTE_MAX 4096 /* bytes: a page, as sysfs has it */

/* ---- by its folder ---- */

char *
sysfs_folder(dev_t device)
{
    g_autofree char *link = g_strdup_printf("/sys/dev/block/%u:%u", major(device), minor(device));
    char *path = realpath(link, NULL);
    char *copy = g_strdup(path);
    free(path);
    return copy;
}

char *
sysfs_attribute(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    char *text = file_read_named(path, ATTRIBUTE_MAX, NULL, NULL);
    return text != NULL ? g_strstrip(text) : NULL;
}

static gboolean
has(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    return access(path, F_OK) == 0;
}

char *
sysfs_node_of(const char *folder)
{
    g_autofree char *events = sysfs_attribute(folder, "uevent");
    g_auto(GStrv) lines = g_strsplit(events != NULL ? events : "", "\n", -1);
    for (char **line = lines; *line != NULL; line++)
        if (g_str_has_prefix(*line, "DEVNAME="))
            return g_strconcat("/dev/", *line + strlen("DEVNAME="), NULL);
    return NULL;
}

static gboolean
hangs_on_usb(const char *whole)
{
    g_autofree char *folder = g_path_get_dirname(whole);
    while (strlen(folder) > 1) {
        g_autofree char *link = g_build_filename(folder, "subsystem", NULL);
        g_autofree char *subsystem = g_file_read_link(link, NULL);
        if (subsystem != NULL && g_str_has_suffix(subsystem, "/usb"))
            return TRUE;
        char *parent = g_path_get_dirname(folder);
        g_free(folder);
        folder = parent;
    }
    return FALSE;
}

gboolean
sysfs_is_removable(const char *whole)
{
    g_autofree char *removable = sysfs_attribute(whole, "removable");
    return g_strcmp0(removable, "1") == 0 || hangs_on_usb(whole);
}

gboolean
sysfs_is_listed(const char *node, const char *const *patterns)
{
    for (; patterns != NULL && *patterns != NULL; patterns++)
        if (fnmatch(*patterns, node, FNM_PATHNAME) == 0)
            return TRUE;
    return FALSE;
}

/* ---- by its number ---- */

char *
sysfs_node(dev_t device)
{
    g_autofree char *folder = sysfs_folder(device);
    return folder != NULL ? sysfs_node_of(folder) : NULL;
}

/* The folder of the whole disk; caller frees. */
static char *
disk_folder(dev_t device)
{
    g_autofree char *folder = sysfs_folder(device);
    return folder != NULL && has(folder, "partition") ? g_path_get_dirname(folder)
                                                      : g_steal_pointer(&folder);
}

dev_t
sysfs_disk(dev_t device)
{
    g_autofree char *folder = disk_folder(device);
    g_autofree char *number = folder != NULL ? sysfs_attribute(folder, "dev") : NULL;
    unsigned int first, second;
    return number != NULL && sscanf(number, "%u:%u", &first, &second) == 2 ? makedev(first, second)
                                                                           : device;
}

char *
sysfs_usb_device(dev_t device)
{
    g_autofree char *folder = disk_folder(device);
    while (folder != NULL && g_str_has_prefix(folder, "/sys/devices/")) {
        if (has(folder, "idVendor") && has(folder, "remove"))
            return g_steal_pointer(&folder);
        g_autofree char *above = g_path_get_dirname(folder);
        g_free(folder);
        folder = g_steal_pointer(&above);
    }
    return NULL;
}

gboolean
sysfs_is_drive(dev_t device, const char *const *patterns)
{
    g_autofree char *node = sysfs_node(device), *whole = disk_folder(device);
    return node != NULL && whole != NULL &&
           (sysfs_is_listed(node, patterns) || sysfs_is_removable(whole));
}

/* ---- what is mounted ---- */

typedef gboolean (*mount_test)(struct libmnt_fs *mounted, const void *what);

/* The folder of the first mount that is meant; NULL: none. Caller frees. */
static char *
find_mount(mount_test is_meant, const void *what)
{
    struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
    struct libmnt_iter *each = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *mounted;
    char *found = NULL;
    while (table != NULL && found == NULL && mnt_table_next_fs(table, each, &mounted) == 0)
        if (is_meant(mounted, what))
            found = g_strdup(mnt_fs_get_target(mounted));
    mnt_free_iter(each);
    mnt_unref_table(table);
    return found;
}

static gboolean
is_whole_and_writable(struct libmnt_fs *mounted, const void *what)
{
    dev_t device = *(const dev_t *)what;
    return mnt_fs_get_devno(mounted) == device && g_strcmp0(mnt_fs_get_root(mounted), "/") == 0 &&
           mnt_fs_match_options(mounted, "+rw") == 1;
}

char *
sysfs_mount_point(dev_t device)
{
    return find_mount(is_whole_and_writable, &device);
}

static gboolean
is_of_disk(struct libmnt_fs *mounted, const void *what)
{
    return sysfs_disk(mnt_fs_get_devno(mounted)) == *(const dev_t *)what;
}

gboolean
sysfs_is_mounted(dev_t disk)
{
    g_autofree char *place = find_mount(is_of_disk, &disk);
    return place != NULL;
}

static gboolean
is_below(struct libmnt_fs *mounted, const void *what)
{
    g_autofree char *folder = sysfs_folder(mnt_fs_get_devno(mounted));
    g_autofree char *above = g_strconcat(what, "/", NULL);
    return folder != NULL && g_str_has_prefix(folder, above);
}

gboolean
sysfs_is_mounted_below(const char *folder)
{
    g_autofree char *place = find_mount(is_below, folder);
    return place != NULL;
}
