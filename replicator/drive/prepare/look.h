/*
 * look: which file systems a drive can have, and whether one is empty.
 *
 * One is looked into without being visible anywhere: mounted read-only, without its journal being
 * replayed, at no place of the tree, and gone when the descriptor is closed.
 */
#pragma once

#include "lib/base/cleanup.h"

#define LOOK_STORE "lifeboat" /* what `found` is where there is a store */

/* Whether libblkid's type is one that a drive can have. */
gboolean look_type_fits(const char *type);

/* FAIL_FAILED when the running kernel cannot mount that type. Loads its module. Needs root. */
gboolean look_kernel_has(const char *type, GError **error);

/*
 * What somebody may miss: *found is the name of a file or folder that systems do not put there by
 * themselves, or NULL. FALSE with the error when it cannot be told. Needs root.
 */
gboolean look_into(const char *device, const char *type, char **found, GError **error);

/* The part of it behind the mount: reads an open folder. */
gboolean look_into_folder(int folder, const char *device, char **found, GError **error);
