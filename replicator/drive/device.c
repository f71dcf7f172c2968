#include "replicator/drive/device.h"

#include "replicator/drive/sysfs.h"

#include <string.h>

#define SECTOR 512 /* bytes: the unit of `size` in sysfs, whatever the disk's own is */

/* A property, made valid UTF-8; NULL when it is absent or empty. Caller frees. */
static char *
property(struct udev_device *udev, const char *name)
{
    const char *text = udev_device_get_property_value(udev, name);
    g_autofree char *valid = text != NULL ? g_utf8_make_valid(text, -1) : NULL;
    return valid != NULL && g_strstrip(valid)[0] != '\0' ? g_steal_pointer(&valid) : NULL;
}

/* udev writes blanks in names as underscores, unless it is asked for the encoded form. */
static char *
model_of(struct udev_device *udev)
{
    g_autofree char *vendor = property(udev, "ID_VENDOR"), *model = property(udev, "ID_MODEL");
    if (model == NULL)
        return NULL;
    char *both = vendor != NULL ? g_strconcat(vendor, " ", model, NULL) : g_strdup(model);
    return g_strdelimit(both, "_", ' ');
}

struct device *
device_new(struct udev_device *udev, guint64 sequence, const char *const *patterns)
{
    const char *node = udev_device_get_devnode(udev);
    const char *usage = udev_device_get_property_value(udev, "ID_FS_USAGE");
    const char *size = udev_device_get_sysattr_value(udev, "size");
    dev_t number = udev_device_get_devnum(udev);
    if (node == NULL || g_strcmp0(usage, "filesystem") != 0 || !sysfs_is_drive(number, patterns))
        return NULL;
    struct device *device = g_new0(struct device, 1);
    device->number = number;
    device->sequence = sequence;
    device->node = g_strdup(node);
    device->type = property(udev, "ID_FS_TYPE");
    device->filesystem = property(udev, "ID_FS_UUID");
    device->label = property(udev, "ID_FS_LABEL");
    device->model = model_of(udev);
    device->size = size != NULL ? g_ascii_strtoull(size, NULL, 10) * SECTOR : 0;
    return device;
}

void
device_free(struct device *device)
{
    if (device == NULL)
        return;
    g_free(device->node);
    g_free(device->type);
    g_free(device->filesystem);
    g_free(device->label);
    g_free(device->model);
    g_free(device);
}

gboolean
device_mount_type(const struct device *device, enum message_type *type)
{
    static const struct {
        const char *name;
        enum message_type type;
    } types[] = {{"ext4", MESSAGE_EXT4}, {"ext3", MESSAGE_EXT4},   {"ext2", MESSAGE_EXT4},
                 {"vfat", MESSAGE_VFAT}, {"exfat", MESSAGE_EXFAT}, {"ntfs", MESSAGE_NTFS}};
    for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
        if (g_strcmp0(device->type, types[i].name) == 0) {
            *type = types[i].type;
            return TRUE;
        }
    }
    return FALSE;
}
