/*
 * tree: files and folders for names that come from a snapshot, whatever they are. Each is one
 * component: percent-encoded, never '.' or '..', and no symbolic link is followed. A name that is
 * too long for a file system, or taken already (two names may be the same where upper and lower
 * case are), becomes `%sha256-HEX`; the index, JSON lines, tells what it stands for.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

/* Opens a folder below, making it if need be; -1 on error. `name` is one component. */
int tree_folder(int parent_fd, const char *name, GError **error);

/* Makes a new file; -1 on error, also when it exists. */
int tree_file(int parent_fd, const char *name, mode_t mode, GError **error);

/* The same for any name; `suffix` stands behind a file's. */
int tree_named_folder(int parent_fd, struct slice name, GString *index, GError **error);
int tree_named_file(int parent_fd, struct slice name, const char *suffix, GString *index,
                    GError **error);

/* Makes a file below folder_fd for a relative path without '..', with its folders. */
int tree_path(int folder_fd, const char *path, mode_t mode, GError **error);
