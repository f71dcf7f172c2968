/*
 * What has come is taken, all that one commit can have of it; the OFFERs among the answers go out
 * at once, the ACKs after the commit. Whatever else changes leases (time, a probe's end) goes the
 * same way: change, then `settle`.
 *
 * Of two nodes (pair/) the ACKs then wait for the other one's word; and the one that is not active
 * takes in what it hears, and says nothing.
 */
#include "netsvc/dhcp/world.h"

#include "lib/base/log.h"
#include "netsvc/clock_floor.h"
#include "netsvc/dhcp/link/rivals.h"
#include "netsvc/dhcp/tell/answers.h"
#include "netsvc/dhcp/tell/bound.h"
#include "netsvc/timer.h"

#include <errno.h>
#include <string.h>

#define STORE "leases.db"
#define RETRY_SECONDS 2      /* to open a store that cannot be opened */
#define CONFLICT_SECONDS 600 /* that one is told of after it was seen last */
#define ANSWERS_FOR_MANY 3   /* addresses at one MAC */
#define US_PER_MS 1000

gint64
dhcp_boot(const struct dhcp *dhcp)
{
    return dhcp->clock.boot(dhcp->clock.context);
}

gint64
dhcp_ms(void)
{
    return g_get_monotonic_time() / US_PER_MS;
}

const struct link *
dhcp_link(const struct dhcp *dhcp, guint place)
{
    return &g_array_index(dhcp->links, struct link, place);
}

/* ---- answers ---- */

void
dhcp_send(const struct dhcp *dhcp, guint place, const struct server_reply *reply)
{
    if (reply->size > 0 && !link_send_reply(dhcp_link(dhcp, place), reply))
        log_debug("dhcp: '%s': a reply was not sent: %s", dhcp_link(dhcp, place)->what.interface,
                  g_strerror(errno));
}

static gboolean
commit(struct dhcp *dhcp)
{
    g_autoptr(GError) error = NULL;
    if (dhcp->pair != NULL)
        partner_before_commit(dhcp->pair);
    gboolean done = store_commit(dhcp->store, &error);
    if (!done || dhcp->commit_fails)
        alerts_store(dhcp, error);
    dhcp->commit_fails = !done;
    return done;
}

static void watch_probes(struct dhcp *dhcp);

/* What is committed. */
static void
send_waiting(struct dhcp *dhcp)
{
    for (guint i = 0; i < dhcp->n_waiting; i++) {
        const struct waiting *waiting = &dhcp->waiting[i];
        if (dhcp->pair != NULL && waiting->reply.change != 0)
            waits_add(dhcp->waits, waiting->link, &waiting->reply, dhcp_ms());
        else
            dhcp_send(dhcp, waiting->link, &waiting->reply);
    }
    other_node_committed(dhcp);
}

void
dhcp_settle(struct dhcp *dhcp)
{
    if (commit(dhcp)) {
        send_waiting(dhcp);
        naming_send(dhcp->naming);
    }
    dhcp->n_waiting = 0;
    store_tidy(dhcp->store);
    watch_probes(dhcp);
}

void
dhcp_send_later(struct dhcp *dhcp, guint place)
{
    if (dhcp->reply.size == 0)
        return;
    if (dhcp->n_waiting == LINK_BATCH)
        dhcp_settle(dhcp);
    struct waiting *waiting = &dhcp->waiting[dhcp->n_waiting++];
    waiting->link = place;
    waiting->reply = dhcp->reply;
}

/* ---- events ---- */

/* Who answers for many addresses is a repeater, or a router that does it for others: that is no
 * conflict that people could end. */
static void
hear_conflict(void *context, guint32 address, const guint8 *mac)
{
    struct dhcp *dhcp = context;
    if (mac != NULL && sightings_of_mac(&dhcp->conflicts, address, mac) >= ANSWERS_FOR_MANY)
        return;
    sightings_note(&dhcp->conflicts, address, mac, dhcp_boot(dhcp));
}

static void
hear_name(void *context, const struct lease *lease, const struct config_subnet *subnet,
          gboolean gone)
{
    struct dhcp *dhcp = context;
    naming_add(dhcp->naming, lease, subnet, gone, dhcp_boot(dhcp));
}

static guint
place_of(const struct dhcp *dhcp, int fd)
{
    for (guint i = 0; i < dhcp->links->len; i++)
        if (dhcp_link(dhcp, i)->udp == fd || dhcp_link(dhcp, i)->arp == fd)
            return i;
    g_assert_not_reached();
}

static void
on_packets(evutil_socket_t fd, short what, void *context)
{
    struct dhcp *dhcp = context;
    struct link_packet packets[LINK_BATCH];
    guint place = place_of(dhcp, fd);
    guint count = link_receive(dhcp_link(dhcp, place), packets);
    (void)what;
    for (guint i = 0; i < count; i++)
        take_packet(dhcp, place, &packets[i]);
    dhcp_settle(dhcp);
}

static void
on_arp(evutil_socket_t fd, short what, void *context)
{
    struct dhcp *dhcp = context;
    struct frame_arp frames[LINK_BATCH];
    guint count = link_receive_arp(dhcp_link(dhcp, place_of(dhcp, fd)), frames);
    (void)what;
    for (guint i = 0; i < count; i++)
        take_arp(dhcp, &frames[i]);
    dhcp_settle(dhcp);
}

static void
send_probe(void *context, guint link, guint32 address)
{
    struct dhcp *dhcp = context;
    link_send_probe(dhcp_link(dhcp, link), address);
}

static void
on_probes(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct dhcp *dhcp = context;
    arp_tick(dhcp->arp, dhcp_ms());
    dhcp_settle(dhcp);
}

static void
watch_probes(struct dhcp *dhcp)
{
    gint64 next = arp_next(dhcp->arp);
    if (next != G_MAXINT64)
        timer_set(dhcp->probes, (guint)MAX(next - dhcp_ms(), 0));
}

/* ---- the store ---- */

static void
watch_links(struct dhcp *dhcp)
{
    for (guint i = 0; i < dhcp->links->len; i++) {
        const struct link *link = dhcp_link(dhcp, i);
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
    const struct server_ears ears = {.name = hear_name,
                                     .exhausted = alerts_exhausted,
                                     .conflict = hear_conflict,
                                     .context = dhcp};
    g_autoptr(GError) error = NULL;
    dhcp->leases = leases_new();
    dhcp->store = store_open(STORE, &dhcp->clock, dhcp->leases, &error);
    if (dhcp->store == NULL) {
        g_clear_pointer(&dhcp->leases, leases_free);
        dhcp->next_open = dhcp_boot(dhcp) + RETRY_SECONDS;
        alerts_store(dhcp, error);
        return;
    }
    alerts_store(dhcp, NULL);
    dhcp->server = server_new(dhcp->config, dhcp->leases, dhcp->store, &dhcp->clock, &ears);
    naming_send_all(dhcp->naming, dhcp->config, dhcp->leases, dhcp_boot(dhcp));
    other_node_open(dhcp);
    watch_links(dhcp);
}

/* ---- each second ---- */

static void
ask_for_rivals(const struct dhcp *dhcp)
{
    guint8 question[RIVALS_QUESTION_SIZE];
    for (guint i = 0; i < dhcp->links->len; i++) {
        const struct link *link = dhcp_link(dhcp, i);
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
    int link = address != 0 && dhcp->config->dhcp.probe ? take_place_of(dhcp, address) : -1;
    if (link >= 0 && !arp_is_probing(dhcp->arp, address) &&
        arp_probe(dhcp->arp, (guint)link, address, dhcp_ms()))
        sweep_enter(&dhcp->sweep, address);
}

static void
on_second(evutil_socket_t fd, short what, void *context)
{
    struct dhcp *dhcp = context;
    gint64 now = dhcp_boot(dhcp);
    (void)fd;
    (void)what;
    if (dhcp->store == NULL && now >= dhcp->next_open)
        open_store(dhcp);
    if (dhcp->store == NULL)
        return;
    server_expire(dhcp->server);
    other_node_second(dhcp);
    if (now >= dhcp->next_ask && other_node_lets_answer(dhcp)) {
        dhcp->next_ask = now + RIVALS_ASK_SECONDS;
        ask_for_rivals(dhcp);
    }
    sightings_age(&dhcp->rivals, now, RIVALS_FORGET_SECONDS);
    sightings_age(&dhcp->conflicts, now, CONFLICT_SECONDS);
    if (other_node_lets_answer(dhcp))
        sweep_on(dhcp, now);
    dhcp_settle(dhcp);
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
    const struct arp_ears ears = {.send = send_probe, .found = take_found, .context = dhcp};
    const struct timeval second = {.tv_sec = 1};
    (void)error;
    dhcp->links = link_list(child_sockets(dhcp->child), dhcp->config->dhcp.port);
    dhcp->arp = arp_new(&ears);
    dhcp->held = held_new();
    dhcp->naming = naming_new(dhcp->child);
    dhcp->rivals = (struct sightings){.tell = alerts_rival, .context = dhcp};
    dhcp->conflicts = (struct sightings){.tell = alerts_conflict, .context = dhcp};
    dhcp->probes = evtimer_new(child_events(dhcp->child), on_probes, dhcp);
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
        naming_send_all(dhcp->naming, dhcp->config, dhcp->leases, dhcp_boot(dhcp));
    }
}

static void
dhcp_role_told(gpointer self, const struct task_state *state)
{
    struct dhcp *dhcp = self;
    dhcp->state = *state;
    dhcp->has_state = TRUE;
    other_node_role(dhcp);
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
        other_node_take(dhcp, task->body, task->size);
    } else if (strcmp(task->what, "clients") == 0) {
        bound_tell(dhcp->leases, tell_bound, dhcp);
    } else if (strcmp(task->what, "peer") != 0) {
        child_task_done(dhcp->child, task->number, FALSE, nobody, sizeof nobody - 1);
        return;
    }
    child_task_done(dhcp->child, task->number, TRUE, "{}", 2);
}

static void
dhcp_end(gpointer self)
{
    struct dhcp *dhcp = self;
    if (dhcp->store == NULL)
        return;
    dhcp_settle(dhcp);
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
