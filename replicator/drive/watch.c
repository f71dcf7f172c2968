#include "replicator/drive/watch.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"

#include <errno.h>
#include <sys/stat.h>

#define BUFFER (8 * 1024 * 1024) /* bytes of events that may wait; a hub of sticks has less */

struct watch {
    struct udev *udev;
    struct udev_monitor *monitor;
    struct event *readable;
    const char *const *patterns;
    GHashTable *sequences; /* number of a disk → its sequence number, by udev's last word */
    GHashTable *slots;     /* numbers of disks that were here without a medium */
    struct watch_handler handler;
};

/* The number of the disk that it is, or is a partition of, as a key. */
static gpointer
disk_of(struct udev_device *udev)
{
    struct udev_device *disk =
        udev_device_get_parent_with_subsystem_devtype(udev, "block", "disk"); /* borrowed */
    return GSIZE_TO_POINTER(udev_device_get_devnum(disk != NULL ? disk : udev));
}

/*
 * The sequence number of the disk that udev's word is about, as it was then: what the kernel has
 * now may be another disk's already. Of partitions older kernels (6.1) do not tell it; of their
 * disk they did before. 0: not known.
 */
static guint64
sequence_of(struct watch *watch, struct udev_device *udev)
{
    const char *text = udev_device_get_property_value(udev, "DISKSEQ");
    gpointer number = disk_of(udev);
    if (text == NULL)
        return GPOINTER_TO_SIZE(g_hash_table_lookup(watch->sequences, number));
    gsize sequence = (gsize)g_ascii_strtoull(text, NULL, 10);
    g_hash_table_insert(watch->sequences, number, GSIZE_TO_POINTER(sequence));
    return sequence;
}

/* A reader whose card was taken out is still here, with a size of 0. */
static gboolean
is_empty(struct udev_device *udev)
{
    const char *size = udev_device_get_sysattr_value(udev, "size");
    return size == NULL || g_str_equal(size, "0");
}

static void
note_slot(struct watch *watch, struct udev_device *udev, gboolean removed)
{
    gpointer number = disk_of(udev);
    if (number != GSIZE_TO_POINTER(udev_device_get_devnum(udev)))
        return;
    if (removed)
        g_hash_table_remove(watch->slots, number);
    else if (is_empty(udev))
        g_hash_table_add(watch->slots, number);
}

static struct device *
device_of(struct watch *watch, struct udev_device *udev)
{
    struct device *device = device_new(udev, sequence_of(watch, udev), watch->patterns);
    if (device != NULL)
        device->in_slot = g_hash_table_contains(watch->slots, disk_of(udev));
    return device;
}

static void
take(struct watch *watch, struct udev_device *udev)
{
    void *context = watch->handler.context;
    gboolean removed = g_strcmp0(udev_device_get_action(udev), "remove") == 0;
    note_slot(watch, udev, removed);
    struct device *device = removed ? NULL : device_of(watch, udev);
    if (device != NULL)
        watch->handler.came(context, device);
    else
        watch->handler.left(context, udev_device_get_devnum(udev), removed || is_empty(udev));
}

static void
is_readable(evutil_socket_t fd, short what, void *context)
{
    struct watch *watch = context;
    struct udev_device *udev;
    (void)fd;
    (void)what;
    while ((udev = udev_monitor_receive_device(watch->monitor)) != NULL) {
        take(watch, udev);
        udev_device_unref(udev);
    }
}

static gboolean
listen_to(struct watch *watch, struct event_base *events, GError **error)
{
    watch->udev = udev_new();
    watch->monitor =
        watch->udev != NULL ? udev_monitor_new_from_netlink(watch->udev, "udev") : NULL;
    if (watch->monitor == NULL ||
        udev_monitor_filter_add_match_subsystem_devtype(watch->monitor, "block", NULL) < 0 ||
        udev_monitor_enable_receiving(watch->monitor) < 0)
        return fail_set(error, FAIL_FAILED, "udev does not tell of devices here");
    udev_monitor_set_receive_buffer_size(watch->monitor, BUFFER); /* best effort: root's */
    watch->readable = event_new(events, udev_monitor_get_fd(watch->monitor), EV_READ | EV_PERSIST,
                                is_readable, watch);
    event_add(watch->readable, NULL);
    return TRUE;
}

struct watch *
watch_new(struct event_base *events, const char *const *patterns,
          const struct watch_handler *handler, GError **error)
{
    AUTO(watch) *watch = g_new0(struct watch, 1);
    watch->patterns = patterns;
    watch->sequences = g_hash_table_new(NULL, NULL);
    watch->slots = g_hash_table_new(NULL, NULL);
    watch->handler = *handler;
    return listen_to(watch, events, error) ? g_steal_pointer(&watch) : NULL;
}

/* The monitor listens already: nothing comes unseen between the two. */
void
watch_begin(struct watch *watch)
{
    struct udev_enumerate *all = udev_enumerate_new(watch->udev);
    struct udev_list_entry *entry;
    udev_enumerate_add_match_subsystem(all, "block");
    udev_enumerate_scan_devices(all);
    udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(all))
    {
        struct udev_device *udev =
            udev_device_new_from_syspath(watch->udev, udev_list_entry_get_name(entry));
        if (udev == NULL) /* it has left meanwhile */
            continue;
        take(watch, udev);
        udev_device_unref(udev);
    }
    udev_enumerate_unref(all);
}

void
watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    g_clear_pointer(&watch->readable, event_free);
    g_clear_pointer(&watch->monitor, udev_monitor_unref);
    g_clear_pointer(&watch->udev, udev_unref);
    g_hash_table_unref(watch->sequences);
    g_hash_table_unref(watch->slots);
    g_free(watch);
}

struct device *
watch_look_at(struct watch *watch, const char *node, GError **error)
{
    struct stat there;
    if (stat(node, &there) != 0) {
        fail_errno(error, errno, "cannot look at '%s'", node);
        return NULL;
    }
    struct udev_device *udev = S_ISBLK(there.st_mode)
                                   ? udev_device_new_from_devnum(watch->udev, 'b', there.st_rdev)
                                   : NULL;
    if (udev == NULL) {
        fail_set(error, FAIL_USAGE, "'%s' is no disk nor partition", node);
        return NULL;
    }
    struct device *device = device_of(watch, udev);
    if (device == NULL)
        fail_set(error, FAIL_USAGE,
                 "'%s' is no file system on a removable medium\n"
                 "hint: `lsblk --fs` shows what there is",
                 node);
    udev_device_unref(udev);
    return device;
}
