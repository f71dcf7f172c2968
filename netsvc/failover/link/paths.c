#include "netsvc/failover/link/paths.h"

#include "netsvc/failover/link/link.h"

#include <string.h>

#define TICK_MS 50
#define TICK_LATE_MS 250    /* the process was kept from running */
#define PATHS_SETTLE_MS 300 /* for a call of this node's own that is under way */

struct path {
    struct paths *paths;
    const struct config_peer *to; /* NULL: the other node has fewer addresses than this one */
    struct session *call;         /* not greeted yet */
    struct session *live;
    guint32 told; /* for how long the other side heard nothing on it, as it said last */
    gint64 next;  /* when to call again */
    char *problem;
};

struct paths {
    const struct session_world *world;
    struct paths_ears ears;
    struct path path[WIRE_PATHS];
    guint n_paths;
    struct path *used; /* NULL: the other node is away */
    gint64 since;
    gboolean runs, even;
    guint8 pin[IDENTITY_PIN_SIZE];
    gboolean overflowed; /* the one in use takes no more */
    struct event *tick;
    gint64 ticked;
};

/* ---- which one is in use ---- */

static gint64
staleness(const struct path *path)
{
    return MAX(session_now() - session_heard(path->live), (gint64)path->told);
}

static void
lose(struct paths *paths)
{
    if (paths->used == NULL)
        return;
    paths->used = NULL;
    paths->overflowed = FALSE;
    paths->ears.lost(paths->ears.context);
}

static void
use(struct paths *paths, struct path *path)
{
    lose(paths);
    paths->used = path;
    paths->since = session_now();
    if (paths->even)
        session_send(path->live, WIRE_USE, NULL, 0);
    paths->ears.met(paths->ears.context);
}

/* Not while another one may take its place at any moment. */
static gboolean
is_good(const struct path *path)
{
    return path->live != NULL && staleness(path) < PATHS_FRESH_MS &&
           (session_is_call(path->live) || path->call == NULL ||
            session_now() - session_since(path->live) >= PATHS_SETTLE_MS);
}

/* The first one that is alive; else none. */
static struct path *
find_best(struct paths *paths)
{
    for (guint i = 0; i < paths->n_paths; i++)
        if (is_good(&paths->path[i]))
            return &paths->path[i];
    return NULL;
}

static void
choose(struct paths *paths)
{
    if (!paths->even || (paths->used != NULL && staleness(paths->used) < PATHS_STALE_MS))
        return;
    struct path *best = find_best(paths);
    if (best != NULL && best != paths->used)
        use(paths, best);
}

static void
drop(struct path *path)
{
    if (path->live == NULL)
        return;
    session_free(path->live);
    path->live = NULL;
    path->next = 0;
    if (path->paths->used == path)
        lose(path->paths);
}

/* ---- a session ---- */

static void
keep_problem(struct path *path, const char *why)
{
    g_free(path->problem);
    path->problem = g_strdup(why);
}

static void
live_take(void *context, struct session *session, guint8 kind, const guint8 *data, gsize size)
{
    struct path *path = context;
    struct paths *paths = path->paths;
    (void)session;
    if (kind < LINK_KINDS) {
        if (paths->used == path)
            paths->ears.take(paths->ears.context, kind, data, size);
    } else if (kind == WIRE_BEAT) {
        if (!wire_read_beat(data, size, &path->told))
            drop(path);
    } else if (kind == WIRE_USE && !paths->even) {
        if (paths->used != path)
            use(paths, path);
    } else {
        keep_problem(path, "it speaks no language of ours");
        drop(path);
    }
}

/* Another one is chosen at the next tick: they may all end at once. */
static void
live_gone(void *context, struct session *session, const char *why)
{
    struct path *path = context;
    (void)session;
    keep_problem(path, why);
    drop(path);
}

static void
not_greeted(void *context, struct session *session)
{
    (void)context;
    (void)session;
}

/* A process that was started anew knows nothing of what was before. */
static void
drop_older(struct paths *paths, guint64 incarnation)
{
    for (guint i = 0; i < paths->n_paths; i++) {
        struct path *path = &paths->path[i];
        if (path->live != NULL && session_hello(path->live)->incarnation != incarnation)
            drop(path);
    }
}

static gboolean
is_by_even(const struct path *path, const struct session *session)
{
    return session_is_call(session) == path->paths->even;
}

/* Both may have called: the even node's call stays, on both sides. But one that is followed by
 * another so late is dead, and the other side knows it already. */
static gboolean
is_double(const struct path *path, const struct session *session)
{
    return path->live != NULL && session_now() - session_since(path->live) < LINK_SILENT_MS &&
           is_by_even(path, path->live) && !is_by_even(path, session);
}

static void
adopt(struct path *path, struct session *session)
{
    const struct session_ears ears = {
        .greeted = not_greeted, .take = live_take, .gone = live_gone, .context = path};
    drop_older(path->paths, session_hello(session)->incarnation);
    if (is_double(path, session)) {
        session_free(session);
        return;
    }
    drop(path);
    path->live = session;
    path->told = 0;
    session_set_ears(session, &ears);
    session_trust(session);
    g_clear_pointer(&path->problem, g_free);
    choose(path->paths);
}

void
paths_take(struct paths *paths, struct session *session, guint place)
{
    if (!paths->runs || paths->n_paths == 0) {
        session_free(session);
        return;
    }
    session_greet(session, WIRE_LINK);
    adopt(&paths->path[MIN(place, paths->n_paths - 1)], session);
}

/* ---- calls ---- */

/* While nodes are paired TLS lets any key through. */
static void
call_greeted(void *context, struct session *session)
{
    struct path *path = context;
    path->call = NULL;
    if (memcmp(session_pin(session), path->paths->pin, IDENTITY_PIN_SIZE) != 0) {
        keep_problem(path, "somebody else answers: its key is not the other node's");
        session_free(session);
        return;
    }
    if (session_hello(session)->purpose != WIRE_REVOKED) {
        adopt(path, session);
        return;
    }
    session_free(session);
    path->paths->ears.replaced(path->paths->ears.context);
}

static void
call_gone(void *context, struct session *session, const char *why)
{
    struct path *path = context;
    session_free(session);
    path->call = NULL;
    keep_problem(path, why);
}

static void
call(struct path *path, gint64 now)
{
    const struct session_ears ears = {.greeted = call_greeted, .gone = call_gone, .context = path};
    path->next = now + LINK_AGAIN_MS;
    path->call = session_call(path->paths->world, path->to, WIRE_LINK, &ears);
}

/* ---- time ---- */

static void
mind(struct path *path, gint64 now)
{
    guint8 beat[WIRE_BEAT_SIZE];
    if (path->live == NULL) {
        if (path->to != NULL && path->call == NULL && now >= path->next)
            call(path, now);
        return;
    }
    if (staleness(path) >= LINK_SILENT_MS) {
        keep_problem(path, "it is silent");
        drop(path);
        return;
    }
    if (now - session_sent(path->live) < PATHS_BEAT_MS)
        return;
    wire_write_beat((guint32)MIN(now - session_heard(path->live), G_MAXINT32), beat);
    if (!session_send(path->live, WIRE_BEAT, beat, sizeof beat))
        drop(path);
}

/* What has come while it did not run is not taken yet: the next tick is soon enough to judge. */
static gboolean
is_late(struct paths *paths, gint64 now)
{
    const gint64 before = paths->ticked;
    paths->ticked = now;
    return now - before > TICK_LATE_MS;
}

static void
on_tick(evutil_socket_t fd, short what, void *context)
{
    struct paths *paths = context;
    const gint64 now = session_now();
    (void)fd;
    (void)what;
    if (is_late(paths, now))
        return;
    if (paths->overflowed && paths->used != NULL)
        drop(paths->used);
    for (guint i = 0; paths->runs && i < paths->n_paths; i++)
        mind(&paths->path[i], now);
    if (paths->runs)
        choose(paths);
}

/* ---- the whole ---- */

struct paths *
paths_new(const struct session_world *world, const GArray *own, const GArray *other,
          const struct paths_ears *ears)
{
    struct paths *paths = g_new0(struct paths, 1);
    paths->world = world;
    paths->ears = *ears;
    paths->n_paths = MIN(MAX(own->len, other->len), WIRE_PATHS);
    for (guint i = 0; i < paths->n_paths; i++) {
        paths->path[i].paths = paths;
        if (i < other->len)
            paths->path[i].to = &g_array_index(other, struct config_peer, i);
    }
    paths->tick = event_new(world->events, -1, EV_PERSIST, on_tick, paths);
    return paths;
}

void
paths_free(struct paths *paths)
{
    if (paths == NULL)
        return;
    for (guint i = 0; i < paths->n_paths; i++) {
        session_free(paths->path[i].call);
        session_free(paths->path[i].live);
        g_free(paths->path[i].problem);
    }
    event_free(paths->tick);
    g_free(paths);
}

void
paths_start(struct paths *paths, gboolean even, const guint8 pin[IDENTITY_PIN_SIZE])
{
    static const struct timeval time = {0, TICK_MS * 1000};
    paths_stop(paths);
    paths->runs = TRUE;
    paths->even = even;
    memcpy(paths->pin, pin, sizeof paths->pin);
    paths->ticked = session_now();
    event_add(paths->tick, &time);
    event_active(paths->tick, EV_TIMEOUT, 0);
}

void
paths_stop(struct paths *paths)
{
    paths->runs = FALSE;
    event_del(paths->tick);
    for (guint i = 0; i < paths->n_paths; i++) {
        struct path *path = &paths->path[i];
        session_free(path->call);
        path->call = NULL;
        drop(path);
        g_clear_pointer(&path->problem, g_free);
    }
}

gboolean
paths_are_up(const struct paths *paths)
{
    return paths->used != NULL;
}

gboolean
paths_send(struct paths *paths, guint8 kind, const void *data, gsize size)
{
    if (paths->used == NULL || paths->overflowed)
        return FALSE;
    paths->overflowed = !session_send(paths->used->live, kind, data, size);
    return !paths->overflowed;
}

int
paths_place(const struct paths *paths, gint64 *since)
{
    *since = paths->since;
    return paths->used == NULL ? -1 : (int)(paths->used - paths->path);
}

guint
paths_count(const struct paths *paths)
{
    guint n = 0;
    for (guint i = 0; i < paths->n_paths; i++)
        n += paths->path[i].live != NULL && staleness(&paths->path[i]) < LINK_SILENT_MS;
    return n;
}

const char *
paths_problem(const struct paths *paths, guint place)
{
    return place < paths->n_paths ? paths->path[place].problem : NULL;
}
