/* tool: where other programs lie, the system's and our own. */
#pragma once

#include <glib.h>

/* The path of a program for administrators such as "mkfs.ext4"; NULL: not here. Caller frees. */
char *tool_find(const char *name);

/* The path of another program of ours: beside this one, so that a copied tree uses its own parts;
 * in a build tree, in its own folder there; else where it is installed, be it there or not. Caller
 * frees. */
char *tool_ours(const char *name);
