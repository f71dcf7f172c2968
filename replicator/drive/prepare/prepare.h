/*
 * prepare: makes a medium fit to be a drive, or says why it is none.
 *
 *     DEVICE → is it one to be taken away, and nobody's?
 *       without a format → the file system that is on it, or on its one partition
 *       with a format    → holds it nothing that somebody may miss? → does the operator agree?
 *                        → has it the size that it claims? → wipe → mkfs → udev has seen it
 *
 * Nothing is written before the operator agrees. Runs as root, in a process that ends with it.
 */
#pragma once

#include "replicator/drive/prepare/disk.h"

struct format;

struct prepare {
    const char *device;          /* as the operator named it */
    const char *const *patterns; /* of devices that count as drives; ends with NULL */
    const struct format *format; /* NULL: what is there stays */
    const char *label;           /* of the new file system */
    uid_t user;                  /* who is to own its root folder, */
    gid_t group;                 /* where a file system has owners */

    /* Whether the disk may be erased; FALSE with the error. */
    gboolean (*agree)(void *context, const struct disk *disk, GError **error);
    /* What is done next, or was found, for people. */
    void (*tell)(void *context, const char *sentence);
    /* Of something that takes seconds. */
    void (*count)(void *context, guint done, guint total);
    void *context;
};

/* The path of the device that holds the file system; caller frees. NULL with the error. */
char *prepare_device(const struct prepare *prepare, GError **error);
