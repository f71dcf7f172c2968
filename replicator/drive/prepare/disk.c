#include "replicator/drive/prepare/disk.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "replicator/drive/prepare/mounts.h"
#include "replicator/drive/sysfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define SECTOR 512 /* bytes; sysfs counts in these whatever the device's own are */

/* ---- one device ---- */

static gboolean
attribute_is(const char *folder, const char *name, const char *wanted)
{
    g_autofree char *text = sysfs_attribute(folder, name);
    return g_strcmp0(text, wanted) == 0;
}

/* `vendor model`, or the name of a card. */
static char *
model_of(const char *whole)
{
    g_autofree char *vendor = sysfs_attribute(whole, "device/vendor");
    g_autofree char *model = sysfs_attribute(whole, "device/model");
    if (model == NULL)
        model = sysfs_attribute(whole, "device/name");
    if (model == NULL || *model == '\0')
        return NULL;
    /* NVMe and virtio tell the vendor by number */
    if (vendor == NULL || *vendor == '\0' || g_str_has_prefix(vendor, "0x"))
        return g_steal_pointer(&model);
    return g_strdup_printf("%s %s", vendor, model);
}

struct disk *
disk_at(const char *folder, GError **error)
{
    AUTO(disk) *disk = g_new0(struct disk, 1);
    g_autofree char *number = sysfs_attribute(folder, "dev");
    g_autofree char *size = sysfs_attribute(folder, "size");
    g_autofree char *partition = sysfs_attribute(folder, "partition");
    unsigned int major, minor;
    if (number == NULL || size == NULL || sscanf(number, "%u:%u", &major, &minor) != 2) {
        fail_set(error, FAIL_FAILED, "'%s' does not look like a block device", folder);
        return NULL;
    }
    g_autofree char *name = g_path_get_basename(folder);
    disk->path = sysfs_node_of(folder);
    if (disk->path == NULL)
        disk->path = g_build_filename("/dev", name, NULL);
    disk->folder = g_strdup(folder);
    disk->number = makedev(major, minor);
    disk->size = g_ascii_strtoull(size, NULL, 10) * SECTOR;
    disk->partition = partition != NULL ? (guint)g_ascii_strtoull(partition, NULL, 10) : 0;
    disk->whole = disk->partition > 0 ? g_path_get_dirname(folder) : g_strdup(folder);
    disk->model = model_of(disk->whole);
    disk->read_only = attribute_is(folder, "ro", "1");
    disk->removable = sysfs_is_removable(disk->whole);
    return g_steal_pointer(&disk);
}

struct disk *
disk_open(const char *path, GError **error)
{
    struct stat there;
    if (stat(path, &there) != 0) {
        fail_errno(error, errno, "there is no device '%s'", path);
        fail_add_hint(error, "`lsblk` lists what is attached");
        return NULL;
    }
    if (!S_ISBLK(there.st_mode)) {
        fail_set(error, FAIL_USAGE, "'%s' is no block device%s", path,
                 S_ISDIR(there.st_mode)
                     ? "\nhint: a drive is named by its device, such as /dev/sdb1; to keep a store "
                       "in a folder, set `path` in [store] of lifeboat.conf"
                     : "\nhint: `lsblk` lists what is attached");
        return NULL;
    }
    g_autofree char *folder = sysfs_folder(there.st_rdev);
    if (folder == NULL) {
        fail_errno(error, errno, "the kernel does not know device '%s'", path);
        return NULL;
    }
    return disk_at(folder, error);
}

void
disk_free(struct disk *disk)
{
    if (disk == NULL)
        return;
    g_free(disk->path);
    g_free(disk->folder);
    g_free(disk->whole);
    g_free(disk->model);
    g_free(disk);
}

static void
free_element(gpointer disk)
{
    disk_free(disk);
}

static int
by_partition(gconstpointer a, gconstpointer b)
{
    const struct disk *one = *(struct disk *const *)a, *other = *(struct disk *const *)b;
    return (one->partition > other->partition) - (one->partition < other->partition);
}

static GPtrArray *
partitions_in(const char *whole)
{
    GPtrArray *partitions = g_ptr_array_new_with_free_func(free_element);
    g_autoptr(GDir) folder = g_dir_open(whole, 0, NULL);
    for (const char *name; folder != NULL && (name = g_dir_read_name(folder)) != NULL;) {
        g_autofree char *path = g_build_filename(whole, name, NULL);
        g_autofree char *partition = sysfs_attribute(path, "partition");
        struct disk *disk = partition != NULL ? disk_at(path, NULL) : NULL;
        if (disk != NULL)
            g_ptr_array_add(partitions, disk);
    }
    g_ptr_array_sort(partitions, by_partition);
    return partitions;
}

GPtrArray *
disk_partitions(const struct disk *disk)
{
    return partitions_in(disk->folder);
}

char *
disk_describe(const struct disk *disk)
{
    g_autofree char *size = g_format_size(disk->size);
    g_autofree char *model = disk->model != NULL ? log_escape(disk->model) : NULL;
    return g_strdup_printf("%s%s%s", size, model != NULL ? ", " : "", model != NULL ? model : "");
}

/* ---- whether it may be a drive ---- */

gboolean
disk_check_kind(const struct disk *disk, const char *const *patterns, GError **error)
{
    if (disk->removable || sysfs_is_listed(disk->path, patterns))
        return TRUE;
    return fail_set(error, FAIL_USAGE,
                    "'%s' is neither on USB nor removable\nhint: if it is a drive to be taken away "
                    "all the same, list it: `devices = %s` in [drive] of lifeboat.conf",
                    disk->path, disk->path);
}

/* What has put itself on top of the block device: a RAID, LVM, LUKS. */
static gboolean
check_holders(const struct disk *disk, GError **error)
{
    g_autofree char *path = g_build_filename(disk->folder, "holders", NULL);
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *holder = folder != NULL ? g_dir_read_name(folder) : NULL;
    if (holder == NULL)
        return TRUE;
    g_autofree char *device = g_build_filename(path, holder, NULL);
    g_autofree char *name = sysfs_attribute(device, "dm/name");
    return fail_set(error, FAIL_FAILED, "'%s' is in use: '%s' is built on it", disk->path,
                    name != NULL ? name : holder);
}

static gboolean
is_of_system(const char *place)
{
    static const char *const places[] = {"/boot", "/efi", "/etc", "/home", "/usr", "/var"};
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++)
        if (g_str_has_prefix(place, places[i]) &&
            strchr("/", place[strlen(places[i])]) != NULL) /* its end, or a folder in it */
            return TRUE;
    return strcmp(place, "/") == 0;
}

static gboolean
check_mounts(const struct disk *disk, enum disk_strictness strictness, GError **error)
{
    g_autoptr(GPtrArray) places = mounts_of(disk->number, error);
    if (places == NULL)
        return FALSE;
    for (guint i = 0; i < places->len; i++) {
        const char *place = places->pdata[i];
        if (is_of_system(place))
            return fail_set(error, FAIL_FAILED,
                            "'%s' is a disk of this system: '%s' is mounted at '%s'", disk->path,
                            disk->path, place);
        if (strictness == DISK_IDLE)
            return fail_set(error, FAIL_FAILED,
                            "'%s' is in use: it is mounted at '%s'\nhint: umount '%s'", disk->path,
                            place, place);
    }
    if (mounts_has_swap(disk->number))
        return fail_set(error, FAIL_FAILED, "'%s' is in use: this system swaps to it", disk->path);
    return TRUE;
}

gboolean
disk_check_unused(const struct disk *disk, enum disk_strictness strictness, GError **error)
{
    AUTO(disk) *whole = disk_at(disk->whole, error);
    if (whole == NULL || !check_holders(whole, error) || !check_mounts(whole, strictness, error))
        return FALSE;
    g_autoptr(GPtrArray) partitions = partitions_in(disk->whole);
    for (guint i = 0; i < partitions->len; i++)
        if (!check_holders(partitions->pdata[i], error) ||
            !check_mounts(partitions->pdata[i], strictness, error))
            return FALSE;
    return TRUE;
}
