/*
 * file: making things durable, reading them back with a cap, and temporary files that no one can
 * find.
 *
 * One function makes a file durable: temporary name, write, fsync, rename, fsync, fsync of the
 * folder. Whatever interrupts it leaves the old file or the new one; or on FAT, where a file's size
 * and place are part of its folder and come to a new name only when the file is written out again,
 * an empty one.
 */
#pragma once

#include "lib/base/cleanup.h"

/* The path of folder/name for messages; caller frees. */
char *file_path(int folder_fd, const char *name);

/* Writes all of `size` bytes, through EINTR and short writes. `name` is for the message only. */
gboolean file_write(int fd, const void *data, gsize size, const char *name, GError **error);

/* Reads exactly `size` bytes at `offset`; a shorter file is an error that says so. */
gboolean file_read_at(int fd, guint64 offset, void *data, gsize size, const char *name,
                      GError **error);

/* Replaces folder/name durably. `mode` is of the new file. */
gboolean file_replace(int folder_fd, const char *name, const void *data, gsize size, mode_t mode,
                      GError **error);

/* The end of it, for what is written piece by piece: makes the open file folder/temporary durable
 * under its name. A failure may leave the temporary one. */
gboolean file_install(int fd, int folder_fd, const char *temporary, const char *name,
                      GError **error);

/* fsync with the file's name in the error. */
gboolean file_sync(int fd, const char *name, GError **error);

/*
 * Reads a whole small file of at most `cap` bytes into a terminated buffer that the caller frees.
 * file_read takes regular files only: a pipe on a medium must not keep us waiting. file_read_named
 * is for what the operator names, which may be /dev/stdin or <(a pipe).
 */
char *file_read(int folder_fd, const char *name, gsize cap, gsize *size, GError **error);
char *file_read_named(const char *path, gsize cap, gsize *size, GError **error);

/* Whether there is certainly nothing of that name; what cannot be looked at may be there. */
gboolean file_is_absent(int folder_fd, const char *name);

/* The same, or a file without a byte: what a power cut leaves on FAT of one that file_replace had
 * not done with. */
gboolean file_is_unwritten(int folder_fd, const char *name);

/* Opens a folder for the *at functions; -1 on error. With `create`, makes it and its parents
 * durably (mode 0700). */
int file_open_folder(int parent_fd, const char *path, gboolean create, GError **error);

/* Removes folder/name and all below it, never following a symbolic link. Not existing is fine. */
gboolean file_remove_tree(int folder_fd, const char *name, GError **error);

/* An unnamed read-write file in $TMPDIR, else /var/tmp: gone when closed, never on a drive. -1 on
 * error. */
int file_temporary(GError **error);

/* Drops the file's pages from the cache so that the next read comes from the medium (best effort).
 */
void file_forget_cache(int fd);
