#include "netsvc/web/serve/guests.h"

#include <sys/socket.h>

#define RESTS 1000 /* milliseconds without a request, after which one may have to leave */

struct guests {
    GHashTable *all; /* struct bufferevent → struct guest */
    GPtrArray *added;
    gint64 (*milliseconds)(void);
    guint64 last; /* number given */
};

static gint64
system_milliseconds(void)
{
    return g_get_monotonic_time() / 1000;
}

static void
forget(gpointer data)
{
    struct guest *guest = data;
    bufferevent_decref(guest->connection);
    g_free(guest);
}

struct guests *
guests_new(gint64 (*milliseconds)(void))
{
    struct guests *guests = g_new0(struct guests, 1);
    guests->milliseconds = milliseconds != NULL ? milliseconds : system_milliseconds;
    guests->all = g_hash_table_new_full(NULL, NULL, NULL, forget);
    guests->added = g_ptr_array_new();
    return guests;
}

/* ---- the end of one ---- */

void
guests_cut(struct guest *guest)
{
    guest->cut = TRUE;
    shutdown(bufferevent_getfd(guest->connection), SHUT_RDWR);
}

static gboolean
is_gone(gpointer key, gpointer data, gpointer context)
{
    const struct guest *guest = data;
    bufferevent_event_cb event = NULL;
    (void)key;
    (void)context;
    bufferevent_getcb(guest->connection, NULL, NULL, &event, NULL);
    return guest->placed && event == NULL;
}

void
guests_free(struct guests *guests)
{
    GHashTableIter at;
    gpointer guest;
    if (guests == NULL)
        return;
    g_hash_table_iter_init(&at, guests->all);
    while (g_hash_table_iter_next(&at, NULL, &guest))
        guests_cut(guest);
    g_hash_table_unref(guests->all);
    g_ptr_array_unref(guests->added);
    g_free(guests);
}

/* ---- who may stay ---- */

static void
address_of(struct guest *guest)
{
    socklen_t size = sizeof guest->from;
    struct sockaddr_in6 *long_one = (struct sockaddr_in6 *)&guest->from;
    if (getpeername(bufferevent_getfd(guest->connection), (struct sockaddr *)&guest->from, &size) !=
        0)
        guest->from.ss_family = AF_UNSPEC;
    if (guest->from.ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&long_one->sin6_addr))
        return;
    struct sockaddr_in short_one = {.sin_family = AF_INET, .sin_port = long_one->sin6_port};
    memcpy(&short_one.sin_addr, &long_one->sin6_addr.s6_addr[12], sizeof short_one.sin_addr);
    memset(&guest->from, 0, sizeof guest->from);
    memcpy(&guest->from, &short_one, sizeof short_one);
}

static gboolean
is_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return FALSE;
    if (a->ss_family == AF_INET)
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    return a->ss_family != AF_INET6 ||
           IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)a)->sin6_addr,
                              &((const struct sockaddr_in6 *)b)->sin6_addr);
}

struct census {
    guint all, same;
    struct guest *idle, *idle_same; /* that have been idle longest */
};

static struct census
count(const struct guests *guests, const struct guest *newcomer)
{
    struct census census = {0};
    GHashTableIter at;
    gpointer data;
    g_hash_table_iter_init(&at, guests->all);
    while (g_hash_table_iter_next(&at, NULL, &data)) {
        struct guest *guest = data;
        if (guest->cut || !guest->placed)
            continue;
        const gboolean same = newcomer != NULL && is_same(&guest->from, &newcomer->from);
        census.all++;
        census.same += same;
        if (guest->state != GUEST_READS)
            continue;
        if (census.idle == NULL || guest->number < census.idle->number)
            census.idle = guest;
        if (same && (census.idle_same == NULL || guest->number < census.idle_same->number))
            census.idle_same = guest;
    }
    return census;
}

static void
admit(struct guests *guests, struct guest *guest)
{
    const struct census census = count(guests, guest);
    const gint64 now = guests->milliseconds();
    struct guest *leaves = NULL;
    guest->placed = TRUE;
    if (census.same < WEB_SHARE_MAX && census.all < WEB_CLIENTS_MAX)
        return;
    if (census.idle_same != NULL)
        leaves = census.idle_same;
    else if (census.same < WEB_SHARE_MAX && census.idle != NULL &&
             now - census.idle->since >= RESTS)
        leaves = census.idle;
    guests_cut(leaves != NULL ? leaves : guest);
}

void
guests_add(struct guests *guests, struct bufferevent *connection, gboolean tls)
{
    struct guest *guest = g_new0(struct guest, 1);
    bufferevent_incref(connection);
    *guest = (struct guest){.connection = connection, .tls = tls};
    guests_note(guests, guest, GUEST_READS);
    g_hash_table_insert(guests->all, connection, guest);
    g_ptr_array_add(guests->added, guest);
}

void
guests_admit(struct guests *guests)
{
    g_hash_table_foreach_remove(guests->all, is_gone, NULL);
    for (guint i = 0; i < guests->added->len; i++) {
        address_of(guests->added->pdata[i]);
        admit(guests, guests->added->pdata[i]);
    }
    g_ptr_array_set_size(guests->added, 0);
}

/* ---- time ---- */

/* All that are served for `limit` milliseconds already, but for those in that state. */
static void
cut_old(struct guests *guests, enum guest_state spared, gint64 limit)
{
    GHashTableIter at;
    gpointer data;
    const gint64 now = guests->milliseconds();
    g_hash_table_foreach_remove(guests->all, is_gone, NULL);
    g_hash_table_iter_init(&at, guests->all);
    while (g_hash_table_iter_next(&at, NULL, &data)) {
        struct guest *guest = data;
        if (guest->placed && !guest->cut && guest->state != spared && now - guest->since >= limit)
            guests_cut(guest);
    }
}

void
guests_sweep(struct guests *guests)
{
    cut_old(guests, GUEST_WAITS, WEB_SECONDS * 1000);
}

guint
guests_dismiss(struct guests *guests)
{
    cut_old(guests, GUEST_WRITES, RESTS);
    return guests_count(guests);
}

struct guest *
guests_find(struct guests *guests, const struct bufferevent *connection)
{
    return g_hash_table_lookup(guests->all, connection);
}

void
guests_note(struct guests *guests, struct guest *guest, enum guest_state state)
{
    guest->state = state;
    guest->since = guests->milliseconds();
    guest->number = ++guests->last;
}

guint
guests_count(const struct guests *guests)
{
    return count(guests, NULL).all;
}
