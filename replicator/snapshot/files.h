/*
 * files: the extra files that a snapshot takes along: those named, and all regular files below
 * folders that are named.
 */
#pragma once

#include <glib.h>

#define FILES_MAX 100000 /* regular files taken along at most */

/* Absolute paths, ascending, each once. A path that does not exist is an error; symbolic links
 * below a folder are passed over. */
GPtrArray *files_list(const char *const *paths, GError **error);

/* SHA-256 of a file's bytes, hex. */
char *files_hash(const char *path, GError **error);
