/* hosts: four lists in order of what is searched for. */
#include "netsvc/dhcp/choose/hosts.h"

#include <string.h>

struct hosts {
    GPtrArray *by_address, *by_mac, *by_id, *by_name; /* const struct config_host * */
};

static gint
compare_bytes(gconstpointer a, gsize a_size, gconstpointer b, gsize b_size)
{
    int order = memcmp(a, b, MIN(a_size, b_size));
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

static gint
order_address(gconstpointer a, gconstpointer b)
{
    const struct config_host *one = *(gconstpointer *)a, *other = *(gconstpointer *)b;
    return (one->address > other->address) - (one->address < other->address);
}

static gint
order_mac(gconstpointer a, gconstpointer b)
{
    const struct config_host *one = *(gconstpointer *)a, *other = *(gconstpointer *)b;
    return memcmp(one->mac, other->mac, CONFIG_MAC_SIZE);
}

static gint
order_id(gconstpointer a, gconstpointer b)
{
    const struct config_host *one = *(gconstpointer *)a, *other = *(gconstpointer *)b;
    return g_bytes_compare(one->client_id, other->client_id);
}

static gint
order_name(gconstpointer a, gconstpointer b)
{
    const struct config_host *one = *(gconstpointer *)a, *other = *(gconstpointer *)b;
    return g_ascii_strcasecmp(one->name, other->name);
}

/* ---- how one is compared with who asks ---- */

static gint
seek_address(const struct config_host *host, gconstpointer key)
{
    guint32 address = *(const guint32 *)key;
    return (host->address > address) - (host->address < address);
}

static gint
seek_mac(const struct config_host *host, gconstpointer key)
{
    return memcmp(host->mac, ((const struct hosts_who *)key)->mac, CONFIG_MAC_SIZE);
}

static gint
seek_id(const struct config_host *host, gconstpointer key)
{
    const struct hosts_who *who = key;
    gsize size;
    const guint8 *id = g_bytes_get_data(host->client_id, &size);
    return compare_bytes(id, size, who->id, who->id_size);
}

static gint
seek_name(const struct config_host *host, gconstpointer key)
{
    return g_ascii_strcasecmp(host->name, ((const struct hosts_who *)key)->name);
}

/* Of those that fit, the first in the network. */
static const struct config_host *
find(const GPtrArray *list, gint (*seek)(const struct config_host *, gconstpointer),
     gconstpointer key, guint32 network, guint32 mask)
{
    guint low = 0, high = list->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (seek(list->pdata[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < list->len && seek(list->pdata[low], key) == 0; low++) {
        const struct config_host *host = list->pdata[low];
        if ((host->address & mask) == network)
            return host;
    }
    return NULL;
}

/* ---- public ---- */

gboolean
hosts_by_name(const struct config_host *host)
{
    return !host->has_mac && host->client_id == NULL;
}

struct hosts *
hosts_new(const struct config_dhcp *config)
{
    struct hosts *hosts = g_new0(struct hosts, 1);
    hosts->by_address = g_ptr_array_new();
    hosts->by_mac = g_ptr_array_new();
    hosts->by_id = g_ptr_array_new();
    hosts->by_name = g_ptr_array_new();
    for (guint i = 0; i < config->hosts->len; i++) {
        struct config_host *host = config->hosts->pdata[i];
        g_ptr_array_add(hosts->by_address, host);
        if (host->has_mac)
            g_ptr_array_add(hosts->by_mac, host);
        if (host->client_id != NULL)
            g_ptr_array_add(hosts->by_id, host);
        if (hosts_by_name(host))
            g_ptr_array_add(hosts->by_name, host);
    }
    g_ptr_array_sort(hosts->by_address, order_address);
    g_ptr_array_sort(hosts->by_mac, order_mac);
    g_ptr_array_sort(hosts->by_id, order_id);
    g_ptr_array_sort(hosts->by_name, order_name);
    return hosts;
}

void
hosts_free(struct hosts *hosts)
{
    if (hosts == NULL)
        return;
    g_ptr_array_unref(hosts->by_address);
    g_ptr_array_unref(hosts->by_mac);
    g_ptr_array_unref(hosts->by_id);
    g_ptr_array_unref(hosts->by_name);
    g_free(hosts);
}

const struct config_host *
hosts_of_client(const struct hosts *hosts, guint32 network, guint32 mask,
                const struct hosts_who *who)
{
    const struct config_host *host = NULL;
    if (who->id != NULL)
        host = find(hosts->by_id, seek_id, who, network, mask);
    if (host == NULL && who->mac != NULL)
        host = find(hosts->by_mac, seek_mac, who, network, mask);
    if (host == NULL && who->name[0] != '\0')
        host = find(hosts->by_name, seek_name, who, network, mask);
    return host;
}

const struct config_host *
hosts_of_address(const struct hosts *hosts, guint32 address)
{
    return find(hosts->by_address, seek_address, &address, 0, 0);
}
