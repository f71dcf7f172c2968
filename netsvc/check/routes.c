/* routes: other networks that this machine is in, or will be, and that overlap ours. */
#include "netsvc/check/check.h"

#include "lib/json/json.h"
#include "netsvc/check/procnet.h"
#include "netsvc/config/text.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#define DOCKER_SETTINGS "/etc/docker/daemon.json"
#define DOCKER_SOCKET "/run/docker.sock"
#define DOCKER_MEND                                                                                \
    "give Docker other networks: {\"default-address-pools\": [{\"base\": \"10.213.0.0/16\", "      \
    "\"size\": 24}]} in " DOCKER_SETTINGS ", then restart it and make its networks anew; or use "  \
    "another network for the LAN"

/* Where clients of the subnet are: that its own network is routed there is as it should be. */
static const char *
interface_of(const struct config_subnet *subnet, const struct ifaddrs *all)
{
    if (subnet->interface != NULL)
        return subnet->interface;
    for (const struct ifaddrs *each = all; each != NULL; each = each->ifa_next)
        if (each->ifa_addr != NULL && each->ifa_addr->sa_family == AF_INET &&
            (ntohl(((const struct sockaddr_in *)(const void *)each->ifa_addr)->sin_addr.s_addr) &
             subnet->mask) == subnet->network &&
            !g_str_has_prefix(each->ifa_name, "docker") && !g_str_has_prefix(each->ifa_name, "br-"))
            return each->ifa_name;
    return NULL;
}

static gboolean
overlap(guint32 network, guint32 mask, const struct config_subnet *subnet)
{
    const guint32 both = mask & subnet->mask;
    return (network & both) == (subnet->network & both);
}

/* ---- what is routed now ---- */

/* A wider one does no harm: the narrowest route counts. */
static void
check_route(struct check *check, const struct procnet_route *route,
            const struct config_subnet *subnet, const struct command_line *view,
            const char *interface)
{
    char text[INET_ADDRSTRLEN];
    if (!overlap(route->network, route->mask, subnet) || route->mask < subnet->mask ||
        g_strcmp0(route->interface, interface) == 0)
        return;
    gboolean docker =
        g_str_has_prefix(route->interface, "docker") || g_str_has_prefix(route->interface, "br-");
    check_found(check, CHECK_MACHINE, view, "subnet-network",
                docker ? DOCKER_MEND : "use another network here or there",
                "what is sent to %s/%d goes to %s'%s', and not to clients",
                config_address_text(route->network, text), __builtin_popcount(route->mask),
                docker ? "Docker's network at " : "interface ", route->interface);
}

/* ---- what Docker would take ---- */

struct pool {
    guint32 network, mask;
};

static void
add_pool(GArray *pools, const char *text)
{
    struct config_network network;
    guint32 address;
    if (!text_network(text, &network, NULL) || network.family != AF_INET || network.prefix == 0)
        return;
    memcpy(&address, network.address, sizeof address);
    const struct pool pool = {ntohl(address), ~0u << (32 - network.prefix)};
    g_array_append_val(pools, pool);
}

/* "default-address-pools": [{"base": "10.213.0.0/16", "size": 24}] */
static gboolean
read_settings(GArray *pools)
{
    g_autofree char *text = NULL;
    gsize size;
    struct slice list, each;
    if (!g_file_get_contents(DOCKER_SETTINGS, &text, &size, NULL) ||
        !json_check((struct slice){text, size}, NULL) ||
        !json_member((struct slice){text, size}, "default-address-pools", &list) ||
        json_type(list) != JSON_ARRAY)
        return FALSE;
    for (gsize at = 0; json_next_element(list, &at, &each);) {
        g_autofree char *base = NULL;
        if (json_member_text(each, "base", &base))
            add_pool(pools, base);
    }
    return TRUE;
}

/* Its own, where nobody set others: 172.17 to 172.31, then 192.168. */
static void
add_defaults(GArray *pools)
{
    for (guint i = 17; i <= 31; i++) {
        const struct pool pool = {172u << 24 | i << 16, 0xffff0000};
        g_array_append_val(pools, pool);
    }
    add_pool(pools, "192.168.0.0/16");
}

static void
check_docker(struct check *check, const GArray *pools, const struct config_subnet *subnet,
             const struct command_line *view)
{
    for (guint i = 0; i < pools->len; i++) {
        const struct pool *pool = &g_array_index(pools, struct pool, i);
        if (!overlap(pool->network, pool->mask, subnet))
            continue;
        check_found(check, CHECK_NOTE, view, "subnet-network", DOCKER_MEND,
                    "Docker may take a part of %s for one of its networks",
                    options_string(view, "subnet-network"));
        return;
    }
}

void
check_routes(struct check *check)
{
    const struct config *config = check_config(check);
    g_autoptr(GArray) routes = procnet_routes(),
                      pools = g_array_new(FALSE, TRUE, sizeof(struct pool));
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        all = NULL;
    if (!read_settings(pools) && (g_file_test("/etc/docker", G_FILE_TEST_EXISTS) ||
                                  g_file_test(DOCKER_SOCKET, G_FILE_TEST_EXISTS)))
        add_defaults(pools);
    for (guint i = 0; i < config->dhcp.subnets->len; i++) {
        const struct config_subnet *subnet = config->dhcp.subnets->pdata[i];
        const struct command_line *view = check_view(check, "subnet", i);
        const char *interface = interface_of(subnet, all);
        /* one that is not there is told elsewhere */
        gboolean there = interface == NULL || if_nametoindex(interface) != 0;
        for (guint k = 0; k < routes->len && there; k++)
            check_route(check, &g_array_index(routes, struct procnet_route, k), subnet, view,
                        interface);
        check_docker(check, pools, subnet, view);
    }
    if (all != NULL)
        freeifaddrs(all);
}
