#include "netsvc/dhcp/world.h"

#include "lib/base/log.h"
#include "netsvc/dhcp/link/rivals.h"

#define SEEN_MS 5000 /* who was seen at an address so lately still uses it */

/* ---- probes ---- */

/* Where an address can be asked for; -1: nowhere, as behind a relay. */
int
take_place_of(const struct dhcp *dhcp, guint32 address)
{
    const struct config_subnet *subnet = config_subnet_of(&dhcp->config->dhcp, address);
    for (guint i = 0; subnet != NULL && i < dhcp->links->len; i++) {
        const struct link *link = dhcp_link(dhcp, i);
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
    int link = dhcp->config->dhcp.probe ? take_place_of(dhcp, address) : -1;
    sweep_leave(&dhcp->sweep, address);
    if (link < 0) {
        server_probed(dhcp->server, address, FALSE, NULL);
        return FALSE;
    }
    if (arp_seen(dhcp->arp, address, dhcp_ms(), SEEN_MS, mac)) {
        server_probed(dhcp->server, address, TRUE, mac);
        return FALSE;
    }
    arp_probe(dhcp->arp, (guint)link, address, dhcp_ms());
    return TRUE;
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
        if (dhcp_link(dhcp, i)->what.own == server)
            return;
    gboolean has_mac = arp_seen(dhcp->arp, server, dhcp_ms(), G_MAXINT64, mac);
    sightings_note(&dhcp->rivals, server, has_mac ? mac : NULL, dhcp_boot(dhcp));
}

static gboolean
is_own_question(const struct dhcp *dhcp, const struct packet *packet)
{
    for (guint i = 0; i < dhcp->links->len; i++)
        if (rivals_is_question(packet, dhcp_link(dhcp, i)->what.mac, dhcp_link(dhcp, i)->what.own))
            return TRUE;
    return FALSE;
}

/* `is_again`: it was held until its probe ended. */
static void
take_request(struct dhcp *dhcp, guint place, const struct link_packet *packet, gboolean is_again)
{
    const struct link *link = dhcp_link(dhcp, place);
    const struct server_link from = {.index = link->what.index,
                                     .own = link->what.own,
                                     .interface = link->what.interface,
                                     .to_all = packet->to_all};
    guint32 address = 0;
    switch (server_take(dhcp->server, &from, &dhcp->packet, &dhcp->reply, &address)) {
    case SERVER_NOTHING:
        break;
    case SERVER_SEND:
        dhcp_send(dhcp, place, &dhcp->reply);
        break;
    case SERVER_COMMIT:
        dhcp_send_later(dhcp, place);
        break;
    case SERVER_PROBE:
        dhcp_send(dhcp, place, &dhcp->reply);
        sweep_wake(&dhcp->sweep, dhcp_boot(dhcp));
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
take(struct dhcp *dhcp, guint place, const struct link_packet *packet, gboolean is_again)
{
    const char *why = NULL;
    if (!packet_parse(&dhcp->packet, packet->data, packet->size, &why)) {
        log_debug("dhcp: '%s': ignoring a packet: %s", dhcp_link(dhcp, place)->what.interface, why);
        return;
    }
    if (is_own_question(dhcp, &dhcp->packet))
        return;
    if (!is_again)
        note_rival(dhcp, rivals_told_by(&dhcp->packet, packet->sender));
    if (dhcp->packet.op == PACKET_REQUEST_OP && other_node_lets_answer(dhcp))
        take_request(dhcp, place, packet, is_again);
}

void
take_packet(struct dhcp *dhcp, guint place, const struct link_packet *packet)
{
    take(dhcp, place, packet, FALSE);
}

void
take_found(void *context, guint32 address, gboolean used, const guint8 *mac)
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
        take(dhcp, held->link, &packet, TRUE);
        g_free(held);
    }
}

void
take_arp(struct dhcp *dhcp, const struct frame_arp *frame)
{
    arp_take(dhcp->arp, frame, dhcp_ms());
    const struct lease *lease = leases_of_address(dhcp->leases, frame->sender);
    if (lease != NULL && lease->state == LEASE_LEASED && other_node_lets_answer(dhcp))
        server_probed(dhcp->server, frame->sender, TRUE, frame->sender_mac);
}
