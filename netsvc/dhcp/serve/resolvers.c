#include "netsvc/dhcp/serve/resolvers.h"

static guint32
address_of(const struct config_peer *peer)
{
    const struct sockaddr_in *in = (const void *)&peer->address;
    return in->sin_family == AF_INET ? ntohl(in->sin_addr.s_addr) : 0;
}

static gboolean
answers(const struct config *config, guint32 address)
{
    const GArray *listen = config->dns.listen;
    for (guint i = 0; i < listen->len; i++)
        if (address_of(&g_array_index(listen, struct config_peer, i)) == address)
            return TRUE;
    return listen->len == 0;
}

static void
add(GArray *all, const struct config *config, const struct config_subnet *subnet, guint32 address)
{
    const gboolean reached =
        (address & subnet->mask) == subnet->network || subnet->routers->len > 0;
    for (guint i = 0; i < all->len; i++)
        if (g_array_index(all, guint32, i) == address)
            return;
    if (address != 0 && reached && answers(config, address))
        g_array_append_val(all, address);
}

GArray *
resolvers_of(const struct config *config, const struct config_subnet *subnet, guint32 own)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(guint32));
    if (!config->dns.enabled)
        return all;
    add(all, config, subnet, config->service_address);
    for (guint i = 0; i < config->nodes->len; i++) {
        const struct config_node *node = config->nodes->pdata[i];
        if (node->addresses->len > 0) /* the others are cables between the two */
            add(all, config, subnet,
                address_of(&g_array_index(node->addresses, struct config_peer, 0)));
    }
    if (all->len == 0)
        add(all, config, subnet, own);
    return all;
}
