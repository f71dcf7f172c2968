/*
 * check: a file system that was not unmounted is mended before it is mounted, by its own checker
 * (e2fsck, fsck.fat, fsck.exfat), without a question.
 *
 * A checker parses whatever bytes are on the drive. So it runs as a user who owns nothing, not even
 * our keys: in a folder that holds the device and nothing else, without rights, children of its
 * own, or more memory than CHECK_MEMORY.
 */
#pragma once

#include "replicator/mounter/message.h"

#include <sys/types.h>

#define CHECK_SECONDS 600        /* that it may take; then it is killed */
#define CHECK_MEMORY (1UL << 30) /* bytes */
#define CHECK_USER 65534         /* and group: `nobody`, the kernel's overflow id */

/* What mends a type of file system; NULL: nothing does. */
struct check_tool {
    const char *name, *option;
    const char *package; /* Debian's */
    gboolean claims;     /* the device, for as long as it works on it */
};
const struct check_tool *check_tool(enum message_type type);

/* Looks whether it must be checked, and does so, at the folder where it will be mounted. What came
 * of it is told in `state`, `check` and `salvage` of the reply. What is write-protected or used
 * elsewhere is left alone. */
void check_device(dev_t device, enum message_type type, const char *place,
                  struct message_reply *reply);
