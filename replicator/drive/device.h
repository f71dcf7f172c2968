/*
 * device: a file system on a removable medium, as udev knows it. Nothing of it is read here: what
 * udev has told is all that we know before it is mounted.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "replicator/mounter/message.h"

#include <libudev.h>
#include <sys/types.h>

struct device {
    dev_t number;
    guint64 sequence; /* of its disk, when udev told of it (mounter/meant.h); 0: not known */
    gboolean in_slot; /* a card in a reader: without one, that is still here */
    char *node;       /* "/dev/sdb1" */
    char *type;       /* udev's word for the file system: "vfat" */
    char *filesystem; /* its UUID as udev has it; NULL: it has none */
    char *label;      /* of the file system; NULL: none */
    char *model;      /* "SanDisk Ultra"; NULL: unknown */
    guint64 size;     /* bytes */
};

/* NULL when it is no file system, or none on a drive (sysfs_is_drive). */
struct device *device_new(struct udev_device *udev, guint64 sequence, const char *const *patterns);
void device_free(struct device *device);
AUTO_DEFINE(device)

/* The kind that we can mount. FALSE: none. */
gboolean device_mount_type(const struct device *device, enum message_type *type);
