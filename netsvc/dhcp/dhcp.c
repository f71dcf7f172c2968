/*
 * What has come is taken, all that one commit can have of it; the OFFERs among the answers go out
 * at once, the ACKs after the commit. Whatever else changes leases (time, a probe's end) goes the
 * same way: change, then `settle`.
 *
 * Of two nodes (pair/) the ACKs then wait for the other one's word; and the one that is not active
 * takes in what it hears, and says nothing.
 */
#include "netsvc/dhcp/dhcp.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/clock_floor.h"
#include "netsvc/dhcp/link/arp.h"
#include "netsvc/dhcp/link/held.h"
#include "netsvc/dhcp/link/link.h"
#include "netsvc/dhcp/link/rivals.h"
#include "netsvc/dhcp/link/sightings.h"
#include "netsvc/dhcp/link/sweep.h"
#include "netsvc/dhcp/pair/waits.h"
#include "netsvc/dhcp/tell/answers.h"
#include "netsvc/dhcp/tell/bound.h"
#include "netsvc/dhcp/tell/naming.h"

#include <errno.h>
#include <string.h>

#define STORE "leases.db"
#define RETRY_SECONDS 2      /* to open a store that cannot be opened */
#define SEEN_MS 5000         /* who was seen at an address so lately still uses it */
#define CONFLICT_SECONDS 600 /* that one is told of after it was seen last */
#define ANSWERS_FOR_MANY 3   /* addresses at one MAC */
#define MS_PER_SECOND 1000
#define US_PER_MS 1000

struct waiting {
    guint link;
    struct server_reply reply;
};

struct dhcp {
    struct child *child;
    const struct config *config;
    struct clock clock;
    struct leases *leases;
    struct store *store; /* NULL: it cannot be opened yet, and nothing is taken in */
    struct server *server;
    struct partner *pair; /* NULL: there is one node */
    struct waits *waits;
    struct task_state state;
    gboolean has_state;
    GArray *links; /* struct link */
    struct arp *arp;
    struct held *held;
    struct sweep sweep;
    struct naming *naming;
    struct sightings rivals, conflicts;
    struct event *second, *probes, *words;
    gboolean commit_fails;
    gint64 next_ask, next_open; /* boot clock */
    struct packet packet;       /* large; one at a time is taken */
    struct server_reply reply;
    guint n_waiting;
    struct waiting waiting[LINK_BATCH]; /* for the commit */
};

/* Whether this is the node that answers clients. */
static gboolean
answers(const struct dhcp *dhcp)
{
    return dhcp->pair == NULL || partner_answers(dhcp->pair);
}

static gint64
boot_now(const struct dhcp *dhcp)
{
    return dhcp->clock.boot(dhcp->clock.context);
}

static gint64
ms_now(void)
{
    return g_get_monotonic_time() / US_PER_MS;
}

static const struct link *
link_at(const struct dhcp *dhcp, guint place)
{
    return &g_array_index(dhcp->links, struct link, place);
}

/* ---- what is told ---- */

static void
tell_rival(void *context, const struct sighting *rival, gboolean is)
{
    struct dhcp *dhcp = context;
    char address[INET_ADDRSTRLEN], mac[SIGHTINGS_MAC_TEXT];
    config_address_text(rival->address, address);
    g_autofree char *name = g_strconcat("server ", address, NULL);
    if (!is)
        child_alert(dhcp->child, name, "%s", "");
    else
        child_alert(dhcp->child, name,
                    "another DHCP server, %s (%s), gives out addresses here: switch it off, or "
                    "clients get what it says",
                    address, rival->has_mac ? sightings_mac_text(rival->mac, mac) : "MAC unknown");
}

static void
tell_conflict(void *context, const struct sighting *conflict, gboolean is)
{
    struct dhcp *dhcp = context;
    char address[INET_ADDRSTRLEN], mac[SIGHTINGS_MAC_TEXT];
    config_address_text(conflict->address, address);
    g_autofree char *name = g_strconcat("address ", address, NULL);
    if (!is)
        child_alert(dhcp->child, name, "%s", "");
    else
        child_alert(dhcp->child, name, "address %s is used by %s, whom it was not given to",
                    address,
                    conflict->has_mac ? sightings_mac_text(conflict->mac, mac) : "somebody");
}

/* Who answers for many addresses is a repeater, or a router that does it for others: that is no
 * conflict that people could end. */
static void
hear_conflict(void *context, guint32 address, const guint8 *mac)
{
    struct dhcp *dhcp = context;
    if (mac != NULL && sightings_of_mac(&dhcp->conflicts, address, mac) >= ANSWERS_FOR_MANY)
        return;
    sightings_note(&dhcp->conflicts, address, mac, boot_now(dhcp));
}

static void
hear_exhausted(void *context, const struct config_subnet *subnet, gboolean is)
{
    struct dhcp *dhcp = context;
    g_autofree char *name = g_strconcat("subnet ", subnet->name, NULL);
    if (is)
        child_alert(dhcp->child, name,
                    "no address is left in [subnet %s]: give it a larger pool, or a shorter lease",
                    subnet->name);
    else
        child_alert(dhcp->child, name, "%s", "");
}

static void
hear_name(void *context, const struct lease *lease, const struct config_subnet *subnet,
          gboolean gone)
{
    struct dhcp *dhcp = context;
    naming_add(dhcp->naming, lease, subnet, gone, boot_now(dhcp));
}

/* ---- answers ---- */

static void
send_reply(const struct dhcp *dhcp, guint place, const struct server_reply *reply)
{
    if (reply->size > 0 && !link_send_reply(link_at(dhcp, place), reply))
        log_debug("dhcp: '%s': a reply was not sent: %s", link_at(dhcp, place)->what.interface,
                  g_strerror(errno));
}

static gboolean
commit(struct dhcp *dhcp)
{
    g_autoptr(GError) error = NULL;
    if (dhcp->pair != NULL)
        partner_before_commit(dhcp->pair);
    gboolean done = store_commit(dhcp->store, &error);
    if (!done) {
        g_autofree char *message = fail_message(error->message);
        child_alert(dhcp->child, "leases", "no lease can be given: %s", message);
    } else if (dhcp->commit_fails) {
        child_alert(dhcp->child, "leases", "%s", "");
    }
    dhcp->commit_fails = !done;
    return done;
}

static void watch_probes(struct dhcp *dhcp);
static void watch_words(struct dhcp *dhcp);

static void
send_after_word(void *context, guint link, const struct server_reply *reply)
{
    send_reply(context, link, reply);
}

/* What is committed. */
static void
send_waiting(struct dhcp *dhcp)
{
    for (guint i = 0; i < dhcp->n_waiting; i++) {
        const struct waiting *waiting = &dhcp->waiting[i];
        if (dhcp->pair != NULL && waiting->reply.change != 0)
            waits_add(dhcp->waits, waiting->link, &waiting->reply, ms_now());
        else
            send_reply(dhcp, waiting->link, &waiting->reply);
    }
    if (dhcp->pair == NULL)
        return;
    partner_committed(dhcp->pair);
    watch_words(dhcp);
}

/* What changed is made durable, and then what waits for that goes out. Where it could not be, no
 * one is answered: clients ask again. */
static void
settle(struct dhcp *dhcp)
{
    if (commit(dhcp)) {
        send_waiting(dhcp);
        naming_send(dhcp->naming);
    }
    dhcp->n_waiting = 0;
    store_tidy(dhcp->store);
    watch_probes(dhcp);
}

static void
answer_after_commit(struct dhcp *dhcp, guint link)
{
    if (dhcp->reply.size == 0)
        return;
    if (dhcp->n_waiting == LINK_BATCH)
        settle(dhcp);
    struct waiting *waiting = &dhcp->waiting[dhcp->n_waiting++];
    waiting->link = link;
    waiting->reply = dhcp->reply;
}

/* ---- probes ---- */

/* Where an address can be asked for; -1: nowhere, as behind a relay. */
static int
link_of(const struct dhcp *dhcp, guint32 address)
{
    const struct config_subnet *subnet = config_subnet_of(&dhcp->config->dhcp, address);
    for (guint i = 0; subnet != NULL && i < dhcp->links->len; i++) {
        const struct link *link = link_at(dhcp, i);
        if (link->arp >= 0 && link->frames >= 0 &&
            ((link->what.own & subnet->mask) == subnet->network ||
             g_strcmp0(subnet->interface, link->what.interface) == 0))
            return (int)i;
    }
    return -1;
}

/* FALSE: the answer is known already. */
static gboolean
begin_probe(struct dhcp *dhcp, guint32 address)
{
    guint8 mac[FRAME_MAC];
    int link = dhcp->config->dhcp.probe ? link_of(dhcp, address) : -1;
    sweep_leave(&dhcp->sweep, address);
    if (link < 0) {
        server_probed(dhcp->server, address, FALSE, NULL);
        return FALSE;
    }
    if (arp_seen(dhcp->arp, address, ms_now(), SEEN_MS, mac)) {
        server_probed(dhcp->server, address, TRUE, mac);
        return FALSE;
    }
    arp_probe(dhcp->arp, (guint)link, address, ms_now());
    return TRUE;
}

static void
send_probe(void *context, guint link, guint32 address)
{
    struct dhcp *dhcp = context;
    link_send_probe(link_at(dhcp, link), address);
}

/* ---- requests ---- */

static gboolean
is_other_node(const struct dhcp *dhcp, guint32 address)
{
    const struct config_node *other = dhcp->config->other;
    for (guint i = 0; other != NULL && i < other->addresses->len; i++) {
        const struct sockaddr_in *in =
            (const void *)&g_array_index(other->addresses, struct config_peer, i).address;
        if (in->sin_family == AF_INET && ntohl(in->sin_addr.s_addr) == address)
            return TRUE;
    }
    return FALSE;
}

static void
note_rival(struct dhcp *dhcp, guint32 server)
{
    guint8 mac[FRAME_MAC];
    if (server == 0 || server == dhcp->config->service_address || is_other_node(dhcp, server))
        return;
    for (guint i = 0; i < dhcp->links->len; i++)
        if (link_at(dhcp, i)->what.own == server)
            return;
    gboolean has_mac = arp_seen(dhcp->arp, server, ms_now(), G_MAXINT64, mac);
    sightings_note(&dhcp->rivals, server, has_mac ? mac : NULL, boot_now(dhcp));
}

static gboolean
is_own_question(const struct dhcp *dhcp, const struct packet *packet)
{
    for (guint i = 0; i < dhcp->links->len; i++)
        if (rivals_is_question(packet, link_at(dhcp, i)->what.mac, link_at(dhcp, i)->what.own))
            return TRUE;
    return FALSE;
}

/* `is_again`: it was held until its probe ended. */
static void
take_request(struct dhcp *dhcp, guint place, const struct link_packet *packet, gboolean is_again)
{
    const struct link *link = link_at(dhcp, place);
    const struct server_link from = {.index = link->what.index,
                                     .own = link->what.own,
                                     .interface = link->what.interface,
                                     .to_all = packet->to_all};
    guint32 address = 0;
    switch (server_take(dhcp->server, &from, &dhcp->packet, &dhcp->reply, &address)) {
    case SERVER_NOTHING:
        break;
    case SERVER_SEND:
        send_reply(dhcp, place, &dhcp->reply);
        break;
    case SERVER_COMMIT:
        answer_after_commit(dhcp, place);
        break;
    case SERVER_PROBE:
        send_reply(dhcp, place, &dhcp->reply);
        sweep_wake(&dhcp->sweep, boot_now(dhcp));
        begin_probe(dhcp, address);
        break;
    case SERVER_HOLD:
        if (is_again)
            break;
        if (begin_probe(dhcp, address))
            held_add(dhcp->held, address, place, packet->to_all, packet->data, packet->size);
        else
            take_request(dhcp, place, packet, TRUE);
        break;
    }
}

static void
take_packet(struct dhcp *dhcp, guint place, const struct link_packet *packet, gboolean is_again)
{
    const char *why = NULL;
    if (!packet_parse(&dhcp->packet, packet->data, packet->size, &why)) {
        log_debug("dhcp: '%s': ignoring a packet: %s", link_at(dhcp, place)->what.interface, why);
        return;
    }
    if (is_own_question(dhcp, &dhcp->packet))
        return;
    if (!is_again)
        note_rival(dhcp, rivals_told_by(&dhcp->packet, packet->sender));
    if (dhcp->packet.op == PACKET_REQUEST_OP && answers(dhcp))
        take_request(dhcp, place, packet, is_again);
}

static void
found(void *context, guint32 address, gboolean used, const guint8 *mac)
{
    struct dhcp *dhcp = context;
    struct held_request *held;
    /* Who uses an address that is free is its last client, maybe: only when it is to be given to
     * another does that matter, and then it is asked for again. */
    if (!sweep_leave(&dhcp->sweep, address) || !used)
        server_probed(dhcp->server, address, used, mac);
    while ((held = held_take(dhcp->held, address)) != NULL) {
        const struct link_packet packet = {
            .data = held->data, .size = held->size, .to_all = held->to_all};
        take_packet(dhcp, held->link, &packet, TRUE);
        g_free(held);
    }
}

/* ---- events ---- */

static guint
place_of(const struct dhcp *dhcp, int fd)
{
    for (guint i = 0; i < dhcp->links->len; i++)
        if (link_at(dhcp, i)->udp == fd || link_at(dhcp, i)->arp == fd)
            return i;
    g_assert_not_reached();
}

static void
on_packets(evutil_socket_t fd, short what, void *context)
{
    struct dhcp *dhcp = context;
    struct link_packet packets[LINK_BATCH];
    guint place = place_of(dhcp, fd);
    guint count = link_receive(link_at(dhcp, place), packets);
    (void)what;
    for (guint i = 0; i < count; i++)
        take_packet(dhcp, place, &packets[i], FALSE);
    settle(dhcp);
}

static void
on_arp(evutil_socket_t fd, short what, void *context)
{
    struct dhcp *dhcp = context;
    struct frame_arp frames[LINK_BATCH];
    guint count = link_receive_arp(link_at(dhcp, place_of(dhcp, fd)), frames);
    (void)what;
    for (guint i = 0; i < count; i++) {
        arp_take(dhcp->arp, &frames[i], ms_now());
        const struct lease *lease = leases_of_address(dhcp->leases, frames[i].sender);
        if (lease != NULL && lease->state == LEASE_LEASED && answers(dhcp))
            server_probed(dhcp->server, frames[i].sender, TRUE, frames[i].sender_mac);
    }
    settle(dhcp);
}

static void
set_timer(struct event *timer, gint64 ms)
{
    const struct timeval delay = {.tv_sec = ms / MS_PER_SECOND,
                                  .tv_usec = ms % MS_PER_SECOND * US_PER_MS};
    event_add(timer, &delay);
}

static void
on_probes(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct dhcp *dhcp = context;
    arp_tick(dhcp->arp, ms_now());
    settle(dhcp);
}

static void
watch_probes(struct dhcp *dhcp)
{
    gint64 next = arp_next(dhcp->arp);
    if (next != G_MAXINT64)
        set_timer(dhcp->probes, MAX(next - ms_now(), 0));
}

/* ---- the other node ---- */

static void
on_words(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct dhcp *dhcp = context;
    waits_look(dhcp->waits, ms_now());
    settle(dhcp);
}

static void
watch_words(struct dhcp *dhcp)
{
    gint64 next = waits_next(dhcp->waits);
    if (next != G_MAXINT64 && !evtimer_pending(dhcp->words, NULL))
        set_timer(dhcp->words, MAX(next - ms_now(), 0));
}

static void
send_to_other(void *context, const guint8 *data, gsize size)
{
    static const char to[] = "dhcp"; /* with its zero byte */
    struct dhcp *dhcp = context;
    g_autoptr(GByteArray) body = g_byte_array_sized_new((guint)(sizeof to + size));
    g_byte_array_append(body, (const guint8 *)to, sizeof to);
    g_byte_array_append(body, data, (guint)size);
    child_ask(dhcp->child, "failover/send", (const char *)body->data, body->len, NULL, NULL);
}

static void
hear_both_gave(void *context, const struct lease *kept, const struct lease *ended)
{
    struct dhcp *dhcp = context;
    char address[INET_ADDRSTRLEN], keeps[SIGHTINGS_MAC_TEXT], ends[SIGHTINGS_MAC_TEXT];
    config_address_text(kept->address, address);
    g_autofree char *name = g_strconcat("both gave ", address, NULL);
    child_alert(dhcp->child, name,
                "both nodes gave %s away while they did not hear one another: %s keeps it, %s gets "
                "another one when it renews",
                address, sightings_mac_text(kept->mac, keeps),
                sightings_mac_text(ended->mac, ends));
}

static void
hear_strange(void *context, const char *why)
{
    (void)context;
    log_warning("ignoring what the other node says of leases: %s", why);
}

static gint64
partner_ms(void *context)
{
    (void)context;
    return ms_now();
}

static void
tell_pair(struct dhcp *dhcp)
{
    const gboolean answered = answers(dhcp);
    if (dhcp->pair == NULL || !dhcp->has_state)
        return;
    partner_role(dhcp->pair, &dhcp->state);
    if (answered && !answers(dhcp)) {
        waits_drop(dhcp->waits);
        dhcp->n_waiting = 0;
    }
    settle(dhcp);
}

static void
open_pair(struct dhcp *dhcp)
{
    const struct partner_world world = {.leases = dhcp->leases,
                                        .store = dhcp->store,
                                        .server = dhcp->server,
                                        .clock = &dhcp->clock,
                                        .milliseconds = partner_ms,
                                        .context = dhcp};
    const struct partner_ears ears = {.send = send_to_other,
                                      .conflict = hear_both_gave,
                                      .strange = hear_strange,
                                      .context = dhcp};
    if (dhcp->config->other == NULL)
        return;
    dhcp->pair = partner_new(&world, &ears);
    dhcp->waits = waits_new(dhcp->pair, dhcp->server, send_after_word, dhcp);
    tell_pair(dhcp);
}

static void
dhcp_role_told(gpointer self, const struct task_state *state)
{
    struct dhcp *dhcp = self;
    dhcp->state = *state;
    dhcp->has_state = TRUE;
    tell_pair(dhcp);
}

static void
tell_bound(void *context, const void *clients, gsize size)
{
    struct dhcp *dhcp = context;
    child_ask(dhcp->child, "address/clients", clients, size, NULL, NULL);
}

static void
dhcp_task(gpointer self, const struct child_task *task)
{
    static const char nobody[] = "nobody does that";
    struct dhcp *dhcp = self;
    if (strcmp(task->what, "peer") == 0 && dhcp->pair != NULL) {
        partner_take(dhcp->pair, (const guint8 *)task->body, task->size);
        waits_look(dhcp->waits, ms_now());
        settle(dhcp);
    } else if (strcmp(task->what, "clients") == 0) {
        bound_tell(dhcp->leases, tell_bound, dhcp);
    } else if (strcmp(task->what, "peer") != 0) {
        child_task_done(dhcp->child, task->number, FALSE, nobody, sizeof nobody - 1);
        return;
    }
    child_task_done(dhcp->child, task->number, TRUE, "{}", 2);
}

/* ---- the store ---- */

static void
watch_links(struct dhcp *dhcp)
{
    for (guint i = 0; i < dhcp->links->len; i++) {
        const struct link *link = link_at(dhcp, i);
        if (link->udp >= 0)
            event_add(event_new(child_events(dhcp->child), link->udp, EV_READ | EV_PERSIST,
                                on_packets, dhcp),
                      NULL);
        if (link->arp >= 0)
            event_add(
                event_new(child_events(dhcp->child), link->arp, EV_READ | EV_PERSIST, on_arp, dhcp),
                NULL);
    }
}

/* Until there is room, or the disk is mended, what comes waits in the sockets. */
static void
open_store(struct dhcp *dhcp)
{
    const struct server_ears ears = {
        .name = hear_name, .exhausted = hear_exhausted, .conflict = hear_conflict, .context = dhcp};
    g_autoptr(GError) error = NULL;
    dhcp->leases = leases_new();
    dhcp->store = store_open(STORE, &dhcp->clock, dhcp->leases, &error);
    if (dhcp->store == NULL) {
        g_autofree char *message = fail_message(error->message);
        g_clear_pointer(&dhcp->leases, leases_free);
        dhcp->next_open = boot_now(dhcp) + RETRY_SECONDS;
        child_alert(dhcp->child, "leases", "no lease can be given: %s", message);
        return;
    }
    child_alert(dhcp->child, "leases", "%s", "");
    dhcp->server = server_new(dhcp->config, dhcp->leases, dhcp->store, &dhcp->clock, &ears);
    naming_send_all(dhcp->naming, dhcp->config, dhcp->leases, boot_now(dhcp));
    open_pair(dhcp);
    watch_links(dhcp);
}

/* ---- each second ---- */

static void
ask_for_rivals(const struct dhcp *dhcp)
{
    guint8 question[RIVALS_QUESTION_SIZE];
    for (guint i = 0; i < dhcp->links->len; i++) {
        const struct link *link = link_at(dhcp, i);
        if (link->udp < 0 || link->what.own == 0)
            continue;
        rivals_question(question, link->what.mac, link->what.own);
        link_send_to_all(link, link->port, question, sizeof question);
    }
}

static void
sweep_on(struct dhcp *dhcp, gint64 now)
{
    guint32 address = sweep_next(&dhcp->sweep, &dhcp->config->dhcp, dhcp->leases, now);
    int link = address != 0 && dhcp->config->dhcp.probe ? link_of(dhcp, address) : -1;
    if (link >= 0 && !arp_is_probing(dhcp->arp, address) &&
        arp_probe(dhcp->arp, (guint)link, address, ms_now()))
        sweep_enter(&dhcp->sweep, address);
}

static void
on_second(evutil_socket_t fd, short what, void *context)
{
    struct dhcp *dhcp = context;
    gint64 now = boot_now(dhcp);
    (void)fd;
    (void)what;
    if (dhcp->store == NULL && now >= dhcp->next_open)
        open_store(dhcp);
    if (dhcp->store == NULL)
        return;
    server_expire(dhcp->server);
    if (dhcp->pair != NULL)
        partner_second(dhcp->pair);
    if (now >= dhcp->next_ask && answers(dhcp)) {
        dhcp->next_ask = now + RIVALS_ASK_SECONDS;
        ask_for_rivals(dhcp);
    }
    sightings_age(&dhcp->rivals, now, RIVALS_FORGET_SECONDS);
    sightings_age(&dhcp->conflicts, now, CONFLICT_SECONDS);
    if (answers(dhcp))
        sweep_on(dhcp, now);
    settle(dhcp);
}

/* ---- the role ---- */

static gpointer
dhcp_open(struct child *child, GError **error)
{
    struct dhcp *dhcp = g_new0(struct dhcp, 1);
    (void)error;
    dhcp->child = child;
    dhcp->config = child_config(child);
    clock_system(&dhcp->clock, clock_floor_read(dhcp->config->state));
    return dhcp;
}

static gboolean
dhcp_begin(gpointer self, GError **error)
{
    struct dhcp *dhcp = self;
    const struct arp_ears ears = {.send = send_probe, .found = found, .context = dhcp};
    const struct timeval second = {.tv_sec = 1};
    (void)error;
    dhcp->links = link_list(child_sockets(dhcp->child), dhcp->config->dhcp.port);
    dhcp->arp = arp_new(&ears);
    dhcp->held = held_new();
    dhcp->naming = naming_new(dhcp->child);
    dhcp->rivals = (struct sightings){.tell = tell_rival, .context = dhcp};
    dhcp->conflicts = (struct sightings){.tell = tell_conflict, .context = dhcp};
    dhcp->probes = evtimer_new(child_events(dhcp->child), on_probes, dhcp);
    dhcp->words = evtimer_new(child_events(dhcp->child), on_words, dhcp);
    dhcp->second = event_new(child_events(dhcp->child), -1, EV_PERSIST, on_second, dhcp);
    event_add(dhcp->second, &second);
    open_store(dhcp);
    return TRUE;
}

static void
dhcp_take(gpointer self, enum message_kind kind, const void *data, gsize size)
{
    struct dhcp *dhcp = self;
    if (kind == MESSAGE_QUESTION) {
        g_autoptr(GString) json = g_string_new(NULL);
        const struct answers answer = {dhcp->config, dhcp->leases, &dhcp->clock, dhcp->pair};
        answers_give(&answer, data, size, json);
        child_answer(dhcp->child, json);
    } else if (kind == MESSAGE_TELL_NAMES && dhcp->leases != NULL) {
        naming_send_all(dhcp->naming, dhcp->config, dhcp->leases, boot_now(dhcp));
    }
}

static void
dhcp_end(gpointer self)
{
    struct dhcp *dhcp = self;
    if (dhcp->store == NULL)
        return;
    settle(dhcp);
    g_clear_pointer(&dhcp->store, store_free);
}

static gboolean
dhcp_wanted(const struct config *config)
{
    return config->dhcp.enabled;
}

const struct child_role dhcp_role = {
    .name = "dhcp",
    .wanted = dhcp_wanted,
    .open = dhcp_open,
    .begin = dhcp_begin,
    .take = dhcp_take,
    .task = dhcp_task,
    .role = dhcp_role_told,
    .end = dhcp_end,
    .alone = TRUE,
};
