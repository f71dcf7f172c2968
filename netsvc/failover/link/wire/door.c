#include "netsvc/failover/link/wire/door.h"

#include "netsvc/child/child.h"

#include <event2/listener.h>
#include <string.h>
#include <sys/socket.h>

struct entrance {
    struct door *door;
    struct evconnlistener *listener;
    guint place;
};

/* One that waits. */
struct visitor {
    struct door *door;
    struct session *session;
    guint place;
    gboolean known; /* by its address */
};

struct door {
    const struct session_world *world;
    const GArray *other;
    door_open opened;
    void *context;
    GPtrArray *entrances;
    GQueue waiting; /* struct visitor, the oldest first */
};

/* ---- addresses ---- */

static gboolean
is_same_address(const struct sockaddr_storage *a, const struct sockaddr *b, gboolean port)
{
    if (a->ss_family != b->sa_family)
        return FALSE;
    if (b->sa_family == AF_INET) {
        const struct sockaddr_in *x = (const void *)a, *y = (const void *)b;
        return x->sin_addr.s_addr == y->sin_addr.s_addr && (!port || x->sin_port == y->sin_port);
    }
    const struct sockaddr_in6 *x = (const void *)a, *y = (const void *)b;
    return b->sa_family == AF_INET6 &&
           memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0 &&
           (!port || x->sin6_port == y->sin6_port);
}

gboolean
door_knows(const GArray *other, const struct sockaddr_storage *from)
{
    for (guint i = 0; i < other->len; i++)
        if (is_same_address(&g_array_index(other, struct config_peer, i).address,
                            (const struct sockaddr *)from, FALSE))
            return TRUE;
    return FALSE;
}

/* Its place in the list; `none` where it is not in it. */
static guint
find(const GArray *list, const struct sockaddr *address, gboolean port, guint none)
{
    for (guint i = 0; i < list->len; i++)
        if (is_same_address(&g_array_index(list, struct config_peer, i).address, address, port))
            return i;
    return none;
}

/* ---- visitors ---- */

static struct session *
let_go(struct visitor *visitor)
{
    struct session *session = visitor->session;
    g_queue_remove(&visitor->door->waiting, visitor);
    g_free(visitor);
    return session;
}

static void
visitor_gone(void *context, struct session *session, const char *why)
{
    (void)why;
    (void)session;
    session_free(let_go(context));
}

static void
visitor_greeted(void *context, struct session *session)
{
    const struct visitor *visitor = context;
    struct door *door = visitor->door;
    const guint place = visitor->place;
    let_go(context);
    door->opened(door->context, session, place);
}

static void
make_room(struct door *door, gboolean known)
{
    guint n = 0;
    struct visitor *oldest = NULL;
    for (GList *each = door->waiting.tail; each != NULL; each = each->prev)
        if (((struct visitor *)each->data)->known == known) {
            oldest = each->data;
            n++;
        }
    if (n >= (known ? DOOR_KNOWN_MAX : DOOR_STRANGERS_MAX))
        session_free(let_go(oldest));
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int size,
          void *context)
{
    const struct entrance *entrance = context;
    struct door *door = entrance->door;
    struct visitor *visitor = g_new0(struct visitor, 1);
    const struct session_ears ears = {
        .greeted = visitor_greeted, .gone = visitor_gone, .context = visitor};
    (void)listener;
    (void)size;
    visitor->door = door;
    visitor->place = entrance->place;
    visitor->known = find(door->other, from, FALSE, G_MAXUINT) != G_MAXUINT;
    make_room(door, visitor->known);
    visitor->session = session_accept(door->world, fd, &ears);
    g_queue_push_tail(&door->waiting, visitor);
}

/* ---- the whole ---- */

static void
add_entrance(struct door *door, const struct child_socket *socket, const GArray *own)
{
    struct entrance *entrance = g_new0(struct entrance, 1);
    entrance->door = door;
    entrance->place = find(own, (const struct sockaddr *)&socket->what.address, TRUE, 0);
    entrance->listener =
        evconnlistener_new(door->world->events, on_accept, entrance,
                           LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 0, socket->fd);
    if (entrance->listener == NULL)
        g_error("out of memory");
    g_ptr_array_add(door->entrances, entrance);
}

struct door *
door_new(const struct session_world *world, const GArray *sockets, const GArray *own,
         const GArray *other, door_open opened, void *context)
{
    struct door *door = g_new0(struct door, 1);
    door->world = world;
    door->other = other;
    door->opened = opened;
    door->context = context;
    door->entrances = g_ptr_array_new();
    g_queue_init(&door->waiting);
    for (guint i = 0; i < sockets->len; i++) {
        const struct child_socket *socket = &g_array_index(sockets, struct child_socket, i);
        if (socket->what.kind == MESSAGE_LINK)
            add_entrance(door, socket, own);
    }
    return door;
}

void
door_free(struct door *door)
{
    if (door == NULL)
        return;
    for (guint i = 0; i < door->entrances->len; i++) {
        struct entrance *entrance = door->entrances->pdata[i];
        evconnlistener_free(entrance->listener);
        g_free(entrance);
    }
    g_ptr_array_unref(door->entrances);
    while (!g_queue_is_empty(&door->waiting))
        session_free(let_go(g_queue_peek_head(&door->waiting)));
    g_free(door);
}

guint
door_waiting(const struct door *door)
{
    return door->waiting.length;
}
