#include "netsvc/config/alike.h"
#include "netsvc/config/part.h"
#include "netsvc/config/text.h"

#include "lib/base/fail.h"

#include <arpa/inet.h>
#include <string.h>

#define DNS_PORT 53

/* ---- mistakes ---- */

gboolean
config_wrong(const struct command_line *view, const char *option, GError **error,
             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    fail_set(error, FAIL_USAGE, "%s", message);
    options_blame(view, option, error);
    return FALSE;
}

/* ---- lists ---- */

gboolean
config_each(const struct command_line *line, const char *option, config_add add, gpointer list,
            GError **error)
{
    for (const char *const *each = options_list(line, option); *each != NULL; each++)
        if (!add(list, *each, error)) {
            options_blame(line, option, error);
            if (strpbrk(*each, ", \t") != NULL && error != NULL)
                fail_add_hint(error, "several are separated by ;");
            return FALSE;
        }
    return TRUE;
}

gboolean
config_add_address(gpointer list, const char *text, GError **error)
{
    guint32 address;
    if (!text_address(text, &address, error))
        return FALSE;
    g_array_append_val((GArray *)list, address);
    return TRUE;
}

gboolean
config_add_network(gpointer list, const char *text, GError **error)
{
    struct config_network network;
    if (!text_network(text, &network, error))
        return FALSE;
    g_array_append_val((GArray *)list, network);
    return TRUE;
}

gboolean
config_add_dns_peer(gpointer list, const char *text, GError **error)
{
    struct config_peer peer;
    if (!text_peer(text, DNS_PORT, &peer, error))
        return FALSE;
    g_array_append_val((GArray *)list, peer);
    return TRUE;
}

gboolean
config_add_domain(gpointer list, const char *text, GError **error)
{
    char *name = text_name(text, FALSE, error);
    if (name != NULL)
        g_ptr_array_add(list, name);
    return name != NULL;
}

/* ---- the whole ---- */

static gboolean
read_net(struct config *config, const struct command_line *line, GError **error)
{
    const char *service = options_string(line, "service-address");
    config->node = g_strdup(options_string(line, "node"));
    config->keys = g_strdup(options_string(line, "keys"));
    config->user = g_strdup(options_string(line, "net-user"));
    config->replicator_user = g_strdup(options_string(line, "user"));
    config->state = g_strdup(options_string(line, "state"));
    config->control = g_strdup(options_string(line, "net-control"));
    if (service == NULL || text_address(service, &config->service_address, error))
        return TRUE;
    options_blame(line, "service-address", error);
    return FALSE;
}

static void
add_subnets(const struct config_dhcp *dhcp, GArray *networks)
{
    for (guint i = 0; i < dhcp->subnets->len; i++) {
        const struct config_subnet *subnet = dhcp->subnets->pdata[i];
        struct config_network network = {.family = AF_INET, .prefix = subnet->prefix};
        guint32 address = htonl(subnet->network);
        memcpy(network.address, &address, sizeof address);
        g_array_append_val(networks, network);
    }
}

/* What one part has from the other by default. */
static void
complete(struct config *config)
{
    if (config->dns.networks->len == 0)
        add_subnets(&config->dhcp, config->dns.networks);
    if (config->dns.address_networks->len == 0)
        add_subnets(&config->dhcp, config->dns.address_networks);
    if (config->cert.networks->len == 0)
        add_subnets(&config->dhcp, config->cert.networks);
    if (config->web.acme_networks->len == 0)
        add_subnets(&config->dhcp, config->web.acme_networks);
}

gboolean
config_part(struct config *config, gboolean done, GError **error)
{
    if (done || config->mistakes == NULL)
        return done;
    g_ptr_array_add(config->mistakes, *error);
    *error = NULL;
    return TRUE;
}

static struct config *
read_whole(const struct command_line *line, GPtrArray *mistakes, GError **error)
{
    AUTO(config) *config = g_new0(struct config, 1);
    config->mistakes = mistakes;
    if (!config_part(config, read_net(config, line, error), error) ||
        !config_part(config, config_dhcp_read(config, line, error), error) ||
        !config_part(config, config_dns_read(config, line, error), error) ||
        !config_part(config, config_failover_read(config, line, error), error) ||
        !config_part(config, config_cert_read(config, line, error), error))
        return NULL;
    if (mistakes != NULL && mistakes->len > 0)
        return NULL;
    config->mistakes = NULL;
    config->alike = alike_sums(line);
    complete(config);
    return g_steal_pointer(&config);
}

struct config *
config_read(const struct command_line *line, GError **error)
{
    return read_whole(line, NULL, error);
}

struct config *
config_read_all(const struct command_line *line, GPtrArray *mistakes)
{
    GError *error = NULL; /* each goes to the mistakes */
    return read_whole(line, mistakes, &error);
}

void
config_free(struct config *config)
{
    if (config == NULL)
        return;
    config_dns_clear(&config->dns);
    config_dhcp_clear(&config->dhcp);
    config_failover_clear(config);
    config_cert_clear(config);
    g_free(config->node);
    g_free(config->keys);
    g_free(config->user);
    g_free(config->replicator_user);
    g_free(config->state);
    g_free(config->control);
    g_free(config->alike);
    g_free(config);
}

/* ---- looking things up ---- */

const struct config_subnet *
config_subnet_of(const struct config_dhcp *dhcp, guint32 address)
{
    for (guint i = 0; i < dhcp->subnets->len; i++) {
        const struct config_subnet *subnet = dhcp->subnets->pdata[i];
        if ((address & subnet->mask) == subnet->network)
            return subnet;
    }
    return NULL;
}

const struct config_range *
config_pool_of(const struct config_subnet *subnet, guint32 address)
{
    for (guint i = 0; i < subnet->pools->len; i++) {
        const struct config_range *pool = &g_array_index(subnet->pools, struct config_range, i);
        if (address >= pool->first && address <= pool->last)
            return pool;
    }
    return NULL;
}

static gboolean
is_in(const struct config_network *network, const guint8 *address)
{
    const guint whole = network->prefix / 8, rest = network->prefix % 8;
    if (memcmp(network->address, address, whole) != 0)
        return FALSE;
    return rest == 0 || ((network->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

gboolean
config_networks_have(const GArray *networks, int family, const void *address)
{
    for (guint i = 0; i < networks->len; i++) {
        const struct config_network *network = &g_array_index(networks, struct config_network, i);
        if (network->family == family && is_in(network, address))
            return TRUE;
    }
    return FALSE;
}

const char *
config_address_text(guint32 address, char *text)
{
    struct in_addr in = {htonl(address)};
    return inet_ntop(AF_INET, &in, text, INET_ADDRSTRLEN);
}
