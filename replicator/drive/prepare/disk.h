/*
 * disk: a block device as the kernel's sysfs shows it, and what keeps it from becoming a drive.
 *
 *     /sys/dev/block/8:17 → /sys/devices/pci…/usb2/2-1/…/block/sdb/sdb1     its folder
 *                                                        block/sdb           that of the whole disk
 *
 * Nothing is read from the device itself.
 */
#pragma once

#include "lib/base/cleanup.h"

#include <sys/types.h>

struct disk {
    char *path;   /* "/dev/sdb1", no symbolic link */
    char *folder; /* in sysfs */
    char *whole;  /* folder of the whole disk; the same unless this is a partition */
    char *model;  /* "SanDisk Ultra", of the whole disk; NULL: it does not tell */
    dev_t number;
    guint64 size;       /* bytes */
    guint partition;    /* its number; 0: a whole disk */
    gboolean read_only; /* a switch on it, or the kernel after errors */
    gboolean removable; /* by its own word, or since it hangs on USB */
};

/* A device by any path that leads to it; FAIL_USAGE when it is no block device. */
struct disk *disk_open(const char *path, GError **error);

/* A device by its folder in sysfs (or in a tree that a test made). NULL with the error. */
struct disk *disk_at(const char *folder, GError **error);
void disk_free(struct disk *disk);
AUTO_DEFINE(disk)

/* The partitions that the kernel shows of a whole disk, `struct disk`, by number; owned by the
 * array. */
GPtrArray *disk_partitions(const struct disk *disk);

/* `32.0 GB, SanDisk Ultra`, fit for a terminal; caller frees. */
char *disk_describe(const struct disk *disk);

/* FAIL_USAGE unless it is removable, or one of the patterns (ending with NULL) matches its path. */
gboolean disk_check_kind(const struct disk *disk, const char *const *patterns, GError **error);

/* Who has the disk, seen from the whole of it: a partition shares its fate. */
enum disk_strictness {
    DISK_NOT_OURS, /* the system runs from it, or it is part of a RAID, LVM, LUKS, or used as swap
                    */
    DISK_IDLE,     /* the same, or any file system on it is mounted */
};
gboolean disk_check_unused(const struct disk *disk, enum disk_strictness strictness,
                           GError **error);
