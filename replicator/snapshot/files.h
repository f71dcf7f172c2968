/*
 * files: the extra files that a snapshot takes along: those named, and all regular files below
 * folders that are named.
 */
#pragma once

#include <glib.h>

#define FILES_MAX 100000 /* regular files taken along at most */

/* Told of a path that cannot be read, and why. */
typedef void (*files_unreadable)(void *context, const char *path, const char *reason);

/* Absolute paths, ascending, each once. What cannot be read is told and left out; symbolic links
 * below a folder are passed over, and so is the folder `store_fd`, for a store is no part of
 * itself. */
GPtrArray *files_list(const char *const *paths, int store_fd, files_unreadable unreadable,
                      void *context, GError **error);

/* SHA-256 of a file's bytes, hex. */
char *files_hash(const char *path, GError **error);
