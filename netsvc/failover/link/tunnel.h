/*
 * tunnel: connections to a port of this machine alone come out at the other node's CouchDB, which
 * need not listen beyond its own machine: `[source] url` there.
 *
 *     local program ── 127.0.0.1:7403 ══ a TLS connection each, to the link's port ══ CouchDB
 *
 * Bytes go through as they come, both ways, each end of which may end before the other. Whoever
 * does not read stops whoever sends: TUNNEL_HIGH bytes wait at each place at most. What breaks is
 * reset, never just closed, so that an answer that was cut off is not taken for a whole one. While
 * the other node is away connections are refused at once, and those that are there end with it.
 * Those of users who have no business there are always refused (callers.h).
 */
#pragma once

#include "netsvc/failover/link/link_inside.h"

#define TUNNEL_MAX 64            /* connections at a time, of both directions */
#define TUNNEL_OPENING_MAX 8     /* of this node's that are not through TLS yet; others wait */
#define TUNNEL_HIGH (256 * 1024) /* bytes */

struct tunnel *tunnel_new(struct link *link);
void tunnel_free(struct tunnel *tunnel);

/* The other node's, greeted; it is the tunnel's from now on. */
void tunnel_take(struct tunnel *tunnel, struct session *session);
/* The other node is away. */
void tunnel_cut(struct tunnel *tunnel);
guint tunnel_count(const struct tunnel *tunnel);
