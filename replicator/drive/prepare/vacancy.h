/* vacancy: whether a device holds nothing that somebody may miss. When in doubt it does. */
#pragma once

#include "replicator/drive/prepare/disk.h"

/* FALSE with what was found, and what to type for who is sure all the same. Nothing is written. */
gboolean vacancy_check(const struct disk *disk, GError **error);
