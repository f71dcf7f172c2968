/* dhcp: [dhcp], [subnet NAME] and [host NAME]. */
#include "netsvc/config/part.h"
#include "netsvc/config/text.h"

#include "lib/base/fail.h"
#include "netsvc/dhcp/packet/dhcp_option.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#define PREFIX_MIN 8 /* of a subnet: more than 16 million clients are a mistake */
#define PREFIX_MAX 30
#define MTU_MIN 68 /* RFC 791, RFC 2132 5.1 */
#define HOST_LABEL 63
#define CLIENT_ID_MAX 255

/* ---- [subnet NAME] ---- */

static void
option_free(gpointer option)
{
    dhcp_option_free(option);
}

static void
subnet_free(gpointer data)
{
    struct config_subnet *subnet = data;
    g_free(subnet->name);
    g_free(subnet->interface);
    g_free(subnet->domain);
    g_array_unref(subnet->pools);
    g_array_unref(subnet->routers);
    g_array_unref(subnet->dns);
    g_array_unref(subnet->ntp);
    g_ptr_array_unref(subnet->search);
    g_ptr_array_unref(subnet->options);
    g_free(subnet);
}

static struct config_subnet *
subnet_new(void)
{
    struct config_subnet *subnet = g_new0(struct config_subnet, 1);
    subnet->pools = g_array_new(FALSE, TRUE, sizeof(struct config_range));
    subnet->routers = g_array_new(FALSE, TRUE, sizeof(guint32));
    subnet->dns = g_array_new(FALSE, TRUE, sizeof(guint32));
    subnet->ntp = g_array_new(FALSE, TRUE, sizeof(guint32));
    subnet->search = g_ptr_array_new_with_free_func(g_free);
    subnet->options = g_ptr_array_new_with_free_func(option_free);
    return subnet;
}

static gboolean
read_network(struct config_subnet *subnet, const struct command_line *view, GError **error)
{
    const char *text = options_string(view, "subnet-network");
    struct config_network network;
    guint32 address;
    if (!text_network(text, &network, error)) {
        options_blame(view, "subnet-network", error);
        return FALSE;
    }
    if (network.family != AF_INET || network.prefix < PREFIX_MIN || network.prefix > PREFIX_MAX)
        return config_wrong(
            view, "subnet-network", error,
            "'%s' is no IPv4 network with a prefix of %d to %d bits, such as 10.66.0.0/16", text,
            PREFIX_MIN, PREFIX_MAX);
    memcpy(&address, network.address, sizeof address);
    subnet->network = ntohl(address);
    subnet->prefix = network.prefix;
    subnet->mask = ~0u << (32 - network.prefix);
    return TRUE;
}

static gboolean
add_pool(gpointer list, const char *text, GError **error)
{
    struct config_range range;
    if (((GArray *)list)->len >= CONFIG_SUBNETS_MAX)
        return fail_set(error, FAIL_USAGE, "there are more than %d pools", CONFIG_SUBNETS_MAX);
    if (!text_range(text, &range, error))
        return FALSE;
    g_array_append_val((GArray *)list, range);
    return TRUE;
}

static gboolean
has_option(const GPtrArray *options, guint8 code)
{
    for (guint i = 0; i < options->len; i++)
        if (((const struct config_option *)options->pdata[i])->code == code)
            return TRUE;
    return FALSE;
}

static gboolean
add_option(gpointer list, const char *text, GError **error)
{
    struct config_option *option = dhcp_option_parse(text, error);
    if (option == NULL)
        return FALSE;
    if (has_option(list, option->code)) {
        fail_set(error, FAIL_USAGE, "'%s': option %u stands there twice", text, option->code);
        dhcp_option_free(option);
        return FALSE;
    }
    g_ptr_array_add(list, option);
    return TRUE;
}

static int
compare_ranges(gconstpointer a, gconstpointer b)
{
    const struct config_range *first = a, *second = b;
    return first->first < second->first ? -1 : first->first > second->first;
}

/* The addresses that no client can have: the network's own and the broadcast one. */
static gboolean
check_pools(const struct config_subnet *subnet, const struct command_line *view, GError **error)
{
    const guint32 begin = subnet->network + 1, end = (subnet->network | ~subnet->mask) - 1;
    char first[INET_ADDRSTRLEN], last[INET_ADDRSTRLEN];
    char lowest[INET_ADDRSTRLEN], highest[INET_ADDRSTRLEN];
    g_array_sort(subnet->pools, compare_ranges);
    for (guint i = 0; i < subnet->pools->len; i++) {
        const struct config_range *pool = &g_array_index(subnet->pools, struct config_range, i);
        config_address_text(pool->first, first);
        config_address_text(pool->last, last);
        if (pool->first < begin || pool->last > end)
            return config_wrong(
                view, "subnet-pool", error,
                "%s-%s is not inside the network %s\nhint: its clients can have %s-%s: its "
                "first address names the network, and its last one all of it",
                first, last, options_string(view, "subnet-network"),
                config_address_text(begin, lowest), config_address_text(end, highest));
        if (i > 0 && pool->first <= pool[-1].last)
            return config_wrong(view, "subnet-pool", error, "%s-%s overlaps the pool before it",
                                first, last);
    }
    return TRUE;
}

/* What would lock clients out: the service address as a pool's or as the router. */
static gboolean
check_service(const struct config *config, const struct config_subnet *subnet,
              const struct command_line *view, GError **error)
{
    char text[INET_ADDRSTRLEN];
    if (config->service_address == 0)
        return TRUE;
    config_address_text(config->service_address, text);
    if (config_pool_of(subnet, config->service_address) != NULL)
        return config_wrong(view, "subnet-pool", error,
                            "a pool holds the service address %s\nhint: leave it out, as in "
                            "FIRST-BEFORE;BEHIND-LAST",
                            text);
    for (guint i = 0; i < subnet->routers->len; i++)
        if (g_array_index(subnet->routers, guint32, i) == config->service_address)
            return config_wrong(view, "subnet-router", error,
                                "the service address %s is no router: it moves from node to node",
                                text);
    return TRUE;
}

/* As many as one option holds. */
static gboolean
check_search(const struct config_subnet *subnet, const struct command_line *view, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_ptr_array_extend(names, subnet->search, NULL, NULL);
    g_ptr_array_add(names, NULL);
    gboolean fit = dhcp_option_add_domains(bytes, (const char *const *)names->pdata, error);
    if (!fit)
        options_blame(view, "subnet-search", error);
    return fit;
}

static gboolean
read_lists(struct config_subnet *subnet, const struct command_line *view, GError **error)
{
    return config_each(view, "subnet-pool", add_pool, subnet->pools, error) &&
           config_each(view, "subnet-router", config_add_address, subnet->routers, error) &&
           config_each(view, "subnet-dns", config_add_address, subnet->dns, error) &&
           config_each(view, "subnet-ntp", config_add_address, subnet->ntp, error) &&
           config_each(view, "subnet-search", config_add_domain, subnet->search, error) &&
           config_each(view, "subnet-option", add_option, subnet->options, error) &&
           check_search(subnet, view, error);
}

static gboolean
read_values(struct config_subnet *subnet, const struct command_line *view, GError **error)
{
    const char *domain = options_string(view, "subnet-domain");
    const char *interface = options_string(view, "subnet-interface");
    gint64 mtu = options_integer(view, "subnet-mtu");
    subnet->lease = (guint32)options_integer(view, "subnet-lease");
    subnet->lease_max = (guint32)options_integer(view, "subnet-lease-max");
    subnet->mtu = (guint16)mtu;
    subnet->interface = g_strdup(interface);
    if (interface != NULL && strlen(interface) >= IF_NAMESIZE)
        return config_wrong(view, "subnet-interface", error, "'%s' is no name of an interface",
                            interface);
    if (mtu != 0 && mtu < MTU_MIN)
        return config_wrong(view, "subnet-mtu", error, "it is less than %d", MTU_MIN);
    if (subnet->lease > subnet->lease_max && options_given(view, "subnet-lease-max"))
        return config_wrong(view, "subnet-lease-max", error, "it is less than 'lease'");
    subnet->lease_max = MAX(subnet->lease, subnet->lease_max);
    if (domain == NULL)
        return TRUE;
    subnet->domain = text_name(domain, FALSE, error);
    if (subnet->domain == NULL)
        options_blame(view, "subnet-domain", error);
    return subnet->domain != NULL;
}

static gboolean
check_overlap(const struct config_dhcp *dhcp, const struct config_subnet *subnet,
              const struct command_line *view, GError **error)
{
    for (guint i = 0; i + 1 < dhcp->subnets->len; i++) {
        const struct config_subnet *other = dhcp->subnets->pdata[i];
        const guint32 mask = other->mask & subnet->mask;
        if (mask != 0 && (other->network & mask) == (subnet->network & mask)) /* 0: a mistake */
            return config_wrong(view, "subnet-network", error,
                                "it overlaps [subnet %s], in line %u", other->name, other->line);
    }
    return TRUE;
}

static gboolean
read_subnet(struct config *config, const struct command_line *view, GError **error)
{
    struct config_subnet *subnet = subnet_new();
    g_ptr_array_add(config->dhcp.subnets, subnet);
    subnet->name = g_strdup(options_instance_name(view));
    subnet->line = options_instance_line(view);
    if (config->dhcp.subnets->len > CONFIG_SUBNETS_MAX)
        return config_wrong(view, "subnet-network", error, "there are more than %d subnets",
                            CONFIG_SUBNETS_MAX);
    return read_network(subnet, view, error) && check_overlap(&config->dhcp, subnet, view, error) &&
           read_lists(subnet, view, error) && read_values(subnet, view, error) &&
           check_pools(subnet, view, error) && check_service(config, subnet, view, error);
}

/* ---- [host NAME] ---- */

static void
host_free(gpointer data)
{
    struct config_host *host = data;
    g_free(host->name);
    g_clear_pointer(&host->client_id, g_bytes_unref);
    g_free(host);
}

static gboolean
read_mac(struct config_host *host, const struct command_line *view, GError **error)
{
    const char *text = options_string(view, "host-mac");
    gsize size = 0;
    if (text == NULL)
        return TRUE;
    g_autoptr(GBytes) bytes = text_hex(text, CONFIG_MAC_SIZE, NULL);
    const guint8 *data = bytes != NULL ? g_bytes_get_data(bytes, &size) : NULL;
    if (size != CONFIG_MAC_SIZE)
        return config_wrong(view, "host-mac", error,
                            "'%s' is no hardware address such as 52:54:00:12:34:56", text);
    memcpy(host->mac, data, CONFIG_MAC_SIZE);
    host->has_mac = TRUE;
    return TRUE;
}

static gboolean
read_client_id(struct config_host *host, const struct command_line *view, GError **error)
{
    const char *text = options_string(view, "host-client-id");
    if (text == NULL)
        return TRUE;
    host->client_id = text_hex(text, CLIENT_ID_MAX, error);
    if (host->client_id == NULL)
        options_blame(view, "host-client-id", error);
    return host->client_id != NULL;
}

static gboolean
read_address(const struct config *config, struct config_host *host, const struct command_line *view,
             GError **error)
{
    const char *text = options_string(view, "host-address");
    if (!text_address(text, &host->address, error)) {
        options_blame(view, "host-address", error);
        return FALSE;
    }
    const struct config_subnet *subnet = config_subnet_of(&config->dhcp, host->address);
    if (subnet == NULL)
        return config_wrong(view, "host-address", error, "%s is in no [subnet]", text);
    if (host->address == subnet->network || host->address == (subnet->network | ~subnet->mask))
        return config_wrong(view, "host-address", error, "%s is no host's: it names the network",
                            text);
    if (host->address == config->service_address)
        return config_wrong(view, "host-address", error, "%s is the service address", text);
    return TRUE;
}

static gboolean
is_same_client(const struct config_host *a, const struct config_host *b)
{
    if (a->has_mac && b->has_mac && memcmp(a->mac, b->mac, CONFIG_MAC_SIZE) == 0)
        return TRUE;
    return a->client_id != NULL && b->client_id != NULL &&
           g_bytes_equal(a->client_id, b->client_id);
}

/* One client may have a reservation in each of several subnets, as laptops that move do. */
static gboolean
check_others(const struct config_dhcp *dhcp, const struct config_host *host,
             const struct command_line *view, GError **error)
{
    for (guint i = 0; i + 1 < dhcp->hosts->len; i++) {
        const struct config_host *other = dhcp->hosts->pdata[i];
        if (other->address == host->address)
            return config_wrong(view, "host-address", error, "[host %s] has it already, in line %u",
                                other->name, other->line);
        if (is_same_client(host, other) &&
            config_subnet_of(dhcp, host->address) == config_subnet_of(dhcp, other->address))
            return config_wrong(view, host->has_mac ? "host-mac" : "host-client-id", error,
                                "[host %s] is the same client, in line %u", other->name,
                                other->line);
    }
    return TRUE;
}

static gboolean
read_host(struct config *config, const struct command_line *view, GError **error)
{
    struct config_host *host = g_new0(struct config_host, 1);
    g_ptr_array_add(config->dhcp.hosts, host);
    host->line = options_instance_line(view);
    host->name = text_name(options_instance_name(view), FALSE, error);
    if (host->name != NULL &&
        (strchr(host->name, '.') != NULL || strlen(host->name) > HOST_LABEL)) {
        g_clear_pointer(&host->name, g_free);
        fail_set(error, FAIL_USAGE, "'%s' is no name without a dot", options_instance_name(view));
    }
    if (host->name == NULL) {
        g_prefix_error(error, "%s:%u: [host]: ", options_string(view, "config"), host->line);
        return FALSE;
    }
    if (config->dhcp.hosts->len > CONFIG_NAMES_MAX)
        return config_wrong(view, "host-address", error, "there are more than %d hosts",
                            CONFIG_NAMES_MAX);
    return read_mac(host, view, error) && read_client_id(host, view, error) &&
           read_address(config, host, view, error) &&
           check_others(&config->dhcp, host, view, error);
}

/* ---- all ---- */

static gboolean
read_each(struct config *config, const struct command_line *line, const char *section,
          gboolean (*read)(struct config *, const struct command_line *, GError **), GError **error)
{
    g_autoptr(GPtrArray) views = options_instances(line, section);
    for (guint i = 0; i < views->len; i++)
        if (!config_part(config, read(config, views->pdata[i], error), error))
            return FALSE;
    return TRUE;
}

gboolean
config_dhcp_read(struct config *config, const struct command_line *line, GError **error)
{
    struct config_dhcp *dhcp = &config->dhcp;
    dhcp->subnets = g_ptr_array_new_with_free_func(subnet_free);
    dhcp->hosts = g_ptr_array_new_with_free_func(host_free);
    dhcp->authoritative = options_flag(line, "authoritative");
    dhcp->probe = options_flag(line, "probe");
    dhcp->decline_rest = (guint32)options_integer(line, "decline-rest");
    dhcp->port = (guint16)options_integer(line, "dhcp-port");
    if (!read_each(config, line, "subnet", read_subnet, error))
        return FALSE;
    /* without the right subnets each host seems to be wrong */
    if ((config->mistakes == NULL || config->mistakes->len == 0) &&
        !read_each(config, line, "host", read_host, error))
        return FALSE;
    dhcp->enabled = dhcp->subnets->len > 0;
    return TRUE;
}

void
config_dhcp_clear(struct config_dhcp *dhcp)
{
    g_clear_pointer(&dhcp->subnets, g_ptr_array_unref);
    g_clear_pointer(&dhcp->hosts, g_ptr_array_unref);
}
