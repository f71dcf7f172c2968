/* subnets: what clients would be told that cannot work. */
#include "netsvc/check/check.h"

#include <arpa/inet.h>
#include <string.h>

#define LEASE_SHORT 600             /* seconds: clients ask each five minutes */
#define LEASE_LONG (30 * 24 * 3600) /* guests' addresses do not come back for so long */

static gboolean
is_inside(const struct config_subnet *subnet, guint32 address)
{
    return (address & subnet->mask) == subnet->network;
}

/* ---- addresses that clients are to reach ---- */

static void
check_routers(struct check *check, const struct config_subnet *subnet,
              const struct command_line *view)
{
    char text[INET_ADDRSTRLEN];
    for (guint i = 0; i < subnet->routers->len; i++) {
        guint32 router = g_array_index(subnet->routers, guint32, i);
        if (!is_inside(subnet, router))
            check_found(check, CHECK_WRONG, view, "subnet-router",
                        "name the router's address in this network",
                        "clients cannot reach the router %s: it is outside %s",
                        config_address_text(router, text), options_string(view, "subnet-network"));
    }
}

static void
check_servers(struct check *check, const struct config_subnet *subnet,
              const struct command_line *view, const char *option, const GArray *servers)
{
    char text[INET_ADDRSTRLEN];
    for (guint i = 0; i < servers->len; i++) {
        guint32 server = g_array_index(servers, guint32, i);
        if (!is_inside(subnet, server) && subnet->routers->len == 0)
            check_found(check, CHECK_WRONG, view, option,
                        "name an address in this network, or its 'router'",
                        "clients cannot reach %s: it is outside %s, and they have no router",
                        config_address_text(server, text), options_string(view, "subnet-network"));
    }
}

/* The one that they get where none is named. */
static void
check_default_dns(struct check *check, const struct config_subnet *subnet,
                  const struct command_line *view)
{
    const struct config *config = check_config(check);
    char text[INET_ADDRSTRLEN];
    if (subnet->dns->len > 0 || config->service_address == 0 || !config->dns.enabled)
        return;
    if (!is_inside(subnet, config->service_address) && subnet->routers->len == 0)
        check_found(check, CHECK_WRONG, view, "subnet-dns",
                    "set 'dns' to an address in this network, or name its 'router'",
                    "clients cannot reach the service address %s, their DNS server: it is outside "
                    "%s, and they have no router",
                    config_address_text(config->service_address, text),
                    options_string(view, "subnet-network"));
}

/* ---- times, pools, names ---- */

static void
check_lease(struct check *check, const struct config_subnet *subnet,
            const struct command_line *view)
{
    if (subnet->lease < LEASE_SHORT)
        check_found(check, CHECK_NOTE, view, "subnet-lease", "an hour and more is usual",
                    "clients lose their address when no server answers for %u s", subnet->lease);
    else if (subnet->lease > LEASE_LONG)
        check_found(check, CHECK_NOTE, view, "subnet-lease", "a day is usual",
                    "the address of a client that came once is kept for %u days",
                    subnet->lease / (24 * 3600));
}

static gboolean
has_host(const struct config_dhcp *dhcp, const struct config_subnet *subnet)
{
    for (guint i = 0; i < dhcp->hosts->len; i++)
        if (is_inside(subnet, ((const struct config_host *)dhcp->hosts->pdata[i])->address))
            return TRUE;
    return FALSE;
}

static gboolean
is_private(const struct config_subnet *subnet)
{
    static const struct {
        guint32 network, mask;
    } ranges[] = {
        {0x0a000000, 0xff000000},                                                     /* RFC 1918 */
        {0xac100000, 0xfff00000}, {0xc0a80000, 0xffff0000}, {0x64400000, 0xffc00000}, /* RFC 6598 */
        {0xc0000200, 0xffffff00}, /* RFC 5737: examples, which labs use */
        {0xc6336400, 0xffffff00}, {0xcb007100, 0xffffff00}, {0x7f000000, 0xff000000},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(ranges); i++)
        if ((subnet->network & ranges[i].mask) == ranges[i].network)
            return TRUE;
    return FALSE;
}

static void
check_addresses(struct check *check, const struct config_subnet *subnet,
                const struct command_line *view)
{
    char begin[INET_ADDRSTRLEN], end[INET_ADDRSTRLEN];
    g_autofree char *give =
        g_strdup_printf("set 'pools', as in `pools = %s-%s`",
                        config_address_text(subnet->network + (~subnet->mask + 1) / 2, begin),
                        config_address_text((subnet->network | ~subnet->mask) - 1, end));
    if (subnet->pools->len == 0 && !has_host(&check_config(check)->dhcp, subnet))
        check_found(check, CHECK_NOTE, view, "subnet-pool", give,
                    "no client gets an address: there is neither a pool nor a [host]");
    if (!is_private(subnet))
        check_found(check, CHECK_NOTE, view, "subnet-network",
                    "use one of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16, unless it is yours",
                    "%s belongs to somebody in the Internet, whom clients cannot reach then",
                    options_string(view, "subnet-network"));
}

/* The zone of ours that a name is in, the longest; NULL: none. */
static const struct config_zone *
zone_of(const struct config_dns *dns, const char *name)
{
    const struct config_zone *found = NULL;
    for (guint i = 0; i < dns->zones->len; i++) {
        const struct config_zone *zone = dns->zones->pdata[i];
        const gsize behind = strlen(name), size = strlen(zone->name);
        if (behind >= size && strcmp(name + behind - size, zone->name) == 0 &&
            (behind == size || name[behind - size - 1] == '.') &&
            (found == NULL || size > strlen(found->name)))
            found = zone;
    }
    return found;
}

static void
check_domain(struct check *check, const struct config_subnet *subnet,
             const struct command_line *view)
{
    const struct config_dns *dns = &check_config(check)->dns;
    if (subnet->domain == NULL)
        return;
    const struct config_zone *zone = zone_of(dns, subnet->domain);
    if (!dns->enabled)
        check_found(check, CHECK_NOTE, view, "subnet-domain", "set `[dns] enabled = yes`",
                    "nobody can look up the names of clients: names are not served");
    else if (zone != NULL && zone->primaries->len > 0)
        check_found(check, CHECK_WRONG, view, "subnet-domain",
                    "use a name that is in no [zone] with 'primaries'",
                    "clients cannot get names in '%s': [zone %s], in line %u, is another server's",
                    subnet->domain, zone->name, zone->line);
    else if (zone != NULL && zone->sign && strcmp(zone->name, subnet->domain) == 0)
        check_found(check, CHECK_WRONG, view, "subnet-domain",
                    "use a name below it, as in lan.NAME",
                    "clients cannot get names in '%s': [zone %s], in line %u, is signed",
                    subnet->domain, zone->name, zone->line);
}

void
check_subnets(struct check *check)
{
    const struct config *config = check_config(check);
    for (guint i = 0; i < config->dhcp.subnets->len; i++) {
        const struct config_subnet *subnet = config->dhcp.subnets->pdata[i];
        const struct command_line *view = check_view(check, "subnet", i);
        check_routers(check, subnet, view);
        check_servers(check, subnet, view, "subnet-dns", subnet->dns);
        check_servers(check, subnet, view, "subnet-ntp", subnet->ntp);
        check_default_dns(check, subnet, view);
        check_lease(check, subnet, view);
        check_addresses(check, subnet, view);
        check_domain(check, subnet, view);
    }
}
