/* server: one function for each kind of request. */
#include "netsvc/dhcp/serve/server.h"

#include "netsvc/dhcp/serve/book.h"
#include "netsvc/dhcp/serve/reply.h"
#include "netsvc/dhcp/serve/resolvers.h"

#include <string.h>

#define RETRACTED 16  /* addresses: that were offered, and could not be given */
#define LEASE_MIN 120 /* seconds; who asks for less gets this, or what the subnet gives */

struct server {
    const struct config *config;
    const struct clock *clock;
    struct book book;
    struct reply_options *options[CONFIG_SUBNETS_MAX];
    guint32 made_for[CONFIG_SUBNETS_MAX]; /* our address there, when its options were made */
    guint32 retracted[RETRACTED];         /* a ring */
    guint next_retracted;
};

/* A request while it is answered. */
struct asked {
    struct server *server;
    const struct server_link *link;
    const struct packet *packet;
    struct server_reply *reply;
    guint32 *probe;
    gint64 now;
    guint near; /* the subnet that it came from; CHOOSE_NO_SUBNET */
    guint link_subnet;
    struct choose_who who;
    guint8 key[LEASE_KEY_MAX];
    char label[LEASE_NAME_MAX]; /* what the client calls itself */
    const char *wish;           /* what it is to be called; NULL: as it was */
};

/* ---- who and where ---- */

static const struct config_subnet *
subnet_at(const struct server *server, guint place)
{
    return server->config->dhcp.subnets->pdata[place];
}

static guint
subnet_of_link(const struct server *server, const struct server_link *link)
{
    guint place = choose_subnet_of(server->book.choose, link->own);
    for (guint i = 0; place == CHOOSE_NO_SUBNET && link->interface != NULL &&
                      i < server->config->dhcp.subnets->len;
         i++)
        if (g_strcmp0(subnet_at(server, i)->interface, link->interface) == 0)
            place = i;
    return place;
}

/* By what the relay says, else where it came in: RFC 2131 4.3.1, RFC 3527. */
static guint
subnet_near(const struct asked *asked)
{
    guint32 address = asked->packet->giaddr;
    if (address == 0)
        return asked->link_subnet;
    packet_agent_address(asked->packet, PACKET_AGENT_LINK, &address);
    return choose_subnet_of(asked->server->book.choose, address);
}

/* Whether both are on one wire: the same, or of one interface. */
static gboolean
are_together(const struct server *server, guint a, guint b)
{
    if (a == b || a == CHOOSE_NO_SUBNET || b == CHOOSE_NO_SUBNET)
        return a == b;
    const char *interface = subnet_at(server, a)->interface;
    return interface != NULL && g_strcmp0(interface, subnet_at(server, b)->interface) == 0;
}

/* RFC 2131 4.2, RFC 6842 */
static gboolean
read_who(struct asked *asked)
{
    const struct packet *packet = asked->packet;
    struct packet_bytes id = packet->options[PACKET_CLIENT_ID];
    struct choose_who *who = &asked->who;
    if (id.data != NULL) {
        memcpy(asked->key, id.data, id.size);
        who->id = who->key = asked->key;
        who->id_size = who->key_size = id.size;
    } else {
        asked->key[0] = packet->htype;
        memcpy(asked->key + 1, packet->chaddr, packet->hlen);
        who->key = asked->key;
        who->key_size = 1 + (gsize)packet->hlen;
    }
    if (packet->htype == PACKET_ETHERNET)
        who->mac = packet->chaddr;
    struct packet_bytes name = reply_fqdn_name(packet);
    if (name.size > 0)
        names_clean(name.data, name.size, asked->label);
    name = packet->options[PACKET_HOSTNAME];
    if (asked->label[0] == '\0' && name.data != NULL)
        names_clean(name.data, name.size, asked->label);
    who->name = asked->label;
    return who->key_size > 1;
}

static void
know_in(struct asked *asked, guint subnet)
{
    asked->who.subnet = subnet;
    choose_know(asked->server->book.choose, &asked->who);
    const struct config_host *host = asked->who.host;
    gboolean refuses = host == NULL && reply_fqdn_refuses(asked->packet);
    asked->wish = asked->label;
    if (asked->label[0] == '\0')
        asked->wish = host != NULL ? host->name : NULL;
    if (refuses)
        asked->wish = "";
}

/* ---- what we are called ---- */

/* The service address, where it can be reached, so that clients renew with whoever is active. */
static guint32
our_address(const struct asked *asked)
{
    const struct server *server = asked->server;
    guint32 service = server->config->service_address;
    guint place = choose_subnet_of(server->book.choose, service);
    gboolean here = service != 0 && place != CHOOSE_NO_SUBNET &&
                    (place == asked->who.subnet || place == asked->link_subnet);
    return here || asked->link->own == 0 ? service : asked->link->own;
}

static guint32
our_identifier(const struct asked *asked)
{
    guint32 identifier = our_address(asked);
    if (asked->packet->giaddr != 0)
        packet_agent_address(asked->packet, PACKET_AGENT_SERVER, &identifier); /* RFC 5107 */
    return identifier;
}

static gboolean
is_us(const struct asked *asked, guint32 identifier)
{
    return identifier != 0 && (choose_is_ours(asked->server->book.choose, identifier) ||
                               identifier == our_identifier(asked));
}

/* ---- answering ---- */

static void
make_options(struct server *server, guint place, guint32 own)
{
    const struct config_subnet *subnet = subnet_at(server, place);
    g_autoptr(GArray) ours = resolvers_of(server->config, subnet, own);
    reply_options_free(server->options[place]);
    server->options[place] = reply_options_new(subnet, subnet->dns->len > 0 ? subnet->dns : ours);
    server->made_for[place] = own;
}

static const struct reply_options *
options_for(const struct asked *asked)
{
    const guint place = asked->who.subnet;
    if (asked->server->made_for[place] != asked->link->own)
        make_options(asked->server, place, asked->link->own);
    return asked->server->options[place];
}

static enum server_act
answer(struct asked *asked, struct reply_terms *terms, enum server_act act)
{
    terms->request = asked->packet;
    terms->server = our_identifier(asked);
    terms->from = our_address(asked);
    terms->name = terms->name != NULL ? terms->name : "";
    if (terms->type != PACKET_NAK) {
        terms->options = options_for(asked);
        terms->domain = subnet_at(asked->server, asked->who.subnet)->domain;
    }
    reply_write(terms, asked->reply);
    return asked->reply->size > 0 || act == SERVER_COMMIT ? act : SERVER_NOTHING;
}

static enum server_act
refuse(struct asked *asked, const char *why)
{
    struct reply_terms terms = {.type = PACKET_NAK, .message = why};
    enum server_act act = answer(asked, &terms, SERVER_SEND);
    guint32 client = asked->packet->ciaddr;
    guint place = choose_subnet_of(asked->server->book.choose, client);
    if (asked->reply->to == SERVER_TO_ALL && !asked->link->to_all && client != 0 &&
        place != CHOOSE_NO_SUBNET && !are_together(asked->server, place, asked->link_subnet)) {
        asked->reply->to = SERVER_TO_CLIENT; /* it renews from behind a router */
        asked->reply->address = client;
    }
    return act;
}

static guint32
lease_seconds(const struct asked *asked, guint32 address)
{
    const struct config_subnet *subnet = subnet_at(asked->server, asked->who.subnet);
    const struct config_range *pool = config_pool_of(subnet, address);
    const gboolean own = pool != NULL && pool->lease != 0;
    const guint32 usual = own ? pool->lease : subnet->lease;
    const guint32 most = own ? pool->lease : MAX(subnet->lease_max, subnet->lease);
    guint32 seconds = usual;
    packet_seconds(asked->packet, PACKET_LEASE_TIME, &seconds);
    return CLAMP(seconds, MIN(LEASE_MIN, usual), most);
}

/* Whether somebody else might use it, and we can ask by ARP. */
static gboolean
needs_probe(const struct asked *asked, guint32 address, enum choose_verdict verdict)
{
    return verdict == CHOOSE_FREE && asked->server->config->dhcp.probe &&
           are_together(asked->server, asked->who.subnet, asked->link_subnet) &&
           !offers_is_quiet(choose_offers(asked->server->book.choose), address, asked->now);
}

static void
promise(struct asked *asked, guint32 address, gboolean held)
{
    choose_promise(asked->server->book.choose, &asked->who, address,
                   asked->now + SERVER_OFFER_SECONDS, held);
}

/* So long after what the other node knows a client may go on. */
static guint32
brief_seconds(const struct lease *lease, gint64 now, guint32 seconds)
{
    return (guint32)MIN(seconds, MAX(lease->acked, now) + SERVER_MCLT - now);
}

/* The lease of a pair's node that cannot ask the other one is short from the beginning. */
static void
note_terms(struct asked *asked, const struct lease *lease)
{
    asked->reply->lease = lease->address;
    asked->reply->change = lease->version.counter;
    asked->reply->brief = brief_seconds(lease, asked->now, lease->seconds);
    asked->reply->client = asked->who.client;
}

/* As book_bind will know it. */
static guint32
seconds_now(const struct asked *asked, guint32 address)
{
    const struct book *book = &asked->server->book;
    guint32 seconds = lease_seconds(asked, address);
    const struct lease *before = leases_of_address(book->leases, address);
    struct lease lease = {.acked = 0};
    if (!book->paired || book->word)
        return seconds;
    if (before != NULL && before->key_size == asked->who.key_size &&
        memcmp(before->key, asked->who.key, before->key_size) == 0)
        lease.acked = book_acked(book, before);
    return brief_seconds(&lease, asked->now, seconds);
}

static enum server_act
acknowledge(struct asked *asked, guint32 address, gboolean rapid)
{
    struct reply_terms terms = {.type = PACKET_ACK,
                                .yiaddr = address,
                                .seconds = seconds_now(asked, address),
                                .rapid = rapid};
    const struct lease *lease = book_bind(&asked->server->book, &asked->who, address, terms.seconds,
                                          asked->wish, asked->now);
    terms.name = lease->name;
    if (asked->server->book.paired)
        note_terms(asked, lease);
    return answer(asked, &terms, SERVER_COMMIT);
}

static enum server_act
grant(struct asked *asked, guint32 address, enum choose_verdict verdict)
{
    if (!needs_probe(asked, address, verdict))
        return acknowledge(asked, address, FALSE);
    promise(asked, address, TRUE);
    *asked->probe = address;
    return SERVER_HOLD;
}

/* ---- each kind of request ---- */

static enum server_act
take_discover(struct asked *asked)
{
    struct book *book = &asked->server->book;
    guint32 requested = 0;
    enum choose_verdict verdict;
    gboolean tight;
    if (asked->near == CHOOSE_NO_SUBNET)
        return SERVER_NOTHING;
    know_in(asked, asked->near);
    packet_address(asked->packet, PACKET_REQUESTED, &requested);
    guint32 address =
        choose_offer(book->choose, &asked->who, requested, asked->now, &verdict, &tight);
    book_room(book, asked->near, tight);
    if (address == 0)
        return SERVER_NOTHING;
    gboolean probes = needs_probe(asked, address, verdict);
    if (packet_has(asked->packet, PACKET_RAPID_COMMIT) && !probes)
        return acknowledge(asked, address, TRUE);
    promise(asked, address, FALSE);
    struct reply_terms terms = {.type = PACKET_OFFER,
                                .yiaddr = address,
                                .seconds = lease_seconds(asked, address),
                                .name = asked->wish};
    *asked->probe = probes ? address : 0;
    return answer(asked, &terms, probes ? SERVER_PROBE : SERVER_SEND);
}

/* The subnet of an address that a client may have where it is; CHOOSE_NO_SUBNET. */
static guint
subnet_for(const struct asked *asked, guint32 address, gboolean anywhere)
{
    guint place = choose_subnet_of(asked->server->book.choose, address);
    return anywhere || are_together(asked->server, place, asked->near) ? place : CHOOSE_NO_SUBNET;
}

/* Whether the offer that a client chose was ours, of an address that it may not have after all. The
 * two nodes of a pair have one identifier, so it may be the other one's. */
static gboolean
is_own_offer(const struct asked *asked, guint32 address)
{
    const struct offer *offer =
        offers_of_address(choose_offers(asked->server->book.choose), address);
    if (offer != NULL && offer->client == asked->who.client)
        return TRUE;
    for (guint i = 0; i < RETRACTED; i++)
        if (asked->server->retracted[i] == address)
            return TRUE;
    return FALSE;
}

static enum server_act
take_request(struct asked *asked)
{
    const struct packet *packet = asked->packet;
    struct choose *choose = asked->server->book.choose;
    guint32 identifier = 0, address = 0;
    gboolean selecting = packet_address(packet, PACKET_SERVER, &identifier);
    gboolean renews = !selecting && packet->ciaddr != 0;
    if (asked->near == CHOOSE_NO_SUBNET && !renews)
        return SERVER_NOTHING;
    if (asked->near != CHOOSE_NO_SUBNET)
        know_in(asked, asked->near);
    if (selecting && !is_us(asked, identifier)) {
        choose_withdraw(choose, &asked->who);
        return SERVER_NOTHING;
    }
    if (renews || !packet_address(packet, PACKET_REQUESTED, &address))
        address = packet->ciaddr;
    if (address == 0)
        return SERVER_NOTHING;
    gboolean speaks = selecting || asked->server->config->dhcp.authoritative;
    gboolean alone = renews && !asked->link->to_all && packet->giaddr == 0;
    guint place = subnet_for(asked, address, alone);
    if (place == CHOOSE_NO_SUBNET)
        return speaks && asked->near != CHOOSE_NO_SUBNET
                   ? refuse(asked, "that address is of another network")
                   : SERVER_NOTHING;
    know_in(asked, place);
    enum choose_verdict verdict = choose_verdict(choose, &asked->who, address, asked->now);
    if (verdict == CHOOSE_OWN || verdict == CHOOSE_FREE)
        return grant(asked, address, verdict);
    if (!speaks || (verdict == CHOOSE_UNKNOWN && !selecting) ||
        (verdict == CHOOSE_NOT_NOW && !(selecting && is_own_offer(asked, address))))
        return SERVER_NOTHING;
    return refuse(asked, "that address is not this client's");
}

static const struct lease *
own_lease(const struct asked *asked, guint32 address)
{
    const struct lease *lease = leases_of_address(asked->server->book.leases, address);
    return lease != NULL && lease->state == LEASE_LEASED &&
                   lease->key_size == asked->who.key_size &&
                   memcmp(lease->key, asked->who.key, lease->key_size) == 0
               ? lease
               : NULL;
}

static enum server_act
take_decline(struct asked *asked)
{
    struct book *book = &asked->server->book;
    guint32 identifier = 0, address = 0;
    packet_address(asked->packet, PACKET_SERVER, &identifier);
    packet_address(asked->packet, PACKET_REQUESTED, &address);
    guint place = subnet_for(asked, address, FALSE);
    if (place == CHOOSE_NO_SUBNET)
        return SERVER_NOTHING;
    know_in(asked, place);
    const struct offer *offer = offers_of_address(choose_offers(book->choose), address);
    gboolean its =
        own_lease(asked, address) != NULL || (offer != NULL && offer->client == asked->who.client);
    if (!is_us(asked, identifier) || !its)
        return SERVER_NOTHING;
    book_rest(book, address, NULL, asked->now);
    asked->reply->size = 0;
    return SERVER_COMMIT;
}

static enum server_act
take_release(struct asked *asked)
{
    guint32 identifier = 0, address = asked->packet->ciaddr;
    guint place = choose_subnet_of(asked->server->book.choose, address);
    if (place == CHOOSE_NO_SUBNET)
        return SERVER_NOTHING;
    know_in(asked, place);
    const struct lease *lease = own_lease(asked, address);
    if (lease == NULL || !packet_address(asked->packet, PACKET_SERVER, &identifier) ||
        !is_us(asked, identifier))
        return SERVER_NOTHING;
    book_release(&asked->server->book, lease, asked->now);
    asked->reply->size = 0;
    return SERVER_COMMIT;
}

/* Only to one machine of our networks: an answer goes where the request says. */
static enum server_act
take_inform(struct asked *asked)
{
    guint32 address = asked->packet->ciaddr;
    guint place = subnet_for(asked, address, !asked->link->to_all && asked->packet->giaddr == 0);
    if (place == CHOOSE_NO_SUBNET || choose_is_ours(asked->server->book.choose, address))
        return SERVER_NOTHING;
    const struct config_subnet *subnet = subnet_at(asked->server, place);
    if (subnet->prefix < 31 &&
        (address == subnet->network || address == (subnet->network | ~subnet->mask)))
        return SERVER_NOTHING;
    know_in(asked, place);
    const struct lease *lease = own_lease(asked, address);
    struct reply_terms terms = {.type = PACKET_ACK, .name = lease != NULL ? lease->name : ""};
    return answer(asked, &terms, SERVER_SEND);
}

enum server_act
server_take(struct server *server, const struct server_link *link, const struct packet *packet,
            struct server_reply *reply, guint32 *probe)
{
    struct asked asked = {.server = server,
                          .link = link,
                          .packet = packet,
                          .reply = reply,
                          .probe = probe,
                          .now = server->clock->boot(server->clock->context)};
    reply->change = 0;
    if (packet->op != PACKET_REQUEST_OP || packet->type == PACKET_BOOTP || !read_who(&asked))
        return SERVER_NOTHING;
    choose_ours(server->book.choose, link->own);
    asked.link_subnet = subnet_of_link(server, link);
    asked.near = subnet_near(&asked);
    asked.who.subnet = asked.near;
    if (our_address(&asked) == 0)
        return SERVER_NOTHING;
    switch (packet->type) {
    case PACKET_DISCOVER:
        return take_discover(&asked);
    case PACKET_REQUEST:
        return take_request(&asked);
    case PACKET_DECLINE:
        return take_decline(&asked);
    case PACKET_RELEASE:
        return take_release(&asked);
    case PACKET_INFORM:
        return take_inform(&asked);
    default:
        return SERVER_NOTHING;
    }
}

/* ---- probes ---- */

static gboolean
is_mac(const guint8 *mac, const guint8 *other)
{
    return mac != NULL && memcmp(mac, other, CONFIG_MAC_SIZE) == 0;
}

static void
found_used(struct server *server, guint32 address, const guint8 *mac, gint64 now)
{
    struct book *book = &server->book;
    struct offers *offers = choose_offers(book->choose);
    const struct lease *lease = leases_of_address(book->leases, address);
    const struct offer *offer = offers_of_address(offers, address);
    if (offer != NULL && is_mac(mac, offer->mac)) { /* the client has it already */
        offers_set_quiet(offers, address, now + SERVER_QUIET_SECONDS);
        return;
    }
    gboolean its_own = lease != NULL && (lease->mac_size != CONFIG_MAC_SIZE || /* not known */
                                         is_mac(mac, lease->mac));
    if (its_own && offer == NULL)
        return;
    offers_set_quiet(offers, address, 0);
    if (lease != NULL && lease->state == LEASE_LEASED) {
        if (book->ears.conflict != NULL)
            book->ears.conflict(book->ears.context, address, mac);
    } else if (offer != NULL || lease == NULL) {
        book_rest(book, address, mac, now);
    }
}

void
server_probed(struct server *server, guint32 address, gboolean used, const guint8 *mac)
{
    struct choose *choose = server->book.choose;
    gint64 now = server->clock->boot(server->clock->context);
    if (choose_subnet_of(choose, address) == CHOOSE_NO_SUBNET || choose_is_ours(choose, address))
        return;
    if (used)
        found_used(server, address, mac, now);
    else
        offers_set_quiet(choose_offers(choose), address, now + SERVER_QUIET_SECONDS);
}

/* ---- a pair's node ---- */

void
server_join(struct server *server, const struct server_pair *pair)
{
    server->book.pair = pair;
}

void
server_limit(struct server *server, const struct choose_limits *limits, gboolean word)
{
    choose_limit(server->book.choose, limits);
    server->book.paired = limits->paired;
    server->book.word = word;
}

void
server_copy(struct server *server, const struct lease *lease)
{
    book_copy(&server->book, lease);
}

void
server_drop(struct server *server, guint32 address)
{
    book_drop(&server->book, address, FALSE);
}

/* The lease that an ACK tells of, as it was then or renewed since; NULL: it was given up meanwhile.
 */
static const struct lease *
lease_of_reply(const struct server *server, const struct server_reply *reply)
{
    const struct lease *lease = leases_of_address(server->book.leases, reply->lease);
    const struct offers *offers = choose_offers(server->book.choose);
    return lease != NULL && lease->state == LEASE_LEASED &&
                   lease->version.counter >= reply->change &&
                   offers_client(offers, lease->key, lease->key_size) == reply->client
               ? lease
               : NULL;
}

void
server_confirmed(struct server *server, struct server_reply *reply)
{
    const struct lease *lease = lease_of_reply(server, reply);
    if (lease == NULL)
        reply->size = 0;
    if (lease == NULL || !lease->pending)
        return;
    struct lease confirmed = *lease;
    confirmed.pending = FALSE;
    if (confirmed.version.counter == reply->change)
        confirmed.acked = confirmed.until;
    book_copy(&server->book, &confirmed);
}

static void
retract(struct server *server, guint32 address)
{
    server->retracted[server->next_retracted++ % RETRACTED] = address;
    book_drop(&server->book, address, TRUE);
}

void
server_unconfirmed(struct server *server, struct server_reply *reply)
{
    const struct lease *lease = lease_of_reply(server, reply);
    if (lease == NULL || lease->pending) {
        reply->size = 0;
        if (lease != NULL)
            retract(server, reply->lease);
        return;
    }
    reply_shorten(reply, reply->brief);
    if (lease->version.counter != reply->change || lease->seconds <= reply->brief)
        return;
    struct lease brief = *lease;
    brief.until -= lease->seconds - reply->brief;
    brief.seconds = reply->brief;
    book_change(&server->book, &brief);
}

/* ---- life ---- */

gint64
server_expire(struct server *server)
{
    return book_expire(&server->book, server->clock->boot(server->clock->context));
}

struct server *
server_new(const struct config *config, struct leases *leases, struct store *store,
           const struct clock *clock, const struct server_ears *ears)
{
    struct server *server = g_new0(struct server, 1);
    server->config = config;
    server->clock = clock;
    book_open(&server->book, config, leases, store, ears);
    for (guint i = 0; i < config->dhcp.subnets->len && i < CONFIG_SUBNETS_MAX; i++)
        make_options(server, i, 0);
    return server;
}

void
server_free(struct server *server)
{
    if (server == NULL)
        return;
    for (guint i = 0; i < CONFIG_SUBNETS_MAX; i++)
        reply_options_free(server->options[i]);
    book_close(&server->book);
    g_free(server);
}
