/* privileges: of root's rights the parent keeps those that it needs for sockets and children. */
#pragma once

#include <glib.h>

/* For good, for it and all children. Does nothing for others than root. */
gboolean privileges_limit(GError **error);
