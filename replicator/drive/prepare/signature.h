/*
 * signature: what libblkid recognises on a block device: file systems, partition tables, and what
 * else leaves a mark (RAID, LVM, LUKS, swap).
 */
#pragma once

#include "lib/base/cleanup.h"

enum signature_kind {
    SIGNATURE_FILESYSTEM,
    SIGNATURE_TABLE, /* of partitions */
    SIGNATURE_OTHER, /* a member of a RAID or volume group, encrypted, swap */
};

struct signature {
    enum signature_kind kind;
    char *type;  /* in libblkid's words: "ext4", "vfat", "gpt", "crypto_LUKS", "LVM2_member" */
    char *label; /* of a file system; NULL: none */
    char *uuid;  /* likewise */
};

void signature_free(struct signature *signature);
AUTO_DEFINE(signature)

/* All of them, `struct signature`, also those whose checksum is wrong; owned by the array. Damage
 * has no say here: a file system may have lost what makes it one. */
GPtrArray *signature_list(const char *path, GError **error);

/* The file system, where there is one and nothing else but tables: the boot sector of an exfat
 * looks like one. NULL otherwise. */
const struct signature *signature_filesystem(const GPtrArray *list);

/* `ext4 'photos'` or `crypto_LUKS`, fit for a terminal; caller frees. */
char *signature_describe(const struct signature *signature);

/* The table of partitions: number (GUINT_TO_POINTER) → type, in libblkid's words: "0xc", or a GUID.
 * Empty without one. NULL with the error. */
GHashTable *signature_partition_types(const char *path, GError **error);

/* Whether the beginning is what a random generator gives: something is encrypted without saying
 * so. `error` alone may be set. */
gboolean signature_is_random(int fd, const char *path, GError **error);

/* The judgement of it, of 64 KiB and more. */
gboolean signature_bytes_are_random(const guint8 *data, gsize size);

/* Removes them all from a device open for writing, durably. */
gboolean signature_wipe(int fd, const char *path, GError **error);
