/* failover: [peer NAME] and [failover]. */
#include "netsvc/config/part.h"
#include "netsvc/config/text.h"

#include "lib/base/fail.h"

#include <net/if.h>
#include <string.h>

#define LINK_PORT 7402
#define HTTP_PORT 80
#define PATHS_MAX 4 /* addresses of one node */

static void
node_free(gpointer data)
{
    struct config_node *node = data;
    g_free(node->name);
    g_free(node->couchdb);
    g_array_unref(node->addresses);
    g_free(node);
}

static gboolean
add_path(gpointer list, const char *text, GError **error)
{
    struct config_peer peer;
    if (((GArray *)list)->len >= PATHS_MAX)
        return fail_set(error, FAIL_USAGE, "there are more than %d addresses", PATHS_MAX);
    if (!text_peer(text, LINK_PORT, &peer, error))
        return FALSE;
    g_array_append_val((GArray *)list, peer);
    return TRUE;
}

static gboolean
is_service(const struct config *config, const struct config_peer *peer)
{
    const struct sockaddr_in *in = (const void *)&peer->address;
    return peer->address.ss_family == AF_INET &&
           ntohl(in->sin_addr.s_addr) == config->service_address;
}

/* Of the nodes that were read before; NULL: none has it. */
static const char *
who_has(const struct config *config, const struct config_node *node, const struct config_peer *peer)
{
    for (guint i = 0; i < config->nodes->len; i++) {
        const struct config_node *each = config->nodes->pdata[i];
        for (guint j = 0; each != node && j < each->addresses->len; j++) {
            const struct config_peer *its = &g_array_index(each->addresses, struct config_peer, j);
            if (its->size == peer->size && memcmp(&its->address, &peer->address, peer->size) == 0)
                return each->name;
        }
    }
    return NULL;
}

static gboolean
check_path(const struct config *config, const struct config_node *node,
           const struct config_peer *peer, const struct command_line *view, GError **error)
{
    const char *other = who_has(config, node, peer);
    if (is_service(config, peer))
        return config_wrong(view, "peer-address", error,
                            "that is the service address, which moves: name the node's own");
    return other == NULL || config_wrong(view, "peer-address", error,
                                         "[peer %s] has the same one: name each node's own", other);
}

static gboolean
read_node(struct config *config, const struct command_line *view, GError **error)
{
    struct config_node *node = g_new0(struct config_node, 1);
    node->name = g_strdup(options_instance_name(view));
    node->couchdb = g_strdup(options_string(view, "peer-couchdb"));
    node->addresses = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    node->line = options_instance_line(view);
    g_ptr_array_add(config->nodes, node);
    if (!config_each(view, "peer-address", add_path, node->addresses, error))
        return FALSE;
    for (guint i = 0; i < node->addresses->len; i++)
        if (!check_path(config, node, &g_array_index(node->addresses, struct config_peer, i), view,
                        error))
            return FALSE;
    return TRUE;
}

static gboolean
find_own(struct config *config, const struct command_line *line, GError **error)
{
    if (config->nodes->len == 0)
        return TRUE;
    if (config->nodes->len != 2)
        return fail_set(error, FAIL_USAGE,
                        "there %s %u [peer] section%s, where a pair has two\nhint: one for each "
                        "node, the same on both: [peer a] and [peer b]",
                        config->nodes->len == 1 ? "is" : "are", config->nodes->len,
                        config->nodes->len == 1 ? "" : "s");
    for (guint i = 0; i < 2; i++) {
        const struct config_node *node = config->nodes->pdata[i];
        if (strcmp(node->name, config->node) == 0) {
            config->own = node;
            config->other = config->nodes->pdata[1 - i];
        }
    }
    if (config->own == NULL)
        return config_wrong(line, "node", error,
                            "this node is '%s', and there is no [peer %s]\nhint: `name` under "
                            "[node] says which of the two [peer] sections is this machine",
                            config->node, config->node);
    return config->service_address != 0 ||
           fail_set(error, FAIL_USAGE,
                    "there is a pair, but no service address\nhint: service_address under [net]");
}

/* Whose length is that of the subnet which one of them is in; /24 where there is none. */
static guint32
network_of(const struct config *config, const struct config_peer *peer)
{
    const struct sockaddr_in *in = (const void *)&peer->address;
    const guint32 address = ntohl(in->sin_addr.s_addr);
    for (guint i = 0; i < config->dhcp.subnets->len; i++) {
        const struct config_subnet *subnet = config->dhcp.subnets->pdata[i];
        if ((address & subnet->mask) == subnet->network)
            return subnet->network;
    }
    return address & 0xffffff00;
}

static gboolean
has_one_network(const struct config *config, const struct config_node *node)
{
    for (guint i = 0; i < node->addresses->len; i++) {
        const struct config_peer *peer = &g_array_index(node->addresses, struct config_peer, i);
        if (peer->address.ss_family != AF_INET ||
            network_of(config, peer) !=
                network_of(config, &g_array_index(node->addresses, struct config_peer, 0)))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_automatic(struct config *config, const struct command_line *line, GError **error)
{
    struct config_failover *failover = &config->failover;
    failover->automatic = options_flag(line, "automatic");
    failover->automatic_after = (guint)options_integer(line, "automatic-after");
    if (!failover->automatic)
        return TRUE;
    if (failover->fence == NULL)
        return config_wrong(line, "automatic", error,
                            "it needs a hook that surely cuts the other node off\nhint: `fence` "
                            "under [failover]; or leave it to people: lifeboat failover --force");
    if (config->own == NULL || MIN(config->own->addresses->len, config->other->addresses->len) < 2)
        return config_wrong(line, "automatic", error,
                            "it needs a second path between the nodes, such as a cable of their "
                            "own\nhint: a second address in each [peer]");
    for (guint i = 0; i < config->nodes->len; i++)
        if (has_one_network(config, config->nodes->pdata[i]))
            return config_wrong(line, "automatic", error,
                                "it needs a second path between the nodes, and all addresses of "
                                "[peer %s] are in one network: where that fails, both seem off"
                                "\nhint: a cable from node to node, with a network of its own",
                                ((const struct config_node *)config->nodes->pdata[i])->name);
    return TRUE;
}

static gboolean
read_failover(struct config *config, const struct command_line *line, GError **error)
{
    struct config_failover *failover = &config->failover;
    failover->interface = g_strdup(options_string(line, "service-interface"));
    failover->boot_wait = (guint)options_integer(line, "boot-wait");
    failover->catch_up = (guint)options_integer(line, "catch-up");
    failover->tunnel = (guint16)options_integer(line, "tunnel");
    failover->start = g_strdup(options_string(line, "start-hook"));
    failover->stop = g_strdup(options_string(line, "stop-hook"));
    failover->fence = g_strdup(options_string(line, "fence-hook"));
    config->hook_seconds = (guint)options_integer(line, "hook-limit");
    if (failover->interface != NULL && strlen(failover->interface) >= IF_NAMESIZE)
        return config_wrong(line, "service-interface", error,
                            "'%s' is too long for an interface's name", failover->interface);
    return read_automatic(config, line, error);
}

/* What is wrong with it matters to the tunnel alone: the replicator can use such a URL. A user and
 * password in it are nothing to us. */
static void
read_source(struct config_source *source, const char *url)
{
    g_autofree char *scheme = NULL, *host = NULL;
    int port;
    if (url == NULL)
        return;
    if (!g_uri_split_network(url, G_URI_FLAGS_PARSE_RELAXED, &scheme, &host, &port, NULL)) {
        source->problem = "it is no URL";
        return;
    }
    const gboolean local = g_ascii_strcasecmp(host, "localhost") == 0;
    g_autofree char *address =
        g_strdup_printf(strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d", local ? "127.0.0.1" : host,
                        port > 0 ? port : HTTP_PORT);
    if (strcmp(scheme, "http") != 0)
        source->problem = "it is https: the tunnel is encrypted itself, and leads to http only";
    else if (!text_peer(address, HTTP_PORT, &source->address, NULL)) {
        source->address.size = 0;
        source->problem = "its host is a name: the tunnel leads to an address, or to localhost";
    }
}

gboolean
config_failover_read(struct config *config, const struct command_line *line, GError **error)
{
    g_autoptr(GPtrArray) views = options_instances(line, "peer");
    config->nodes = g_ptr_array_new_with_free_func(node_free);
    read_source(&config->source, options_string(line, "source"));
    for (guint i = 0; i < views->len; i++)
        if (!config_part(config, read_node(config, views->pdata[i], error), error))
            return FALSE;
    return config_part(config, find_own(config, line, error), error) &&
           read_failover(config, line, error);
}

void
config_failover_clear(struct config *config)
{
    if (config->nodes != NULL)
        g_ptr_array_unref(config->nodes);
    g_free(config->failover.interface);
    g_free(config->failover.start);
    g_free(config->failover.stop);
    g_free(config->failover.fence);
}
