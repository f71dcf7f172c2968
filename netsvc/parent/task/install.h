/*
 * install: certificates in force as files, for CHT's nginx and others on this node: [cert] install.
 * A new folder beside the old one, and a link that is swapped by a rename: whoever opens the link
 * once and reads through it sees one whole set.
 *
 *     DIR/current → set-20261129T101500Z-3f2a9c1b/ server.pem chain.pem fullchain.pem (0644),
 *                                                   server.key (0600)
 *     DIR/previous → the one before                 for a way back; older ones are removed
 *
 *     install/files   body {"files": {"server.pem": TEXT, …}}   → {"folder": "…", "changed": true}.
 *                     "folder" is null where none is configured. What is there already is not
 *                     written again: "changed" is false then
 *
 * Where DIR is missing it is made, 0755. All is root's, and durable when it is answered.
 */
#pragma once

#include "netsvc/parent/world.h"

void install_do(struct world *world, guint32 handle, const char *what, const char *body,
                gsize size);

/* The work itself: `files` is a JSON object of names and texts. */
gboolean install_set(const char *folder, struct slice files, gboolean *changed, GError **error);
