#include "netsvc/parent/socket/sockets.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/parent/socket/wanted.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>

#define RECEIVE_BUFFER (4 * 1024 * 1024) /* bytes: what comes in 33 ms of a disk that stalls */
#define LISTEN_BACKLOG 256

/* ---- options of sockets ---- */

static gboolean
set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/* Best effort: beyond the system's limit only root may go. */
static void
enlarge(int fd)
{
    if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER))
        set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
}

static socklen_t
size_of(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* ---- one of each kind; -1 and errno ---- */

static gboolean
is_at_address(const struct message_socket *what)
{
    return what->kind != MESSAGE_DHCP && what->kind != MESSAGE_FRAME && what->kind != MESSAGE_ARP;
}

static int
open_at_address(const struct message_socket *what)
{
    const gboolean tcp = what->kind != MESSAGE_DNS_UDP, six = what->address.ss_family == AF_INET6;
    AUTO_FD int fd = socket(what->address.ss_family,
                            (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (six && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) ||
        (tcp && !set(fd, SOL_SOCKET, SO_REUSEADDR, 1)))
        return -1;
    /* the address may come later, and go and come again, as the service address does */
    set(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_FREEBIND : IP_FREEBIND, 1);
    if (!tcp) {
        enlarge(fd);
        /* no path tells us how large an answer may be (RFC 9715) */
        set(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
            IP_PMTUDISC_OMIT /* IPv6 has the same */);
    }
    if (bind(fd, (const struct sockaddr *)&what->address, size_of(&what->address)) != 0 ||
        (tcp && listen(fd, LISTEN_BACKLOG) != 0))
        return -1;
    return fd_steal(&fd);
}

static int
open_dhcp(const struct message_socket *what)
{
    AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || !set(fd, SOL_SOCKET, SO_REUSEADDR, 1) || !set(fd, SOL_SOCKET, SO_BROADCAST, 1) ||
        !set(fd, IPPROTO_IP, IP_PKTINFO, 1) ||
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, what->interface,
                   (socklen_t)strlen(what->interface) + 1) != 0)
        return -1;
    enlarge(fd);
    if (bind(fd, (const struct sockaddr *)&what->address, size_of(&what->address)) != 0)
        return -1;
    return fd_steal(&fd);
}

/* With protocol 0 it receives nothing. */
static int
open_packet(const struct message_socket *what)
{
    const int protocol = what->kind == MESSAGE_ARP ? htons(ETH_P_ARP) : 0;
    const struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = (unsigned short)protocol,
        .sll_ifindex = (int)what->index,
    };
    AUTO_FD int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return -1;
    return fd_steal(&fd);
}

static int
open_one(const struct message_socket *what)
{
    if (is_at_address(what))
        return open_at_address(what);
    return what->kind == MESSAGE_DHCP ? open_dhcp(what) : open_packet(what);
}

/* ---- messages ---- */

static char *
describe(const struct message_socket *what)
{
    char text[INET6_ADDRSTRLEN];
    if (!is_at_address(what))
        return g_strdup_printf("%s on interface '%s'",
                               what->kind == MESSAGE_DHCP ? "the DHCP port" : "raw frames",
                               what->interface);
    const struct sockaddr_in *in = (const struct sockaddr_in *)&what->address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&what->address;
    const void *bytes = in->sin_family == AF_INET ? (const void *)&in->sin_addr : &in6->sin6_addr;
    inet_ntop(in->sin_family, bytes, text, sizeof text);
    return g_strdup_printf("%s, port %u (%s)", text, ntohs(in->sin_port),
                           what->kind == MESSAGE_DNS_UDP ? "UDP" : "TCP");
}

static const char *
hint_for(const struct message_socket *what)
{
    switch (what->kind) {
    case MESSAGE_HTTP:
    case MESSAGE_HTTPS:
        return "another program serves there (`ss -ltnp`): stop it, or have `[web] http` and "
               "`https` name other ports";
    case MESSAGE_LINK:
        return "another program serves there (`ss -ltnp`): stop it, or give the node's [peer] "
               "another port on both nodes, as in 10.0.0.1:7404";
    case MESSAGE_TUNNEL:
        return "another program serves there (`ss -ltnp`): stop it, or have `[failover] tunnel` "
               "name another port";
    default:
        return "another program serves there (`ss -lunp`, `ss -ltnp`): stop it, as in `systemctl "
               "disable --now dnsmasq`, or have `[dns] listen` name other addresses";
    }
}

static gboolean
cannot_open(const struct message_socket *what, int cause, GError **error)
{
    g_autofree char *text = describe(what);
    fail_errno(error, cause, "cannot serve at %s", text);
    if (cause == EADDRINUSE)
        fail_add_hint(error, hint_for(what));
    else if (cause == EACCES || cause == EPERM)
        fail_add_hint(error, "start it as root; it gives that up");
    return FALSE;
}

/* ---- the whole ---- */

/* Not byte by byte: what is between the members may be anything. */
static gboolean
is_same(const struct message_socket *a, const struct message_socket *b)
{
    return a->kind == b->kind && memcmp(&a->address, &b->address, sizeof a->address) == 0 &&
           strcmp(a->interface, b->interface) == 0 && a->index == b->index &&
           memcmp(a->mac, b->mac, sizeof a->mac) == 0 && a->own == b->own;
}

static int
find_before(const struct sockets *before, const struct message_socket *what)
{
    for (guint i = 0; before != NULL && i < before->held->len; i++) {
        const struct sockets_held *held = &g_array_index(before->held, struct sockets_held, i);
        if (is_same(&held->what, what))
            return held->fd;
    }
    return -1;
}

static gboolean
open_all(struct sockets *sockets, const GArray *wanted, const struct sockets *before,
         GError **error)
{
    for (guint i = 0; i < wanted->len; i++) {
        struct sockets_held held = {.what = g_array_index(wanted, struct message_socket, i)};
        int same = find_before(before, &held.what);
        held.fd = same >= 0 ? fcntl(same, F_DUPFD_CLOEXEC, 0) : open_one(&held.what);
        if (held.fd < 0)
            return cannot_open(&held.what, errno, error);
        g_array_append_val(sockets->held, held);
    }
    return TRUE;
}

struct sockets *
sockets_open(const struct config *config, const struct sockets *before, GError **error)
{
    AUTO(sockets) *sockets = g_new0(struct sockets, 1);
    g_autoptr(GArray) wanted = g_array_new(FALSE, TRUE, sizeof(struct message_socket));
    sockets->held = g_array_new(FALSE, TRUE, sizeof(struct sockets_held));
    sockets->absent = g_ptr_array_new_with_free_func(g_free);
    wanted_list(config, wanted, sockets->absent);
    return open_all(sockets, wanted, before, error) ? g_steal_pointer(&sockets) : NULL;
}

void
sockets_free(struct sockets *sockets)
{
    if (sockets == NULL)
        return;
    for (guint i = 0; i < sockets->held->len; i++)
        close(g_array_index(sockets->held, struct sockets_held, i).fd);
    g_array_unref(sockets->held);
    g_ptr_array_unref(sockets->absent);
    g_free(sockets);
}

gboolean
sockets_equal(const struct sockets *a, const struct sockets *b)
{
    if (a->held->len != b->held->len)
        return FALSE;
    for (guint i = 0; i < a->held->len; i++)
        if (!is_same(&g_array_index(a->held, struct sockets_held, i).what,
                     &g_array_index(b->held, struct sockets_held, i).what))
            return FALSE;
    return TRUE;
}

gboolean
sockets_are_for(const struct message_socket *socket, const char *role)
{
    static const char *const roles[MESSAGE_SOCKETS] = {
        [MESSAGE_DNS_UDP] = "dns", [MESSAGE_DNS_TCP] = "dns",   [MESSAGE_DHCP] = "dhcp",
        [MESSAGE_FRAME] = "dhcp",  [MESSAGE_ARP] = "dhcp",      [MESSAGE_HTTP] = "web",
        [MESSAGE_HTTPS] = "web",   [MESSAGE_LINK] = "failover", [MESSAGE_TUNNEL] = "failover",
    };
    return socket->kind < MESSAGE_SOCKETS && strcmp(role, roles[socket->kind]) == 0;
}
