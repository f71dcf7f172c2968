#include "netsvc/failover/link/link_inside.h"
#include "netsvc/failover/link/pair/pair.h"
#include "netsvc/failover/link/tunnel.h"

#include "lib/base/chance.h"
#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/jsontext.h"

#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#define LEAVING_MAX 80 /* at once: a tunnel's connections, and others */

/* ---- who comes in ---- */

static gboolean
judge(void *context, const guint8 pin[IDENTITY_PIN_SIZE])
{
    const struct link *link = context;
    return pairing_whose(&link->pairing, pin) != PAIRING_STRANGER || pair_is_open(link->pair);
}

static void
leaving_gone(void *context, struct session *session, const char *why)
{
    struct link *link = context;
    (void)why;
    g_ptr_array_remove(link->leaving, session);
    session_free(session);
}

void
link_let_leave(struct link *link, struct session *session)
{
    const struct session_ears ears = {.gone = leaving_gone, .context = link};
    if (link->leaving->len >= LEAVING_MAX)
        session_free(g_ptr_array_steal_index(link->leaving, 0));
    session_set_ears(session, &ears);
    g_ptr_array_add(link->leaving, session);
    session_end(session);
}

static void
say_and_leave(struct link *link, struct session *session, enum wire_purpose purpose)
{
    session_greet(session, purpose);
    link_let_leave(link, session);
}

static void
take_peer(struct link *link, struct session *session, guint place)
{
    const struct wire_hello *hello = session_hello(session);
    if (strcmp(hello->id, link->pairing.peer) != 0)
        session_free(session);
    else if (hello->purpose == WIRE_LINK)
        paths_take(link->paths, session, place);
    else if (hello->purpose == WIRE_PROBE)
        say_and_leave(link, session, WIRE_PROBE);
    else
        tunnel_take(link->tunnel, session);
}

static void
on_open(void *context, struct session *session, guint place)
{
    struct link *link = context;
    const enum pairing_whose whose = pairing_whose(&link->pairing, session_pin(session));
    if (session_hello(session)->purpose == WIRE_PAIR || whose == PAIRING_STRANGER)
        pair_take(link->pair, session);
    else if (whose == PAIRING_REVOKED)
        say_and_leave(link, session, WIRE_REVOKED);
    else
        take_peer(link, session, place);
}

/* ---- the sessions ---- */

static void
save_or_tell(struct link *link)
{
    g_autoptr(GError) error = NULL;
    if (!pairing_save(&link->pairing, link->folder, link->identity->id, &error))
        child_alert(link->child, "pairing", "%s", error->message);
    else
        child_alert(link->child, "pairing", "%s", "");
}

static void
on_met(void *context)
{
    struct link *link = context;
    link->since = g_get_real_time() / G_USEC_PER_SEC;
    if (!link->pairing.met) {
        link->pairing.met = TRUE;
        save_or_tell(link);
    }
    link->ears.met(link->ears.context);
}

static void
on_lost(void *context)
{
    struct link *link = context;
    link->since = g_get_real_time() / G_USEC_PER_SEC;
    tunnel_cut(link->tunnel);
    link->ears.lost(link->ears.context);
}

static void
on_take(void *context, guint8 kind, const guint8 *data, gsize size)
{
    struct link *link = context;
    link->ears.take(link->ears.context, kind, data, size);
}

static void
on_replaced(void *context)
{
    struct link *link = context;
    paths_stop(link->paths);
    link->pairing.replaced = TRUE;
    save_or_tell(link);
    link->ears.forgotten(link->ears.context);
}

static void
start(struct link *link)
{
    paths_stop(link->paths);
    if (*link->pairing.peer != '\0' && !link->pairing.replaced)
        paths_start(link->paths, link->pairing.parity == 0, link->pairing.pin);
}

static void
tell_paired(struct link *link)
{
    const struct pairing *pairing = &link->pairing;
    link->ears.paired(link->ears.context, pairing->cluster, pairing->peer, pairing->parity,
                      pairing->first);
}

static void
on_begin(evutil_socket_t fd, short what, void *context)
{
    struct link *link = context;
    (void)fd;
    (void)what;
    if (link->pairing.replaced)
        link->ears.forgotten(link->ears.context);
    else if (*link->pairing.peer != '\0' && !link->pairing.met)
        tell_paired(link);
    start(link);
}

gboolean
link_pair_with(struct link *link, const struct pairing *pairing, GError **error)
{
    if (!pairing_save(pairing, link->folder, link->identity->id, error))
        return FALSE;
    paths_stop(link->paths);
    link->pairing = *pairing;
    if (*pairing->peer != '\0')
        tell_paired(link);
    else
        link->ears.alone(link->ears.context);
    start(link);
    return TRUE;
}

/* ---- the whole ---- */

static void
set_up_hello(struct link *link)
{
    struct wire_hello *hello = &link->hello;
    g_strlcpy(hello->id, link->identity->id, sizeof hello->id);
    g_strlcpy(hello->name, link->config->node, sizeof hello->name);
    chance_bytes(&hello->incarnation, sizeof hello->incarnation);
}

static gboolean
load(struct link *link, GError **error)
{
    link->folder = file_open_folder(AT_FDCWD, ".", FALSE, error);
    if (link->folder < 0)
        return FALSE;
    link->identity = identity_load(link->folder, error);
    if (link->identity == NULL ||
        !pairing_load(&link->pairing, link->folder, link->identity->id, error))
        return FALSE;
    link->pair = pair_new(link);
    link->tls = tls_new(link->identity, judge, link, error);
    return link->tls != NULL;
}

static void
begin(struct link *link)
{
    const GArray *own = link->config->own->addresses, *other = link->config->other->addresses;
    const struct paths_ears ears = {
        .met = on_met, .lost = on_lost, .take = on_take, .replaced = on_replaced, .context = link};
    set_up_hello(link);
    link->world = (struct session_world){child_events(link->child), link->tls, &link->hello};
    link->paths = paths_new(&link->world, own, other, &ears);
    link->door = door_new(&link->world, child_sockets(link->child), own, other, on_open, link);
    link->tunnel = tunnel_new(link);
    link->begin = evtimer_new(link->world.events, on_begin, link);
    event_active(link->begin, EV_TIMEOUT, 0);
}

struct link *
link_new(struct child *child, const struct link_ears *ears, struct callers *callers, GError **error)
{
    AUTO(link) *link = g_new0(struct link, 1);
    link->child = child;
    link->ears = *ears;
    link->callers = callers;
    link->config = child_config(child);
    link->folder = -1;
    link->leaving = g_ptr_array_new();
    if (!load(link, error))
        return NULL;
    begin(link);
    return g_steal_pointer(&link);
}

void
link_free(struct link *link)
{
    if (link == NULL)
        return;
    if (link->begin != NULL)
        event_free(link->begin);
    tunnel_free(link->tunnel);
    pair_free(link->pair);
    door_free(link->door);
    paths_free(link->paths);
    while (link->leaving->len > 0)
        session_free(g_ptr_array_steal_index_fast(link->leaving, 0));
    g_ptr_array_unref(link->leaving);
    tls_free(link->tls);
    identity_free(link->identity);
    if (link->folder >= 0)
        close(link->folder);
    g_free(link);
}

gboolean
link_send(struct link *link, enum link_kind kind, const void *data, gsize size)
{
    return size <= LINK_FRAME_MAX && paths_send(link->paths, (guint8)kind, data, size);
}

guint
link_paths(const struct link *link)
{
    return paths_count(link->paths);
}

gboolean
link_is_up(const struct link *link)
{
    return paths_are_up(link->paths);
}

gboolean
link_task(struct link *link, const struct child_task *task, gboolean active)
{
    return pair_task(link->pair, task, active);
}

const char *
link_id(const struct link *link)
{
    return link->identity->id;
}

const char *
link_peer(const struct link *link)
{
    return link->pairing.peer;
}

gboolean
link_pair(const struct link *link, const char **cluster, guint32 *parity)
{
    *cluster = link->pairing.cluster;
    *parity = link->pairing.parity;
    return *link->pairing.peer != '\0' && link->pairing.met;
}

/* ---- status ---- */

void
link_append_address(GString *out, const struct config_peer *peer)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getnameinfo((const struct sockaddr *)&peer->address, peer->size, host, sizeof host, port,
                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        g_string_append_printf(out, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
}

static void
append_problem(const struct link *link, GString *text)
{
    const GArray *other = link->config->other->addresses;
    if (link->pairing.replaced)
        g_string_append(text, "the other node has parted from this one: `lifeboat peer forget`, or "
                              "`replace`, was run there");
    for (guint i = 0; !link->pairing.replaced && i < other->len; i++) {
        const char *problem = paths_problem(link->paths, i);
        if (problem == NULL)
            continue;
        g_string_append(text, text->len > 0 ? "; " : "");
        link_append_address(text, &g_array_index(other, struct config_peer, i));
        g_string_append_printf(text, ": %s", problem);
    }
}

void
link_append(const struct link *link, GString *out)
{
    gint64 since;
    const GArray *other = link->config->other->addresses;
    g_autoptr(GString) path = g_string_new(NULL), problem = g_string_new(NULL);
    const int place = paths_place(link->paths, &since);
    if (place >= 0 && (guint)place < other->len)
        link_append_address(path, &g_array_index(other, struct config_peer, (guint)place));
    append_problem(link, problem);
    json_text_member_boolean(out, "paired", *link->pairing.peer != '\0');
    json_text_member_string(out, "peer", link->pairing.peer);
    json_text_member_boolean(out, "connected", link_is_up(link));
    json_text_member_string(out, "path", path->len > 0 ? path->str : NULL);
    json_text_member_time(out, "since", link->since);
    json_text_member_string(out, "problem", problem->len > 0 ? problem->str : NULL);
}
