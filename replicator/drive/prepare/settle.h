/* settle: a new file system is announced, so that whoever watches devices knows of it. */
#pragma once

#include "replicator/drive/prepare/disk.h"

#define SETTLE_SECONDS 15

/* Waits until udev tells this UUID of the device; FAIL_LATER when it does not. Where no udev runs
 * there is nothing to wait for. */
gboolean settle_wait(const struct disk *disk, const char *uuid, GError **error);
