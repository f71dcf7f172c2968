/*
 * link: to the other node. TLS 1.3 both ways with the keys that were pinned when the two were
 * paired: certificates that each node makes for itself, with both EKUs, of which nothing but the
 * key counts, no dates (a dead clock battery must not part the nodes), never the site's CA.
 *
 *     listens at this node's addresses, and calls the other's, all of them, the first first; of two
 *     connections the one that the node with the even parity called stays. Frames: a length, a
 *     kind, bytes. A path that is silent for LINK_SILENT_MS is given up
 *
 *     keys/    this node's key, whose key the other one's is, and TLS with nothing but the two
 *     wire/    one connection: frames, hello, where it comes in
 *     paths    the connections that there are, and which of them is in use
 *     pair/    how two nodes come to know each other
 *     tunnel   connections to a local port of this node come out at the other one's CouchDB, so
 * that CouchDB need not listen beyond its own machine
 */
#pragma once

#include "lib/base/cleanup.h"
#include "netsvc/child/child.h"

#include <event2/event.h>

#define LINK_FRAME_MAX 65536 /* bytes */
#define LINK_SILENT_MS 1000
#define LINK_AGAIN_MS 250 /* between calls that fail */

enum link_kind {
    LINK_PROTOCOL, /* protocol/message.h */
    LINK_RELAY,    /* CHILD\0BYTES: task.h, failover/send */
    LINK_NOTE,     /* one line of JSON: what status tells of the other node */
    LINK_KINDS,
};

struct link_ears {
    void (*met)(void *context);
    void (*lost)(void *context);
    void (*take)(void *context, enum link_kind kind, const void *data, gsize size);
    /* Paired just now, here and there; as protocol_paired has it. */
    /* It comes again, the same, at a start before the two have talked: who ended between the two
     * steps has missed it. */
    void (*paired)(void *context, const char *cluster, const char *peer, guint32 parity,
                   gboolean first);
    void (*alone)(void *context);     /* the operator's forget, which is durable here already */
    void (*forgotten)(void *context); /* the other node revoked this one: forgot or replaced it */
    void *context;
};

struct link;

/* `callers`: who of this machine may use the tunnel (callers.h); NULL: nobody. They stay the
 * caller's.
 *
 * The node's key is made in the current folder (the child's own) where there is none; whom it is
 * paired with stands there, too. From within `begin`. */
struct callers;
struct link *link_new(struct child *child, const struct link_ears *ears, struct callers *callers,
                      GError **error);
void link_free(struct link *link);
AUTO_DEFINE(link)

/* What the other side does not take is kept, up to 8 MB; more is a lost connection. FALSE: there is
 * none, or it is more than LINK_FRAME_MAX. */
gboolean link_send(struct link *link, enum link_kind kind, const void *data, gsize size);
gboolean link_is_up(const struct link *link);
guint link_paths(const struct link *link); /* that work: paths_count */

/* The operator's: failover/pair, failover/replace, failover/forget and what they need
 * (pair/pair.h). FALSE: it is none of these. Answered now or later with child_task_done. `active`:
 * this node is. */
gboolean link_task(struct link *link, const struct child_task *task, gboolean active);

/* Members of an object for status: "paired", "peer", "connected", "path", "since", "problem". */
void link_append(const struct link *link, GString *out);
/* This node's random id, and the other's, "" where it is not paired. */
const char *link_id(const struct link *link);
const char *link_peer(const struct link *link);

/* Whom this node is paired with and has talked to since. FALSE: nobody; or `paired` comes yet. */
gboolean link_pair(const struct link *link, const char **cluster, guint32 *parity);
