/*
 * dhcp_pair: two DHCP servers of a pair for tests (dhcp_clinic.h), with a link between them that is
 * scripted, and clients who believe what they are told.
 *
 * Time is the LAN's, in milliseconds, and stands until it is moved; the nodes' own clocks are a day
 * apart. What a node sends arrives when the link is run. A client's belief is what counts: an
 * address that two of them believe in is the end of the test.
 */
#pragma once

#include "netsvc/dhcp/packet/dhcp_option.h"
#include "netsvc/dhcp/pair/waits.h"
#include "netsvc/dhcp/pair/wire.h"
#include "tests/unit/dhcp_clinic.h"
#include "tests/unit/scratch.h"

#define CLIENTS 40
#define DAY 86400

struct node {
    struct lan *lan;
    guint place;
    struct clinic *clinic; /* NULL: it is off */
    struct partner *pair;
    struct waits *waits;
    struct task_state state;
    GQueue inbox;  /* GBytes */
    char *path;    /* of its store; NULL: none */
    guint replies; /* that went out */
    guint conflicts;
    gboolean stuck; /* its commits fail */
};

struct belief {
    guint32 address; /* 0: none */
    gint64 until;    /* ms */
    gboolean worded; /* both nodes had it before the client was told */
};

struct lan {
    struct node nodes[2];
    gint64 ms;
    gboolean cut;
    guint loss, twice; /* of a hundred messages */
    struct belief clients[CLIENTS];
    guint nos[CLIENTS]; /* NAKs */
    guint acks;
    gint64 slack; /* ms: a client counts from its request, and nodes in whole seconds */
    struct scratch *scratch;
};

static inline gint64
lan_ms(void *context)
{
    return ((struct node *)context)->lan->ms;
}

/* ---- a node ---- */

static inline gint64
node_now(const struct node *node)
{
    return 1000 + node->place * DAY + node->lan->ms / 1000;
}

static inline void
node_send(void *context, const guint8 *data, gsize size)
{
    struct node *node = context, *other = &node->lan->nodes[1 - node->place];
    struct wire wire;
    const char *why = NULL;
    if (!wire_read(&wire, data, size, &why)) /* what we send, we understand */
        g_error("a message of ours is refused: %s", why);
    wire_clear(&wire);
    if (node->lan->cut || other->clinic == NULL ||
        g_test_rand_int_range(0, 100) < (gint)node->lan->loss)
        return;
    g_queue_push_tail(&other->inbox, g_bytes_new(data, size));
    if (g_test_rand_int_range(0, 100) < (gint)node->lan->twice)
        g_queue_push_tail(&other->inbox, g_bytes_new(data, size));
}

static inline void
node_hear_conflict(void *context, const struct lease *kept, const struct lease *ended)
{
    struct node *node = context;
    g_assert_cmpuint(kept->address, ==, ended->address);
    node->conflicts++;
}

/* ---- what clients believe ---- */

static inline void
lan_believe(struct lan *lan, guint client, guint32 address, guint32 seconds, gboolean worded)
{
    const gint64 until = lan->ms + (gint64)seconds * 1000 - lan->slack;
    for (guint i = 0; i < CLIENTS; i++)
        if (i != client && lan->clients[i].address == address && lan->clients[i].until > lan->ms)
            g_error("%" G_GINT64_FORMAT " ms: address .%u is client %u's and client %u's", lan->ms,
                    address & 0xff, i, client);
    lan->clients[client] = (struct belief){address, until, worded};
    lan->acks++;
}

static inline guint
client_of(const struct packet *packet)
{
    return (guint)packet->chaddr[4] << 8 | packet->chaddr[5];
}

/* An answer reaches its client. */
static inline void
node_reply(void *context, guint link, const struct server_reply *reply)
{
    struct node *node = context;
    struct packet packet;
    const char *why = NULL;
    guint32 seconds = 0;
    (void)link;
    node->replies++;
    if (!packet_parse(&packet, reply->data, reply->size, &why))
        g_error("a reply is refused: %s", why);
    guint client = client_of(&packet);
    g_assert_cmpuint(client, <, CLIENTS);
    if (packet.type == PACKET_NAK) {
        node->lan->clients[client].address = 0;
        node->lan->nos[client]++;
    } else if (packet.type == PACKET_ACK) {
        g_assert_true(packet_seconds(&packet, PACKET_LEASE_TIME, &seconds));
        gboolean worded = reply->change == 0 || partner_has_word(node->pair, reply->change);
        lan_believe(node->lan, client, packet.yiaddr, seconds, worded);
    }
}

static inline void
node_settle(struct node *node)
{
    g_autoptr(GError) error = NULL;
    if (node->stuck)
        return;
    partner_before_commit(node->pair);
    if (node->clinic->store != NULL && !store_commit(node->clinic->store, &error))
        g_error("%s", error->message);
    partner_committed(node->pair);
}

static inline void
node_start(struct node *node)
{
    struct clinic *clinic = clinic_new();
    g_autoptr(GError) error = NULL;
    node->clinic = clinic;
    clinic->now = node_now(node);
    if (node->path != NULL) {
        clinic->store = store_open(node->path, &clinic->clock, clinic->leases, &error);
        g_assert_no_error(error);
    }
    clinic_serve(clinic);
    const struct partner_world world = {clinic->leases, clinic->store, clinic->server,
                                        &clinic->clock, lan_ms,        node};
    const struct partner_ears ears = {node_send, node_hear_conflict, NULL, node};
    node->pair = partner_new(&world, &ears);
    node->waits = waits_new(node->pair, clinic->server, node_reply, node);
    node->state = (struct task_state){.role = TASK_WAIT, .parity = node->place};
}

/* As a power cut does it: what is not committed is gone. */
static inline void
node_stop(struct node *node)
{
    GBytes *message;
    g_clear_pointer(&node->waits, waits_free);
    g_clear_pointer(&node->pair, partner_free);
    g_clear_pointer(&node->clinic, clinic_free);
    while ((message = g_queue_pop_head(&node->inbox)) != NULL)
        g_bytes_unref(message);
}

static inline void
node_tell(struct node *node, guint32 role, guint64 term)
{
    node->state.role = role;
    node->state.term = term;
    partner_role(node->pair, &node->state);
    if (!partner_answers(node->pair))
        waits_drop(node->waits);
    node_settle(node);
}

static inline void
node_tick(struct node *node)
{
    if (node->clinic == NULL)
        return;
    node->clinic->now = node_now(node);
    server_expire(node->clinic->server);
    partner_second(node->pair);
    waits_look(node->waits, node->lan->ms);
    node_settle(node);
}

/* One message of those that are under way. */
static inline gboolean
node_receive(struct node *node)
{
    g_autoptr(GBytes) message = g_queue_pop_head(&node->inbox);
    if (message == NULL || node->clinic == NULL)
        return message != NULL;
    gsize size;
    const guint8 *data = g_bytes_get_data(message, &size);
    node->clinic->now = node_now(node);
    partner_take(node->pair, data, size);
    waits_look(node->waits, node->lan->ms);
    node_settle(node);
    return TRUE;
}

/* ---- the LAN ---- */

static inline struct lan *
lan_new(gboolean stored)
{
    struct lan *lan = g_new0(struct lan, 1);
    lan->scratch = stored ? scratch_new() : NULL;
    for (guint i = 0; i < 2; i++) {
        struct node *node = &lan->nodes[i];
        node->lan = lan;
        node->place = i;
        g_queue_init(&node->inbox);
        if (stored)
            node->path = g_strdup_printf("%s/%u.db", lan->scratch->path, i);
        node_start(node);
    }
    return lan;
}

static inline void
lan_free(struct lan *lan)
{
    for (guint i = 0; i < 2; i++) {
        node_stop(&lan->nodes[i]);
        g_free(lan->nodes[i].path);
    }
    if (lan->scratch != NULL)
        scratch_free(lan->scratch);
    g_free(lan);
}
AUTO_DEFINE(lan)

/* Until nothing is under way any more; it ends, or two nodes talk without end. */
static inline void
lan_run(struct lan *lan)
{
    for (guint i = 0; i < 100000; i++)
        if (!node_receive(&lan->nodes[i & 1]) && g_queue_is_empty(&lan->nodes[1 - (i & 1)].inbox))
            return;
    g_error("two nodes talk without end");
}

static inline void
lan_pass(struct lan *lan, gint64 ms)
{
    lan->ms += ms;
    for (guint i = 0; i < 2; i++)
        node_tick(&lan->nodes[i]);
}

/* Both can talk, or neither hears the other. */
static inline void
lan_link(struct lan *lan, gboolean is)
{
    lan->cut = !is;
    for (guint i = 0; i < 2; i++) {
        struct node *node = &lan->nodes[i];
        GBytes *message;
        while (!is && (message = g_queue_pop_head(&node->inbox)) != NULL)
            g_bytes_unref(message);
        node->state.peer = is && lan->nodes[1 - i].clinic != NULL;
        if (node->clinic != NULL)
            node_tell(node, node->state.role, node->state.term);
    }
}

/* A client's message at one node; what is to wait, waits. The act, NOTHING where it is silent. */
static inline enum server_act
node_ask(struct node *node, const struct wish *wish)
{
    if (node->clinic == NULL || !partner_answers(node->pair))
        return SERVER_NOTHING;
    node->clinic->now = node_now(node);
    enum server_act act = clinic_take(node->clinic, wish);
    if (act == SERVER_SEND)
        node_reply(node, 0, &node->clinic->reply);
    gboolean waits = act == SERVER_COMMIT && node->clinic->reply.size > 0;
    const struct server_reply reply = node->clinic->reply;
    if (waits && reply.change == 0) /* alone */
        node_reply(node, 0, &reply);
    else if (waits && !node->stuck)
        waits_add(node->waits, 0, &reply, node->lan->ms);
    node_settle(node);
    return act;
}

/* What the client was offered there; 0: nothing. */
static inline guint32
node_offer(struct node *node, guint16 client)
{
    enum server_act act =
        node_ask(node, &(struct wish){.type = PACKET_DISCOVER, .client = client, .to_all = TRUE});
    return act == SERVER_SEND ? node->clinic->answer.yiaddr : 0;
}

static inline enum server_act
node_select(struct node *node, guint16 client, guint32 address)
{
    return node_ask(node, &(struct wish){.type = PACKET_REQUEST,
                                         .client = client,
                                         .requested = address,
                                         .server = SERVICE,
                                         .to_all = TRUE});
}

static inline enum server_act
node_renew(struct node *node, guint16 client, guint32 address)
{
    return node_ask(node,
                    &(struct wish){.type = PACKET_REQUEST, .client = client, .ciaddr = address});
}

static inline const struct lease *
node_lease(const struct node *node, guint32 address)
{
    const struct lease *lease = leases_of_address(node->clinic->leases, address);
    return lease != NULL && lease->state == LEASE_LEASED ? lease : NULL;
}
