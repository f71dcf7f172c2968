/* folders: the state folder, and in it one for each child, its own. */
#pragma once

#include "netsvc/config/config.h"

gboolean folders_make(const char *path, GError **error); /* 0755, root's */

/* All that the configuration wants. `tell`: what is amiss with its user is told. */
gboolean folders_make_all(const struct config *config, gboolean tell, GError **error);
