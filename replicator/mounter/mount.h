/* mount: mounting a drive privately, and unmounting it. All return an errno, 0 when done. */
#pragma once

#include "lib/base/account.h"
#include "replicator/mounter/message.h"

#include <sys/types.h>

/* Makes the folder of the mount points, which nobody else may change from then on, and opens it. -1
 * and errno. What the user did to its path harms nothing: all below is reached from here
 * (mount_path). The user may write to the folder that it lies in, but not to those above. */
int mount_open_base(const char *path);

/* The path of an open folder, whatever became of its name; caller frees. */
char *mount_path(int fd);

/* Makes the folder `place`, where there is none. */
int mount_make_place(const char *place);

/* Mounts there, always without set-user-id and symbolic links, and with the flags given. */
int mount_at(const char *source, const char *place, const char *type, unsigned long flags,
             const char *options);

/* Mounts a device there for reading, as root's. */
int mount_to_look(const char *node, const char *place, enum message_type type);

/* Makes the folder `place` and mounts the device of a MESSAGE_MOUNT there; the store in it is then
 * the user's. ENXIO: the device is gone. ESTALE: it is another disk's by now. ENODEV: the kernel
 * does not know the type. */
int mount_device(const struct message_request *request, const char *place,
                 const struct account *account);

/* Unmounts and removes `place`, then has the device write out. ENODEV: the device is gone. */
int unmount_device(dev_t device, const char *place);

/* Unmounts all that is mounted below `base`: what a daemon that died left. Waits some seconds for
 * who still writes there. */
void unmount_leftovers(const char *base);
