/*
 * configuration: --server-config, the settings that a rebuilt server must share with the lost one
 * so that people stay logged in and CHT can read its vault: the secret, how sessions and passwords
 * are checked, the hashed administrators, and a few limits.
 *
 * Where the server listens and keeps its files is never touched. Its uuid is drawn anew: phones
 * hang their checkpoints on it, and would skip what the restored server does not have any more.
 */
#pragma once

#include "restore/run/restore.h"

/* FAIL_FAILED when the snapshot has no settings, or the target none that can be set. */
gboolean configuration_check(struct restore *restore, GError **error);

/* Refuses an administrator whose password the target could not check. */
gboolean configuration_check_hashes(struct restore *restore, GError **error);

/* Whether the snapshot's settings have that one, which is a limit and will be set. */
gboolean configuration_has(const struct restore *restore, const char *section, const char *key);

/* Limits come before the documents … */
gboolean configuration_set_limits(struct restore *restore, GError **error);

/* … and the rest at the very end, on every node of a cluster, our own account last: with it, the
 * password we are using may change. What an interrupted run left undone is done by the next. */
gboolean configuration_set_rest(struct restore *restore, GError **error);

/* Tells what would be set, and writes nothing. */
gboolean configuration_preview(struct restore *restore, GError **error);
