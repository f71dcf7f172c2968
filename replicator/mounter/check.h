/*
 * check: a file system that was not unmounted is mended before it is mounted, by its own checker
 * (e2fsck, fsck.fat, fsck.exfat), without a question.
 *
 * A checker parses whatever bytes are on the drive. So it runs as a user who owns nothing, not even
 * our keys: in a folder that holds the device and nothing else, without rights, children of its
 * own, or more memory than CHECK_MEMORY.
 *
 * It may be stopped (SIGTERM). e2fsck then comes to an end by itself; the others end at once. All
 * three take the mark away last, so that it is there still, and the next one begins anew.
 */
#pragma once

#include "replicator/mounter/message.h"

#include <sys/types.h>

#define CHECK_MINUTES 10         /* that it may take; then it is to end */
#define CHECK_GRACE_SECONDS 20   /* that it has to end when it is to; then it is killed */
#define CHECK_MEMORY (1UL << 30) /* bytes */
#define CHECK_USER 65534         /* and group: `nobody`, the kernel's overflow id */

/* What mends a type of file system; NULL: nothing does. */
struct check_tool {
    const char *name, *option;
    const char *package; /* Debian's */
    gboolean claims;     /* the device, for as long as it works on it */
};
const struct check_tool *check_tool(enum message_type type);

struct check {
    dev_t device;
    enum message_type type;
    const char *place; /* where it will be mounted */
    gboolean unmended; /* a check could not mend it before: it is looked at, and not checked */
    int stop;          /* a descriptor: the check is to end as soon as that can be read */
    void (*begins)(void *context); /* it does, after a look at the mark */
    void *context;
};

/* Looks whether it must be checked, and does so. What came of it is told in `state`, `check` and
 * `salvage` of the reply. What is write-protected or used elsewhere is left alone. */
void check_device(const struct check *check, struct message_reply *reply);

/* Whether `stop` can be read. */
gboolean check_is_stopped(int stop);
