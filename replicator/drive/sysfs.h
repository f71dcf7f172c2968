/*
 * sysfs: what the kernel says of a block device, by its number, without opening it: under
 * /sys/dev/block/MAJOR:MINOR (Documentation/ABI/stable/sysfs-block).
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Its node, as in "/dev/sdb1"; NULL: there is no such device. Caller frees. */
char *sysfs_node(dev_t device);

/* The whole disk that it is a partition of, or itself. */
dev_t sysfs_disk(dev_t device);

/* The folder of the USB device that it hangs on, or NULL. Caller frees. */
char *sysfs_usb_device(dev_t device);

/* Whether it may be a drive: it hangs on USB, its medium can be taken out, or one of the patterns
 * (ending with NULL) fits its node. */
gboolean sysfs_is_drive(dev_t device, const char *const *patterns);

/* Where it is mounted in our namespace, whole and for writing; NULL: it is not. Caller frees. */
char *sysfs_mount_point(dev_t device);

/* Whether it, or a partition of it, is mounted in our namespace. */
gboolean sysfs_is_mounted(dev_t disk);

/* Whether anything below a device's folder is: a card reader is one USB device with several disks.
 */
gboolean sysfs_is_mounted_below(const char *folder);
