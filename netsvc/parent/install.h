/*
 * install: certificates in force as files, for CHT's nginx and others on this node: [cert] install.
 * A new folder beside the old one, and a link that is swapped: whoever reads through the link sees
 * one whole set.
 *
 *     DIR/current → set-20261129T101500Z-3f2a/     server.pem chain.pem fullchain.pem (0644),
 *                                                   server.key (0600)
 *     DIR/previous → the one before                 for a way back
 *
 *     install/files   body {"files": {"server.pem": TEXT, …}}   → {"folder": "…", "changed": true}
 */
#pragma once

#include "netsvc/parent/world.h"

void install_do(struct world *world, guint32 handle, const char *what, const char *body,
                gsize size);
