/* tool: where the system's programs for administrators lie. */
#pragma once

#include <glib.h>

/* The path of a program such as "mkfs.ext4"; NULL: it is not here. Caller frees. */
char *tool_find(const char *name);
