#include "netsvc/dns/zone/clients.h"

#include <arpa/inet.h>
#include <string.h>

#define TTL_SHARE 3 /* of a lease */

/* One who has a name, or who disputes it: then it is in no zone. */
struct client {
    guint32 address; /* the key of both tables */
    guint32 lifetime;
    guint32 round; /* in which it was told last */
    gboolean has_pointer;
    guint8 name[]; /* as much of a struct name as there is of it */
};

/* Of a struct name, or as much of it as there is. */
static gsize
name_bytes(const void *name)
{
    return offsetof(struct name, wire) + ((const guint8 *)name)[offsetof(struct name, size)];
}

static void
get_name(const struct client *client, struct name *name)
{
    memcpy(name, client->name, name_bytes(client->name));
}

static gboolean
is_same(gconstpointer a, gconstpointer b)
{
    return name_bytes(a) == name_bytes(b) && memcmp(a, b, name_bytes(a)) == 0;
}

static guint
hash_of(gconstpointer key)
{
    struct name name;
    memcpy(&name, key, name_bytes(key));
    return name_hash(&name);
}

struct clients {
    struct zones *zones;
    struct clients_role role;
    GHashTable *by_address; /* address → struct client */
    GHashTable *by_name;    /* its name → the same */
    GHashTable *disputes;   /* address → struct client */
    GHashTable *journals;   /* struct zone → struct journal */
    GArray *later;          /* struct message_name, looked at again at LAST; NULL: no bracket */
    GPtrArray *touched;     /* struct zone, by the batch at hand */
    guint32 round;
};

static void
free_journal(gpointer journal)
{
    journal_free(journal);
}

struct clients *
clients_new(struct zones *zones, const struct clients_role *role)
{
    struct clients *clients = g_new0(struct clients, 1);
    clients->zones = zones;
    clients->role = *role;
    clients->by_address = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    clients->by_name = g_hash_table_new(hash_of, is_same);
    clients->disputes = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    clients->touched = g_ptr_array_new();
    clients->journals = g_hash_table_new_full(NULL, NULL, NULL, free_journal);
    return clients;
}

void
clients_free(struct clients *clients)
{
    if (clients == NULL)
        return;
    g_hash_table_unref(clients->by_name);
    g_hash_table_unref(clients->by_address);
    g_hash_table_unref(clients->disputes);
    g_hash_table_unref(clients->journals);
    g_ptr_array_unref(clients->touched);
    g_clear_pointer(&clients->later, g_array_unref);
    g_free(clients);
}

/* ---- zones ---- */

/* The zone that the name may be set in; NULL: none that is ours to change. */
static struct zone *
zone_of(const struct clients *clients, const struct name *name)
{
    const struct clients_role *role = &clients->role;
    struct name_hashes hashes;
    name_hashes(name, &hashes);
    struct zone *zone = zones_of(clients->zones, name, &hashes, 0);
    if (zone == NULL || zone_is_signed(zone))
        return NULL;
    return role->is_ours == NULL || role->is_ours(role->context, zone) ? zone : NULL;
}

static void
set(struct clients *clients, struct zone *zone, const struct name *owner, guint16 type, guint32 ttl,
    const void *rdata, gsize size)
{
    if (!g_hash_table_contains(clients->journals, zone))
        g_hash_table_insert(clients->journals, zone, journal_new(zone));
    guint32 before = zone_serial(zone);
    zone_set(zone, owner, type, ttl, rdata, size);
    if (zone_serial(zone) != before && !g_ptr_array_find(clients->touched, zone, NULL))
        g_ptr_array_add(clients->touched, zone);
}

/* Whether the zone holds something at the name, or delegates it: then it is not ours to set. */
static gboolean
is_occupied(const struct zone *zone, const struct name *name)
{
    struct name_hashes hashes;
    struct zone_match match;
    name_hashes(name, &hashes);
    switch (zone_find(zone, name, &hashes, &match)) {
    case ZONE_EXACT:
        return match.node->rrsets != NULL;
    case ZONE_CUT:
    case ZONE_DNAME:
        return TRUE;
    default:
        return FALSE;
    }
}

/* Under a wildcard every name is the service's: who calls itself so is not the service. */
static gboolean
is_under_wildcard(const struct zone *zone, const struct name *name)
{
    struct name_hashes hashes;
    struct zone_match match;
    name_hashes(name, &hashes);
    return zone_find(zone, name, &hashes, &match) == ZONE_WILDCARD;
}

/* A reservation's name is there by configuration, with its client's address. */
static gboolean
has_address(const struct zone *zone, const struct name *name, guint32 address)
{
    struct rrset_record record = {0};
    const struct rrset *addresses = zone_rrset(zone, name, TYPE_A);
    guint32 wire = htonl(address);
    while (addresses != NULL && rrset_next(addresses, &record))
        if (memcmp(record.rdata, &wire, sizeof wire) == 0)
            return TRUE;
    return FALSE;
}

/* ---- one client ---- */

static guint32
ttl_of(const struct client *client)
{
    return CLAMP(client->lifetime / TTL_SHARE, 1, CLIENTS_TTL_MAX);
}

static void
set_records(struct clients *clients, struct client *client)
{
    struct name name, reverse;
    guint32 address = htonl(client->address);
    get_name(client, &name);
    struct zone *zone = zone_of(clients, &name);
    set(clients, zone, &name, TYPE_A, ttl_of(client), &address, sizeof address);
    name_reverse4(&reverse, client->address);
    zone = zone_of(clients, &reverse);
    client->has_pointer = zone != NULL && (client->has_pointer || !is_occupied(zone, &reverse));
    if (client->has_pointer)
        set(clients, zone, &reverse, TYPE_PTR, ttl_of(client), name.wire, name.size);
}

static void
clear_records(struct clients *clients, const struct client *client, const struct name *name)
{
    struct name reverse;
    name_reverse4(&reverse, client->address);
    set(clients, zone_of(clients, name), name, TYPE_A, 0, NULL, 0);
    if (client->has_pointer)
        set(clients, zone_of(clients, &reverse), &reverse, TYPE_PTR, 0, NULL, 0);
}

static gboolean take_one(struct clients *clients, const struct message_name *told);

/* Whoever wanted the name that is free now. */
static void
give_over(struct clients *clients, const struct name *name)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, clients->disputes);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct client *client = value;
        if (!is_same(client->name, name))
            continue;
        char text[NAME_TEXT_MAX];
        struct message_name told = {MESSAGE_NAME_SET, client->address, client->lifetime, ""};
        g_strlcpy(told.name, name_text(name, text), sizeof told.name);
        g_hash_table_iter_remove(&iter);
        take_one(clients, &told);
        return;
    }
}

static void
leave(struct clients *clients, struct client *client)
{
    struct name name;
    get_name(client, &name);
    clear_records(clients, client, &name);
    g_hash_table_remove(clients->by_name, &name);
    g_hash_table_remove(clients->by_address, GUINT_TO_POINTER(client->address));
    give_over(clients, &name);
}

/* ---- disputes ---- */

static struct client *
client_new(const struct clients *clients, const struct message_name *told, const struct name *name)
{
    struct client *client = g_malloc0(sizeof *client + name_bytes(name));
    client->address = told->address;
    client->lifetime = told->lifetime;
    client->round = clients->round;
    memcpy(client->name, name, name_bytes(name));
    return client;
}

static void
dispute(struct clients *clients, const struct message_name *told, const struct name *name,
        const char *owner)
{
    char text[NAME_TEXT_MAX];
    gpointer key = GUINT_TO_POINTER(told->address);
    struct in_addr address = {htonl(told->address)};
    const struct client *before = g_hash_table_lookup(clients->disputes, key);
    gboolean is_new = before == NULL || !is_same(before->name, name);
    if (before == NULL && g_hash_table_size(clients->disputes) >= CLIENTS_DISPUTES_MAX)
        return;
    g_hash_table_replace(clients->disputes, key, client_new(clients, told, name));
    if (!is_new || clients->role.tell == NULL)
        return;
    g_autofree char *said =
        g_strdup_printf("the client %s calls itself '%s', which is %s; it gets no name",
                        inet_ntoa(address), name_text(name, text), owner);
    clients->role.tell(clients->role.context, said);
}

/* ---- messages ---- */

/* Whoever was told before the bracket may be gone: what is said of the name waits for its end. */
static gboolean
is_stale(const struct clients *clients, const struct client *client)
{
    return clients->later != NULL && client->round != clients->round;
}

/* Letters, digits and hyphens (RFC 1123, 2.1): no client makes itself a wildcard. */
static gboolean
is_of_a_host(const struct name *name)
{
    const guint8 *label = name->wire + 1;
    guint size = name->wire[0];
    for (guint i = 0; i < size; i++)
        if (!g_ascii_isalnum(label[i]) && (label[i] != '-' || i == 0 || i == size - 1))
            return FALSE;
    return size > 0;
}

/* Names by which machines find what they then obey: a client that has one has all others. */
static gboolean
is_of_power(const struct name *name)
{
    static const char *const names[] = {"wpad", "isatap", "localhost"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (name->wire[0] == strlen(names[i]) &&
            memcmp(name->wire + 1, names[i], name->wire[0]) == 0)
            return TRUE;
    return FALSE;
}

static void
give(struct clients *clients, const struct message_name *told, const struct name *name)
{
    gpointer key = GUINT_TO_POINTER(told->address);
    if (g_hash_table_size(clients->by_address) >= CLIENTS_MAX)
        return;
    struct client *client = client_new(clients, told, name);
    g_hash_table_insert(clients->by_address, key, client);
    g_hash_table_insert(clients->by_name, client->name, client);
    g_hash_table_remove(clients->disputes, key);
    set_records(clients, client);
}

/* FALSE: it waits for the end of the bracket. */
static gboolean
claim(struct clients *clients, const struct message_name *told, const struct name *name)
{
    struct client *holder = g_hash_table_lookup(clients->by_name, name);
    struct zone *zone = zone_of(clients, name);
    char text[INET_ADDRSTRLEN + sizeof "that of "];
    if (zone == NULL || !is_of_a_host(name))
        return TRUE;
    if (holder != NULL && is_stale(clients, holder))
        return FALSE;
    if (is_of_power(name))
        dispute(clients, told, name, "a name that no client may take");
    else if (holder != NULL) {
        struct in_addr address = {htonl(holder->address)};
        g_snprintf(text, sizeof text, "that of %s", inet_ntoa(address));
        dispute(clients, told, name, text);
    } else if (is_under_wildcard(zone, name))
        dispute(clients, told, name, "answered by a wildcard of the configuration");
    else if (!is_occupied(zone, name))
        give(clients, told, name);
    else if (!has_address(zone, name, told->address))
        dispute(clients, told, name, "set by the configuration");
    return TRUE;
}

/* FALSE: it waits for the end of the bracket. */
static gboolean
take_one(struct clients *clients, const struct message_name *told)
{
    gpointer key = GUINT_TO_POINTER(told->address);
    struct client *client = g_hash_table_lookup(clients->by_address, key);
    struct name name;
    if (!name_from_text(&name, told->name))
        return TRUE;
    gboolean same = client != NULL && is_same(client->name, &name);
    if (told->act == MESSAGE_NAME_GONE) {
        g_hash_table_remove(clients->disputes, key);
        if (same)
            leave(clients, client);
        return TRUE;
    }
    if (same) {
        client->lifetime = told->lifetime;
        client->round = clients->round;
        set_records(clients, client);
        return TRUE;
    }
    if (client != NULL)
        leave(clients, client);
    return claim(clients, told, &name);
}

static void
begin_round(struct clients *clients)
{
    clients->round++;
    g_clear_pointer(&clients->later, g_array_unref);
    clients->later = g_array_new(FALSE, FALSE, sizeof(struct message_name));
}

static gboolean
is_of_before(gpointer key, gpointer value, gpointer clients)
{
    (void)key;
    return ((const struct client *)value)->round != ((const struct clients *)clients)->round;
}

static void
end_round(struct clients *clients)
{
    g_autoptr(GArray) later = g_steal_pointer(&clients->later);
    g_autoptr(GPtrArray) gone = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;
    if (later == NULL)
        return;
    g_hash_table_foreach_remove(clients->disputes, is_of_before, clients);
    g_hash_table_iter_init(&iter, clients->by_address);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (is_of_before(NULL, value, clients))
            g_ptr_array_add(gone, value);
    for (guint i = 0; i < gone->len; i++)
        leave(clients, gone->pdata[i]);
    for (guint i = 0; i < later->len; i++)
        take_one(clients, &g_array_index(later, struct message_name, i));
}

static void
act(struct clients *clients, const struct message_name *told)
{
    switch ((enum message_name_act)told->act) {
    case MESSAGE_NAME_SET:
    case MESSAGE_NAME_GONE:
        if (!take_one(clients, told) && clients->later->len < CLIENTS_MAX)
            g_array_append_vals(clients->later, told, 1);
        break;
    case MESSAGE_NAME_FIRST:
        begin_round(clients);
        break;
    case MESSAGE_NAME_LAST:
        end_round(clients);
        break;
    }
}

static void
tell_touched(struct clients *clients)
{
    for (guint i = 0; i < clients->touched->len && clients->role.changed != NULL; i++)
        clients->role.changed(clients->role.context, clients->touched->pdata[i]);
    g_ptr_array_set_size(clients->touched, 0);
}

gboolean
clients_take(struct clients *clients, const void *data, gsize size)
{
    struct message_name told;
    gsize count = size / sizeof told;
    if (size % sizeof told != 0 || count > MESSAGE_NAMES_MAX)
        return FALSE;
    for (gsize i = 0; i < size / sizeof told; i++) {
        memcpy(&told, (const guint8 *)data + i * sizeof told, sizeof told);
        if (told.act > MESSAGE_NAME_LAST || memchr(told.name, 0, sizeof told.name) == NULL)
            break;
        act(clients, &told);
        count--;
    }
    tell_touched(clients);
    return count == 0;
}

guint
clients_count(const struct clients *clients)
{
    return g_hash_table_size(clients->by_address);
}

const struct journal *
clients_journal(const struct clients *clients, const struct zone *zone)
{
    return g_hash_table_lookup(clients->journals, zone);
}
