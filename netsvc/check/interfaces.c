/* interfaces: those that the subnets are at, and the addresses that are ours there. */
#include "netsvc/check/check.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

static guint32
address_of(const struct sockaddr *address)
{
    return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr);
}

static gboolean
is_ipv4(const struct ifaddrs *each)
{
    return each->ifa_addr != NULL && each->ifa_addr->sa_family == AF_INET;
}

/* `eth0, wlan0` */
static char *
list_names(const struct ifaddrs *all)
{
    GString *out = g_string_new(NULL);
    for (const struct ifaddrs *each = all; each != NULL; each = each->ifa_next)
        if (each->ifa_addr != NULL && each->ifa_addr->sa_family == AF_PACKET &&
            (each->ifa_flags & IFF_LOOPBACK) == 0)
            g_string_append_printf(out, "%s%s", out->len > 0 ? ", " : "", each->ifa_name);
    return g_string_free(out, FALSE);
}

/* An address of this machine in the subnet that is not the service address; NULL: none. */
static const struct ifaddrs *
find_own(const struct check *check, const struct ifaddrs *all, const struct config_subnet *subnet)
{
    for (const struct ifaddrs *each = all; each != NULL; each = each->ifa_next)
        if (is_ipv4(each) &&
            (subnet->interface == NULL || strcmp(each->ifa_name, subnet->interface) == 0) &&
            (address_of(each->ifa_addr) & subnet->mask) == subnet->network &&
            address_of(each->ifa_addr) != check_config(check)->service_address)
            return each;
    return NULL;
}

static void
tell_absent(struct check *check, const struct ifaddrs *all, const struct config_subnet *subnet,
            const struct command_line *view)
{
    g_autofree char *names = list_names(all);
    char first[INET_ADDRSTRLEN];
    g_autofree char *give =
        g_strdup_printf("give it one, as in `ip address add %s/%u dev %s`, and for good in "
                        "/etc/network/interfaces",
                        config_address_text(subnet->network + 1, first), subnet->prefix,
                        subnet->interface != NULL ? subnet->interface : "INTERFACE");
    if (subnet->interface == NULL)
        check_found(check, CHECK_NOTE, view, "subnet-network", give,
                    "this machine has no address in %s: only clients behind a relay are served",
                    options_string(view, "subnet-network"));
    else if (if_nametoindex(subnet->interface) == 0)
        check_found(check, CHECK_MACHINE, view, "subnet-interface", NULL,
                    "there is no interface '%s' here; there is %s", subnet->interface,
                    *names != '\0' ? names : "none at all");
    else
        check_found(check, CHECK_MACHINE, view, "subnet-interface", give,
                    "interface '%s' has no address in %s", subnet->interface,
                    options_string(view, "subnet-network"));
}

static void
check_own(struct check *check, const struct ifaddrs *own, const struct config_subnet *subnet,
          const struct command_line *view)
{
    const guint32 mask = own->ifa_netmask != NULL ? address_of(own->ifa_netmask) : subnet->mask;
    char text[INET_ADDRSTRLEN];
    if ((own->ifa_flags & IFF_UP) == 0)
        check_found(check, CHECK_MACHINE, view, "subnet-interface", "`ip link set INTERFACE up`",
                    "interface '%s' is down", own->ifa_name);
    if ((own->ifa_flags & IFF_LOOPBACK) == 0 && mask != subnet->mask)
        check_found(check, CHECK_MACHINE, view, "subnet-network", "let both have the same prefix",
                    "clients and this machine disagree: interface '%s' has %s/%d", own->ifa_name,
                    config_address_text(address_of(own->ifa_addr), text), __builtin_popcount(mask));
}

/* Clients are to ask us, and not only others. */
static void
check_dns(struct check *check, const struct ifaddrs *own, const struct config_subnet *subnet,
          const struct command_line *view)
{
    const struct config *config = check_config(check);
    char text[INET_ADDRSTRLEN];
    if (subnet->dns->len == 0 || !config->dns.enabled)
        return;
    for (guint i = 0; i < subnet->dns->len; i++) {
        guint32 server = g_array_index(subnet->dns, guint32, i);
        if (server == config->service_address || server == address_of(own->ifa_addr))
            return;
    }
    check_found(check, CHECK_NOTE, view, "subnet-dns", "name the service address, or this node's",
                "clients do not ask this server: it is %s here",
                config_address_text(address_of(own->ifa_addr), text));
}

/* With two nodes it comes and goes (pair.c); with one, somebody forgot it. */
static void
check_service(struct check *check, const struct ifaddrs *all)
{
    const guint32 service = check_config(check)->service_address;
    const struct config_subnet *subnet = config_subnet_of(&check_config(check)->dhcp, service);
    char text[INET_ADDRSTRLEN];
    if (service == 0 || check_config(check)->own != NULL)
        return;
    for (const struct ifaddrs *each = all; each != NULL; each = each->ifa_next)
        if (is_ipv4(each) && address_of(each->ifa_addr) == service)
            return;
    g_autofree char *give = g_strdup_printf(
        "unless it is another node's: `ip address add %s/%u dev %s`, and for good in "
        "/etc/network/interfaces",
        config_address_text(service, text), subnet != NULL ? subnet->prefix : 32,
        subnet != NULL && subnet->interface != NULL ? subnet->interface : "INTERFACE");
    check_found(check, CHECK_NOTE, check_line(check), "service-address", give,
                "no interface here has %s: clients find nobody there", text);
}

void
check_interfaces(struct check *check)
{
    const struct config *config = check_config(check);
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        return;
    check_service(check, all);
    for (guint i = 0; i < config->dhcp.subnets->len; i++) {
        const struct config_subnet *subnet = config->dhcp.subnets->pdata[i];
        const struct command_line *view = check_view(check, "subnet", i);
        const struct ifaddrs *own = find_own(check, all, subnet);
        if (own == NULL) {
            tell_absent(check, all, subnet, view);
            continue;
        }
        check_own(check, own, subnet, view);
        check_dns(check, own, subnet, view);
    }
    freeifaddrs(all);
}
