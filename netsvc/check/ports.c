/* ports: other programs that serve where we are to. */
#include "netsvc/check/check.h"

#include "netsvc/check/procnet.h"
#include "netsvc/message.h"
#include "netsvc/parent/socket/wanted.h"

#include <arpa/inet.h>
#include <string.h>

#define OURS "lifeboat-netsvc"

/* How to stop those that one meets. */
static const struct {
    const char *process;
    const char *mend;
} known[] = {
    {"systemd-resolve",
     "put DNSStubListener=no into /etc/systemd/resolved.conf.d/lifeboat.conf, below "
     "[Resolve], then: systemctl restart systemd-resolved"},
    {"dnsmasq", "`systemctl disable --now dnsmasq`; where libvirt or LXC started it, end their "
                "network, as in `virsh net-destroy default`"},
    {"named", "`systemctl disable --now named`"},
    {"unbound", "`systemctl disable --now unbound`"},
    {"knotd", "`systemctl disable --now knot`"},
    {"kresd", "`systemctl disable --now 'kresd@*'`"},
    {"nsd", "`systemctl disable --now nsd`"},
    {"pdns_server", "`systemctl disable --now pdns`"},
    {"pihole-FTL", "`systemctl disable --now pihole-FTL`"},
    {"connmand", "start it with --nodnsproxy"},
    {"docker-proxy", "a container publishes that port: stop it, or publish it at another address"},
    {"dhcpd", "`systemctl disable --now isc-dhcp-server`"},
    {"kea-dhcp4", "`systemctl disable --now kea-dhcp4-server`"},
    {"udhcpd", "`systemctl disable --now udhcpd`"},
    {"systemd-network", "remove DHCPServer=yes from its .network file"},
};

static const char *
mend_for(const char *process, guint32 kind)
{
    static const char *const mends[MESSAGE_SOCKETS] = {
        [MESSAGE_DHCP] = "stop it: two DHCP servers in one network confuse its clients",
        [MESSAGE_HTTP] = "stop it, or have `[web] http` name another port",
        [MESSAGE_HTTPS] = "stop it, or have `[web] https` name another port",
        [MESSAGE_TUNNEL] = "stop it, or have `[failover] tunnel` name another port",
        [MESSAGE_LINK] = "stop it, or give the node's [peer] another port, on both nodes",
    };
    for (gsize i = 0; process != NULL && i < G_N_ELEMENTS(known); i++)
        if (strcmp(known[i].process, process) == 0)
            return known[i].mend;
    return mends[kind] != NULL ? mends[kind]
                               : "stop it, or have `[dns] listen` name other addresses";
}

/* ---- which ---- */

static gboolean
is_any(const guint8 address[16])
{
    static const guint8 any[16];
    return memcmp(address, any, sizeof any) == 0;
}

/* Whether it keeps us from the wanted one. At all addresses (of IPv6, too, which takes IPv4 with
 * it) is at each. */
static gboolean
is_in_the_way(const struct procnet_socket *socket, const struct message_socket *wanted)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&wanted->address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&wanted->address;
    guint8 address[16] = {0};
    const gboolean udp = wanted->kind == MESSAGE_DNS_UDP || wanted->kind == MESSAGE_DHCP;
    if (wanted->kind == MESSAGE_FRAME || wanted->kind == MESSAGE_ARP)
        return FALSE;
    if (socket->tcp == udp || socket->port != ntohs(in->sin_port))
        return FALSE;
    if (in->sin_family == AF_INET)
        memcpy(address, &in->sin_addr, sizeof in->sin_addr);
    else
        memcpy(address, &in6->sin6_addr, sizeof in6->sin6_addr);
    if (is_any(socket->address))
        return TRUE;
    return socket->family == in->sin_family &&
           (is_any(address) || memcmp(socket->address, address, sizeof address) == 0);
}

/* ---- telling ---- */

static char *
describe(const struct procnet_socket *socket)
{
    char text[INET6_ADDRSTRLEN];
    inet_ntop(socket->family, socket->address, text, sizeof text);
    return g_strdup_printf("port %u (%s) of %s", socket->port, socket->tcp ? "TCP" : "UDP",
                           is_any(socket->address) ? "all addresses" : text);
}

static void
tell(struct check *check, const struct procnet_socket *socket, guint32 kind, GHashTable *told)
{
    guint pid = 0;
    g_autofree char *process = procnet_owner(socket->inode, &pid), *where = describe(socket);
    g_autofree char *who =
        process != NULL ? g_strdup_printf("'%s' (process %u)", process, pid)
                        : g_strdup("another program (root sees which: `ss -lunp`, `ss -ltnp`)");
    if (g_strcmp0(process, OURS) == 0)
        return; /* it runs already */
    g_autofree char *key = g_strdup_printf("%u %u", pid, socket->port);
    if (process != NULL && !g_hash_table_add(told, g_steal_pointer(&key)))
        return;
    check_found(check, CHECK_MACHINE, NULL, NULL, mend_for(process, kind), "%s serves at %s", who,
                where);
}

/* It listens at an address of its own and is not in the way, but people ask. */
static void
explain_resolved(struct check *check, const struct procnet_socket *socket)
{
    guint pid = 0;
    if (socket->family != AF_INET || socket->tcp || socket->port != 53 ||
        socket->address[0] != 127 || socket->address[3] != 53)
        return;
    g_autofree char *process = procnet_owner(socket->inode, &pid);
    if (g_strcmp0(process, "systemd-resolve") == 0)
        check_found(check, CHECK_NOTE, NULL, NULL,
                    "so that the programs of this machine ask it, too: `resolvectl dns INTERFACE "
                    "ADDRESS`, with an address that is served",
                    "systemd-resolved serves at 127.0.0.53 for this machine alone: it is not in "
                    "the way");
}

void
check_ports(struct check *check)
{
    g_autoptr(GArray) wanted = g_array_new(FALSE, TRUE, sizeof(struct message_socket));
    g_autoptr(GPtrArray) absent = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GArray) sockets = procnet_sockets();
    wanted_list(check_config(check), wanted, absent);
    for (guint i = 0; i < sockets->len; i++) {
        const struct procnet_socket *socket = &g_array_index(sockets, struct procnet_socket, i);
        gboolean in_the_way = FALSE;
        guint32 kind = 0;
        for (guint k = 0; k < wanted->len && !in_the_way; k++) {
            const struct message_socket *one = &g_array_index(wanted, struct message_socket, k);
            in_the_way = is_in_the_way(socket, one);
            kind = one->kind;
        }
        if (in_the_way)
            tell(check, socket, kind, told);
        else
            explain_resolved(check, socket);
    }
}
