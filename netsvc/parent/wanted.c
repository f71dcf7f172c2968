#include "netsvc/parent/wanted.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/ethernet.h>
#include <netpacket/packet.h>
#include <string.h>

#define DNS_PORT 53

/* ---- interfaces ---- */

/* This node's own address in a subnet, on that interface (NULL: any): not the service address,
 * which moves. */
static const struct ifaddrs *
find_own(const struct ifaddrs *all, const struct config *config, const struct config_subnet *subnet,
         guint32 *own)
{
    for (const struct ifaddrs *each = all; each != NULL; each = each->ifa_next) {
        if (each->ifa_addr == NULL || each->ifa_addr->sa_family != AF_INET ||
            (subnet->interface != NULL && strcmp(each->ifa_name, subnet->interface) != 0))
            continue;
        *own = ntohl(((const struct sockaddr_in *)(const void *)each->ifa_addr)->sin_addr.s_addr);
        if ((*own & subnet->mask) == subnet->network && *own != config->service_address)
            return each;
    }
    return NULL;
}

static gboolean
find_hardware(const struct ifaddrs *all, const char *name, struct message_socket *socket)
{
    for (const struct ifaddrs *each = all; each != NULL; each = each->ifa_next) {
        if (each->ifa_addr == NULL || each->ifa_addr->sa_family != AF_PACKET ||
            strcmp(each->ifa_name, name) != 0)
            continue;
        const struct sockaddr_ll *hardware = (const void *)each->ifa_addr;
        socket->index = (guint32)hardware->sll_ifindex;
        memcpy(socket->mac, hardware->sll_addr, ETH_ALEN);
        return hardware->sll_halen == ETH_ALEN;
    }
    return FALSE;
}

/* ---- DHCP ---- */

static gboolean
has_interface(const GArray *wanted, guint32 index)
{
    for (guint i = 0; i < wanted->len; i++)
        if (g_array_index(wanted, struct message_socket, i).index == index)
            return TRUE;
    return FALSE;
}

static void
add_interface(GArray *wanted, const struct config *config, const struct message_socket *interface)
{
    static const enum message_socket_kind kinds[] = {MESSAGE_DHCP, MESSAGE_FRAME, MESSAGE_ARP};
    struct message_socket socket = *interface;
    struct sockaddr_in *address = (struct sockaddr_in *)&socket.address;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(config->dhcp.port)};
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        socket.kind = kinds[i];
        g_array_append_val(wanted, socket);
    }
}

static void
want_dhcp(const struct config *config, const struct ifaddrs *all, GArray *wanted, GPtrArray *absent)
{
    for (guint i = 0; i < config->dhcp.subnets->len; i++) {
        const struct config_subnet *subnet = config->dhcp.subnets->pdata[i];
        struct message_socket socket = {0};
        const struct ifaddrs *found = find_own(all, config, subnet, &socket.own);
        if (found != NULL && find_hardware(all, found->ifa_name, &socket)) {
            g_strlcpy(socket.interface, found->ifa_name, sizeof socket.interface);
            if (!has_interface(wanted, socket.index))
                add_interface(wanted, config, &socket);
        } else if (subnet->interface != NULL) {
            g_ptr_array_add(absent, g_strdup_printf("interface '%s' with an address in [subnet %s]",
                                                    subnet->interface, subnet->name));
        }
    }
}

/* ---- DNS ---- */

static void
add_dns(GArray *wanted, const struct sockaddr_storage *address)
{
    for (guint i = 0; i < wanted->len; i++)
        if (memcmp(&g_array_index(wanted, struct message_socket, i).address, address,
                   sizeof *address) == 0)
            return;
    struct message_socket socket = {.kind = MESSAGE_DNS_UDP, .address = *address};
    g_array_append_val(wanted, socket);
    socket.kind = MESSAGE_DNS_TCP;
    g_array_append_val(wanted, socket);
}

static void
add_address(GArray *wanted, guint32 address)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&storage;
    *in = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(DNS_PORT), .sin_addr.s_addr = htonl(address)};
    add_dns(wanted, &storage);
}

static void
want_dns(const struct config *config, const struct ifaddrs *all, GArray *wanted)
{
    const struct config_dns *dns = &config->dns;
    guint32 own;
    for (guint i = 0; i < dns->listen->len; i++)
        add_dns(wanted, &g_array_index(dns->listen, struct config_peer, i).address);
    if (dns->listen->len > 0)
        return;
    if (config->service_address != 0)
        add_address(wanted, config->service_address);
    for (guint i = 0; i < config->dhcp.subnets->len; i++)
        if (find_own(all, config, config->dhcp.subnets->pdata[i], &own) != NULL)
            add_address(wanted, own);
}

/* It is another node's, or somebody forgot it. */
static void
tell_service(guint32 service, const struct ifaddrs *all, GPtrArray *absent)
{
    struct in_addr address = {htonl(service)};
    char text[INET_ADDRSTRLEN];
    if (service == 0)
        return;
    for (const struct ifaddrs *each = all; each != NULL; each = each->ifa_next)
        if (each->ifa_addr != NULL && each->ifa_addr->sa_family == AF_INET &&
            ((const struct sockaddr_in *)(const void *)each->ifa_addr)->sin_addr.s_addr ==
                address.s_addr)
            return;
    inet_ntop(AF_INET, &address, text, sizeof text);
    g_ptr_array_add(absent, g_strdup_printf("service address %s here", text));
}

void
wanted_list(const struct config *config, GArray *wanted, GPtrArray *absent)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        all = NULL; /* nothing is there then, and told as absent */
    if (config->dhcp.enabled)
        want_dhcp(config, all, wanted, absent);
    if (config->dns.enabled)
        want_dns(config, all, wanted);
    tell_service(config->service_address, all, absent);
    if (all != NULL)
        freeifaddrs(all);
}
