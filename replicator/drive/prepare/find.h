/* find: the file system of a device, or of the one partition of a disk that fits, that a drive can
 * have. */
#pragma once

#include "replicator/drive/prepare/disk.h"

/* The device that holds it; *told says what it is: `vfat 'PHOTOS'`. NULL with the error, which says
 * what to type instead. */
struct disk *find_filesystem(const struct disk *disk, char **told, GError **error);
