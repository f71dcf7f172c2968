/*
 * capacity: whether a device holds as much as it claims.
 *
 * Fake drives claim more. What is written beyond their end is dropped, is an error, or lands in
 * front again, since they leave out the upper bits of the address. So blocks that each say where
 * they belong are written all over the device, the last one first, and then read back:
 *
 *     0    b b+2^16 b+2^17  …                    b+2^k                                size
 *     |    ▪▪▪ ▪   ▪    ▪       ▪    ▪    ▪    ▪ ▪    ▪    ▪    ▪    ▪    ▪    ▪    ▪▪|
 *
 * A device that wraps around at a power of two gives the block of b at b + that power; gaps of less
 * than a 32nd of its size are not seen. It destroys what is there.
 */
#pragma once

#include <glib.h>

#define CAPACITY_BLOCK (64 * 1024)           /* bytes written at a place */
#define CAPACITY_ALIGNMENT 4096              /* bytes: of places and buffers */
#define CAPACITY_SIZE_MIN (16 * 1024 * 1024) /* bytes of a device */
#define CAPACITY_SECONDS 60                  /* then the places that are left are passed over */

struct capacity_medium {
    guint64 size; /* bytes that it claims */
    gboolean (*write)(void *context, guint64 offset, const void *data, gsize size, GError **error);
    gboolean (*read)(void *context, guint64 offset, void *data, gsize size, GError **error);
    gboolean (*sync)(void *context, GError **error);       /* what was written is on the medium */
    gint64 (*clock)(void *context);                        /* microseconds */
    void (*count)(void *context, guint done, guint total); /* for people */
    void *context;
};

/* FALSE when it does not, with what seems to be its real size in the error, or could not be told.
 * `name` is for the messages. */
gboolean capacity_check(const struct capacity_medium *medium, const char *name, GError **error);

/* The same of a device that is open with O_RDWR | O_DIRECT: nothing comes from the page cache. */
gboolean capacity_check_device(int fd, guint64 size, const char *name,
                               void (*count)(void *context, guint done, guint total), void *context,
                               GError **error);
