/*
 * register: which drives are ours, kept through restarts in one small file in the state folder. A
 * drive is known by two marks, and must bear both: the UUID of its file system, which tells before
 * it is mounted whether it may be, and the id of the store on it.
 */
#pragma once

#include "lib/base/cleanup.h"

#define DRIVE_ID 8 /* digits of the store's id that people use */

struct drive {
    char *store;      /* UUID of its store */
    char *filesystem; /* UUID of its file system, as udev has it */
    char *label;      /* for people */
    gint64 added;     /* seconds since 1970 UTC */
    gboolean in_use;  /* it was mounted, and not unmounted since: it may have been pulled out */
};

struct drives {
    GPtrArray *all; /* struct drive, in the order they were added */
    int folder;
};

/* FAIL_DAMAGED for a file that cannot be read: drives are not to be forgotten silently. */
struct drives *drives_open(const char *folder, GError **error);
void drives_free(struct drives *drives);
AUTO_DEFINE(drives)

/* Makes all changes durable. */
gboolean drives_write(struct drives *drives, GError **error);

/* The drive's first digits, as people type them; caller frees. */
char *drive_id(const struct drive *drive);

struct drive *drives_by_filesystem(const struct drives *drives, const char *filesystem);
struct drive *drives_by_store(const struct drives *drives, const char *store);

/* By a beginning of its store's id (4 digits at least) or its label, which must be one drive's
 * only. NULL with an error that names those there are. */
struct drive *drives_find(const struct drives *drives, const char *name, GError **error);

/* Adds one, or gives the one with that store its new file system and label. */
struct drive *drives_add(struct drives *drives, const char *store, const char *filesystem,
                         const char *label, gint64 now);
void drives_remove(struct drives *drives, struct drive *drive); /* frees it */
