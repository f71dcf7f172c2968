/*
 * files: --files DIR, the extra files of a snapshot. An absolute path /srv/cht/.env becomes
 * DIR/srv/cht/.env; nothing is ever written outside of DIR, not even through a symbolic link in it.
 */
#pragma once

#include "restore/run/restore.h"

/* Each file appears whole or not at all, with its mode, and when we are root its owner; one that is
 * there is replaced. *count files were written. */
gboolean files_restore(struct restore *restore, const char *folder, guint64 *count, GError **error);

/* How many there are. */
gboolean files_count(struct restore *restore, guint64 *count, GError **error);
