/* mount: mounting a drive privately, and unmounting it. All return an errno, 0 when done. */
#pragma once

#include "lib/base/account.h"
#include "replicator/mounter/message.h"

#include <sys/types.h>

/* Makes the folder `place` and mounts the device there; the store in it is then the user's. */
int mount_device(dev_t device, enum message_type type, const char *place, gboolean make,
                 const struct account *account);

/* Unmounts and removes `place`, then has the device write out. ENODEV: the device is gone. */
int unmount_device(dev_t device, const char *place);

/* Unmounts all that is mounted below `base`: what a daemon that died left. Waits some seconds for
 * who still writes there. */
void unmount_leftovers(const char *base);
