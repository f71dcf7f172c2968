/*
 * sysfs: what the kernel says of a block device, by its number, without opening it: under
 * /sys/dev/block/MAJOR:MINOR (Documentation/ABI/stable/sysfs-block).
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* ---- by a device's folder there, or in a tree that a test made ---- */

/* Where it hangs in the tree of devices; NULL: there is no such device. Caller frees. */
char *sysfs_folder(dev_t device);

/* A file of the folder, without the blanks around its text; NULL if it has none. Caller frees. */
char *sysfs_attribute(const char *folder, const char *name);

/* Its node, as in "/dev/sdb1"; NULL: it does not tell. Caller frees. */
char *sysfs_node_of(const char *folder);

/* Whether a whole disk hangs on USB, or its medium can be taken out. */
gboolean sysfs_is_removable(const char *whole);

/* Whether one of the patterns (ending with NULL) fits a node. */
gboolean sysfs_is_listed(const char *node, const char *const *patterns);

/* ---- by its number ---- */

/* Its node, as in "/dev/sdb1"; NULL: there is no such device. Caller frees. */
char *sysfs_node(dev_t device);

/* The whole disk that it is a partition of, or itself. */
dev_t sysfs_disk(dev_t device);

/* The folder of the USB device that it hangs on, or NULL. Caller frees. */
char *sysfs_usb_device(dev_t device);

/* Whether it may be a drive: it is removable, or listed. */
gboolean sysfs_is_drive(dev_t device, const char *const *patterns);

/* Where it is mounted in our namespace, whole and for writing; NULL: it is not. Caller frees. */
char *sysfs_mount_point(dev_t device);

/* Whether it, or a partition of it, is mounted in our namespace. */
gboolean sysfs_is_mounted(dev_t disk);

/* Whether anything below a device's folder is: a card reader is one USB device with several disks.
 */
gboolean sysfs_is_mounted_below(const char *folder);
