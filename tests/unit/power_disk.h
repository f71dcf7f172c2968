/*
 * power_disk: what a power cut can leave of a folder. The calls that change files are recorded
 * (power_disk.c takes the place of libc's: pwrite, ftruncate, fsync, rename, …), and after each of
 * them the test can have the folder as a cut at that moment may leave it.
 *
 * What counts as durable is no more than POSIX says:
 *     a file's bytes and size     after fsync or fdatasync of it
 *     names                       after fsync of the folder, in the order of the changes
 * Anything else may be there or not; of what is written each sector of 512 bytes by itself, and a
 * file may have its new size without its bytes.
 */
#pragma once

#include "lib/base/cleanup.h"

struct power_disk;

/* `cut` is called after each change, with recording suspended. The folder may have files already;
 * they are durable. */
typedef void (*power_cut)(void *context, struct power_disk *disk);
struct power_disk *power_disk_new(const char *folder, power_cut cut, void *context);
void power_disk_free(struct power_disk *disk);
AUTO_DEFINE(power_disk)

/* The one that records from now on; NULL: none. Gives the one before. */
struct power_disk *power_disk_record(struct power_disk *disk);

enum power_loss {
    POWER_NOTHING_CAME, /* of what was not synced */
    POWER_ALL_CAME,
    POWER_BEGIN_CAME,   /* the first changes, up to one by chance; half of that one */
    POWER_SOME_CAME,    /* each change by chance */
    POWER_SECTORS_CAME, /* each sector of each change by chance */
    POWER_LOSSES,
};

/* Writes into `folder`, which is emptied before. FALSE: there was nothing to lose, and this is what
 * POWER_NOTHING_CAME leaves too. */
gboolean power_disk_state(const struct power_disk *disk, enum power_loss loss, const char *folder);

guint power_disk_changes(const struct power_disk *disk);
