#include "replicator/drive/prepare/settle.h"

#include "lib/base/fail.h"

#include <fcntl.h>
#include <libudev.h>
#include <poll.h>
#include <string.h>

#define UDEV_SOCKET "/run/udev/control"
#define LOOK_AGAIN 500 /* milliseconds; should an announcement be lost */

struct watch {
    struct udev *udev;
    struct udev_monitor *monitor;
};

static void
watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->monitor != NULL)
        udev_monitor_unref(watch->monitor);
    if (watch->udev != NULL)
        udev_unref(watch->udev);
    g_free(watch);
}
AUTO_DEFINE(watch)

static struct watch *
watch_new(void)
{
    AUTO(watch) *watch = g_new0(struct watch, 1);
    watch->udev = udev_new();
    watch->monitor =
        watch->udev != NULL ? udev_monitor_new_from_netlink(watch->udev, "udev") : NULL;
    if (watch->monitor == NULL ||
        udev_monitor_filter_add_match_subsystem_devtype(watch->monitor, "block", NULL) < 0 ||
        udev_monitor_enable_receiving(watch->monitor) < 0)
        return NULL;
    return g_steal_pointer(&watch);
}

/* udev looks at the device again. It does so by itself after a write, but misses those that end
 * while it still looks. */
static void
announce(const struct disk *disk)
{
    g_autofree char *path = g_build_filename(disk->folder, "uevent", NULL);
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "change", strlen("change")) < 0)
        g_debug("'%s' takes no event", path);
}

static gboolean
is_known(const struct watch *watch, const struct disk *disk, const char *uuid)
{
    struct udev_device *device = udev_device_new_from_devnum(watch->udev, 'b', disk->number);
    gboolean known = device != NULL &&
                     g_strcmp0(udev_device_get_property_value(device, "ID_FS_UUID"), uuid) == 0;
    if (device != NULL)
        udev_device_unref(device);
    return known;
}

/* Waits for the next announcement, which may be of any device. */
static void
wait_for_event(const struct watch *watch)
{
    struct pollfd pollfd = {.fd = udev_monitor_get_fd(watch->monitor), .events = POLLIN};
    if (poll(&pollfd, 1, LOOK_AGAIN) <= 0)
        return;
    struct udev_device *device = udev_monitor_receive_device(watch->monitor);
    if (device != NULL)
        udev_device_unref(device);
}

gboolean
settle_wait(const struct disk *disk, const char *uuid, GError **error)
{
    if (access(UDEV_SOCKET, F_OK) != 0)
        return TRUE;
    AUTO(watch) *watch = watch_new();
    if (watch == NULL)
        return fail_set(error, FAIL_FAILED, "cannot hear of udev what becomes of '%s'", disk->path);
    gint64 deadline = g_get_monotonic_time() + SETTLE_SECONDS * G_USEC_PER_SEC;
    announce(disk);
    while (!is_known(watch, disk, uuid)) {
        if (g_get_monotonic_time() > deadline)
            return fail_set(error, FAIL_LATER,
                            "udev does not tell of the new file system on '%s'\nhint: pull it out "
                            "and plug it in again, then: lifeboat drive add %s",
                            disk->path, disk->path);
        wait_for_event(watch);
    }
    return TRUE;
}
