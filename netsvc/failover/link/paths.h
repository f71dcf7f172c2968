/*
 * paths: the sessions of the link itself, at most one for each path: an address of the other node's
 * that this one calls, and the address of its own at the same place in the list, where the other
 * one calls. Both call until there is one; of two the even node's call stays. On each something is
 * sent every PATHS_BEAT_MS, with how long nothing was heard: so both ends know of a cut that is
 * one-way.
 *
 * One of them is in use. Which, the node of even parity decides, and says it with USE: what comes
 * on another counts for nothing. Where the one in use ends, or goes silent while another does not,
 * the two nodes lose each other and meet again on that: what was under way on the old one may be
 * lost, and whoever sends begins anew.
 */
#pragma once

#include "netsvc/failover/link/wire/session.h"

#define PATHS_BEAT_MS 100
#define PATHS_STALE_MS 400 /* another path is better, … */
#define PATHS_FRESH_MS 250 /* … if that is no older */

struct paths_ears {
    void (*met)(void *context);
    void (*lost)(void *context);
    void (*take)(void *context, guint8 kind, const guint8 *data, gsize size);
    void (*replaced)(void *context); /* the other node says so */
    void *context;
};

struct paths;

/* `own`, `other`: struct config_peer; they and the world live as long. */
struct paths *paths_new(const struct session_world *world, const GArray *own, const GArray *other,
                        const struct paths_ears *ears);
void paths_free(struct paths *paths);
AUTO_DEFINE(paths)

/* Calls, and takes sessions, from now on: with whom has that key. `even`: this node decides. */
void paths_start(struct paths *paths, gboolean even, const guint8 pin[IDENTITY_PIN_SIZE]);
void paths_stop(struct paths *paths);

/* Greeted, and from the other node; it is the paths' from now on. `place`: of the address that it
 * called. */
void paths_take(struct paths *paths, struct session *session, guint place);

gboolean paths_are_up(const struct paths *paths);
gboolean paths_send(struct paths *paths, guint8 kind, const void *data, gsize size);

/* The place of the one in use, and since when (session_now). -1: none. */
int paths_place(const struct paths *paths, gint64 *since);
/* On how many the other node was heard in the last LINK_SILENT_MS. */
guint paths_count(const struct paths *paths);
/* Of a path without a session: why the last call failed. NULL: there is one, or no call yet. */
const char *paths_problem(const struct paths *paths, guint place);
