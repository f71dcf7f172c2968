#include "netsvc/parent/socket/wanted.h"

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

/* ---- at addresses: DNS, HTTP ---- */

static void
add(GArray *wanted, enum message_socket_kind kind, const struct sockaddr_storage *address)
{
    const struct message_socket socket = {.kind = kind, .address = *address};
    for (guint i = 0; i < wanted->len; i++) {
        const struct message_socket *each = &g_array_index(wanted, struct message_socket, i);
        if (each->kind == kind && memcmp(&each->address, address, sizeof *address) == 0)
            return;
    }
    g_array_append_val(wanted, socket);
}

static struct sockaddr_storage
storage_of(guint32 address)
{
    struct sockaddr_storage storage = {0};
    *(struct sockaddr_in *)&storage =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    return storage;
}

/* The service address is always wanted: a socket there waits for it, so that nothing is opened when
 * it comes. */
static GArray *
list_addresses(const struct config *config, const struct ifaddrs *all)
{
    GArray *addresses = g_array_new(FALSE, TRUE, sizeof(struct sockaddr_storage));
    struct sockaddr_storage storage = storage_of(config->service_address);
    guint32 own;
    if (config->service_address != 0)
        g_array_append_val(addresses, storage);
    for (guint i = 0; i < config->dhcp.subnets->len; i++)
        if (find_own(all, config, config->dhcp.subnets->pdata[i], &own) != NULL) {
            storage = storage_of(own);
            g_array_append_val(addresses, storage);
        }
    return addresses;
}

static struct sockaddr_storage
at_port(const struct sockaddr_storage *address, guint16 port)
{
    struct sockaddr_storage storage = *address;
    ((struct sockaddr_in *)&storage)->sin_port = htons(port); /* IPv6 has it at the same place */
    return storage;
}

static void
add_dns(GArray *wanted, const struct sockaddr_storage *address)
{
    add(wanted, MESSAGE_DNS_UDP, address);
    add(wanted, MESSAGE_DNS_TCP, address);
}

static void
want_dns(const struct config *config, const struct ifaddrs *all, GArray *wanted)
{
    const struct config_dns *dns = &config->dns;
    for (guint i = 0; i < dns->listen->len; i++)
        add_dns(wanted, &g_array_index(dns->listen, struct config_peer, i).address);
    if (dns->listen->len > 0)
        return;
    g_autoptr(GArray) addresses = list_addresses(config, all);
    for (guint i = 0; i < addresses->len; i++) {
        const struct sockaddr_storage storage =
            at_port(&g_array_index(addresses, struct sockaddr_storage, i), DNS_PORT);
        add_dns(wanted, &storage);
    }
}

static void
add_web(GArray *wanted, const struct config_web *web, const struct sockaddr_storage *address)
{
    const struct sockaddr_storage http = at_port(address, web->http),
                                  https = at_port(address, web->https);
    if (web->http != 0)
        add(wanted, MESSAGE_HTTP, &http);
    if (web->https != 0)
        add(wanted, MESSAGE_HTTPS, &https);
}

static void
want_web(const struct config *config, const struct ifaddrs *all, GArray *wanted)
{
    const struct config_web *web = &config->web;
    g_autoptr(GArray) addresses = list_addresses(config, all);
    for (guint i = 0; i < web->listen->len; i++)
        add_web(wanted, web, &g_array_index(web->listen, struct config_peer, i).address);
    for (guint i = 0; i < addresses->len && web->listen->len == 0; i++)
        add_web(wanted, web, &g_array_index(addresses, struct sockaddr_storage, i));
}

static void
want_link(const struct config *config, GArray *wanted)
{
    for (guint i = 0; i < config->own->addresses->len; i++)
        add(wanted, MESSAGE_LINK,
            &g_array_index(config->own->addresses, struct config_peer, i).address);
    const struct sockaddr_storage here = storage_of(INADDR_LOOPBACK),
                                  tunnel = at_port(&here, config->failover.tunnel);
    if (config->failover.tunnel != 0)
        add(wanted, MESSAGE_TUNNEL, &tunnel);
}

/* ---- the whole ---- */

/* Somebody forgot it. */
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
    if (config->web.enabled && config->cert.name != NULL)
        want_web(config, all, wanted);
    if (config->own != NULL)
        want_link(config, wanted);
    else /* with a pair it is on the active one */
        tell_service(config->service_address, all, absent);
    if (all != NULL)
        freeifaddrs(all);
}
