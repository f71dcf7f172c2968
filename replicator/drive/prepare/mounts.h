/* mounts: which places of the tree a block device is mounted at, and whether it is swapped to. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Paths, owned by the array; empty if none. Other mount namespaces are not looked into. NULL with
 * the error. */
GPtrArray *mounts_of(dev_t number, GError **error);
gboolean mounts_has_swap(dev_t number);

/* The same from the text of /proc/self/mountinfo. `source_number` gives the number of the block
 * device that a mount's source names (a btrfs tells no number of its own), 0 for any other. */
GPtrArray *mounts_in(const char *text, dev_t number, dev_t (*source_number)(const char *source));
