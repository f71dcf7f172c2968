#include "netsvc/address/kernel/reset.h"

#include "lib/base/fail.h"
#include "netsvc/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#define LISTENING (1 << 10) /* the kernel's TCP_LISTEN, as a bit of idiag_states */

struct reset {
    struct netlink *sockets; /* those of this machine */
    int raw;
};

struct reset *
reset_open(GError **error)
{
    AUTO(reset) *reset = g_new0(struct reset, 1);
    reset->raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
    if (reset->raw < 0) {
        fail_errno(error, errno, "cannot send packets that reset connections");
        return NULL;
    }
    reset->sockets = netlink_open(NETLINK_SOCK_DIAG, error);
    return reset->sockets != NULL ? g_steal_pointer(&reset) : NULL;
}

void
reset_free(struct reset *reset)
{
    if (reset == NULL)
        return;
    netlink_free(reset->sockets);
    if (reset->raw >= 0)
        close(reset->raw);
    g_free(reset);
}

/* ---- sockets of this machine ---- */

struct ends {
    int family;
    guint32 address; /* network byte order */
    GArray *found;   /* struct inet_diag_sockid */
};

/* A socket of IPv6 has IPv4's clients, too: ::ffff:10.0.0.1. */
static gboolean
is_at(const __be32 source[4], const struct ends *ends)
{
    if (ends->family == AF_INET)
        return source[0] == ends->address;
    return source[0] == 0 && source[1] == 0 && source[2] == htonl(0xffff) &&
           source[3] == ends->address;
}

static void
note_socket(const struct nlmsghdr *message, void *context)
{
    struct ends *ends = context;
    const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
    if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
        mnl_nlmsg_get_payload_len(message) >= sizeof *socket && is_at(socket->id.idiag_src, ends))
        g_array_append_val(ends->found, socket->id);
}

static struct inet_diag_req_v2 *
add_socket_message(struct netlink *sockets, struct netlink_request *request, guint type,
                   guint flags, int family)
{
    netlink_begin(sockets, request);
    struct inet_diag_req_v2 *body = mnl_nlmsg_get_payload(
        netlink_add(sockets, request, type, flags, sizeof(struct inet_diag_req_v2)));
    body->sdiag_family = (guint8)family;
    body->sdiag_protocol = IPPROTO_TCP;
    body->idiag_states = ~(guint32)LISTENING;
    return body;
}

static guint
destroy_sockets(struct netlink *sockets, guint32 address, int family)
{
    struct netlink_request request;
    g_autoptr(GArray) found = g_array_new(FALSE, TRUE, sizeof(struct inet_diag_sockid));
    struct ends ends = {family, htonl(address), found};
    guint destroyed = 0;
    add_socket_message(sockets, &request, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family);
    if (netlink_send(sockets, &request, note_socket, &ends) != 0)
        return 0;
    for (guint i = 0; i < found->len; i++) {
        add_socket_message(sockets, &request, SOCK_DESTROY, NLM_F_ACK, family)->id =
            g_array_index(found, struct inet_diag_sockid, i);
        destroyed += netlink_send(sockets, &request, NULL, NULL) == 0;
    }
    return destroyed;
}

/* ---- connections that are followed ---- */

struct followed {
    guint32 client;
    guint16 client_port, port;
    gboolean tcp;
    guint16 zone; /* network byte order, as it came */
    guint16 size;
    guint8 tuple[64]; /* CTA_TUPLE_ORIG as it came */
};

struct list {
    guint32 address;
    GArray *found; /* struct followed */
};

static gboolean
read_ip(const struct nlattr *nest, struct followed *one, guint32 *to)
{
    guint got = 0;
    NETLINK_EACH_IN(each, nest)
    {
        const guint type = mnl_attr_get_type(each);
        if (mnl_attr_get_payload_len(each) != sizeof(guint32))
            continue;
        if (type == CTA_IP_V4_SRC)
            one->client = ntohl(mnl_attr_get_u32(each)), got |= 1;
        else if (type == CTA_IP_V4_DST)
            *to = ntohl(mnl_attr_get_u32(each)), got |= 2;
    }
    return got == 3;
}

static void
read_ports(const struct nlattr *nest, struct followed *one)
{
    NETLINK_EACH_IN(each, nest)
    {
        const guint type = mnl_attr_get_type(each), size = mnl_attr_get_payload_len(each);
        if (type == CTA_PROTO_NUM && size == sizeof(guint8))
            one->tcp = mnl_attr_get_u8(each) == IPPROTO_TCP;
        else if (type == CTA_PROTO_SRC_PORT && size == sizeof(guint16))
            one->client_port = ntohs(mnl_attr_get_u16(each));
        else if (type == CTA_PROTO_DST_PORT && size == sizeof(guint16))
            one->port = ntohs(mnl_attr_get_u16(each));
    }
}

static gboolean
read_tuple(const struct nlattr *tuple, struct followed *one, guint32 *to)
{
    gboolean has_ip = FALSE;
    one->size = mnl_attr_get_payload_len(tuple);
    if (one->size > sizeof one->tuple)
        return FALSE;
    memcpy(one->tuple, mnl_attr_get_payload(tuple), one->size);
    NETLINK_EACH_IN(each, tuple)
    {
        if (mnl_attr_get_type(each) == CTA_TUPLE_IP)
            has_ip = read_ip(each, one, to);
        else if (mnl_attr_get_type(each) == CTA_TUPLE_PROTO)
            read_ports(each, one);
    }
    return has_ip;
}

static void
note_followed(const struct nlmsghdr *message, void *context)
{
    struct list *list = context;
    struct followed one = {0};
    guint32 to = 0;
    gboolean sound = FALSE;
    if (message->nlmsg_type >> 8 != NFNL_SUBSYS_CTNETLINK ||
        mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
        return;
    NETLINK_EACH(each, message, sizeof(struct nfgenmsg))
    {
        if (mnl_attr_get_type(each) == CTA_TUPLE_ORIG)
            sound = read_tuple(each, &one, &to);
        else if (mnl_attr_get_type(each) == CTA_ZONE &&
                 mnl_attr_get_payload_len(each) == sizeof one.zone)
            one.zone = mnl_attr_get_u16(each);
    }
    if (sound && to == list->address)
        g_array_append_val(list->found, one);
}

static struct nlmsghdr *
add_followed_message(struct netlink *filter, struct netlink_request *request, guint type,
                     guint flags)
{
    netlink_begin(filter, request);
    struct nlmsghdr *message = netlink_add(filter, request, NFNL_SUBSYS_CTNETLINK << 8 | type,
                                           flags, sizeof(struct nfgenmsg));
    struct nfgenmsg *head = mnl_nlmsg_get_payload(message);
    head->nfgen_family = AF_INET;
    head->version = NFNETLINK_V0;
    return message;
}

static gboolean
forget(struct netlink *filter, const struct followed *one)
{
    struct netlink_request request;
    struct nlmsghdr *message =
        add_followed_message(filter, &request, IPCTNL_MSG_CT_DELETE, NLM_F_ACK);
    mnl_attr_put(message, NLA_F_NESTED | CTA_TUPLE_ORIG, one->size, one->tuple);
    if (one->zone != 0)
        mnl_attr_put_u16(message, CTA_ZONE, one->zone);
    return netlink_send(filter, &request, NULL, NULL) == 0;
}

/* ---- clients that wait ---- */

/* RFC 1071, of bytes in network order. */
static guint32
add_up(const guint8 *data, gsize size, guint32 sum)
{
    for (gsize i = 0; i + 1 < size; i += 2)
        sum += bytes_get16(data + i);
    return sum;
}

static guint
fold(guint32 sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

void
reset_write(guint8 out[RESET_SEGMENT], guint32 from, guint16 from_port, guint32 to, guint16 to_port,
            guint32 number)
{
    guint8 *tcp = out + 20;
    memset(out, 0, RESET_SEGMENT);
    out[0] = 0x45;
    bytes_put16(out + 2, RESET_SEGMENT);
    bytes_put16(out + 6, 0x4000); /* not to be fragmented */
    out[8] = 64;
    out[9] = IPPROTO_TCP;
    bytes_put32(out + 12, from);
    bytes_put32(out + 16, to);
    bytes_put16(out + 10, fold(add_up(out, 20, 0)));
    bytes_put16(tcp, from_port);
    bytes_put16(tcp + 2, to_port);
    bytes_put32(tcp + 4, number);
    bytes_put32(tcp + 8, number);
    tcp[12] = 5 << 4; /* words of its head */
    tcp[13] = TH_ACK;
    bytes_put16(tcp + 16, fold(add_up(tcp, 20, add_up(out + 12, 8, IPPROTO_TCP + 20))));
}

static void
nudge(const struct reset *reset, guint32 address, const struct followed *one)
{
    const struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(one->client)};
    guint8 segment[RESET_SEGMENT];
    reset_write(segment, address, one->port, one->client, one->client_port, g_random_int());
    if (sendto(reset->raw, segment, sizeof segment, 0, (const struct sockaddr *)&to, sizeof to) < 0)
        return; /* the fence resets it when it sends */
}

guint
reset_all(struct reset *reset, struct netlink *filter, guint32 address)
{
    struct netlink_request request;
    g_autoptr(GArray) found = g_array_new(FALSE, TRUE, sizeof(struct followed));
    struct list list = {address, found};
    guint ended = destroy_sockets(reset->sockets, address, AF_INET) +
                  destroy_sockets(reset->sockets, address, AF_INET6);
    add_followed_message(filter, &request, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
    if (netlink_send(filter, &request, note_followed, &list) != 0)
        return ended;
    for (guint i = 0; i < found->len; i++) {
        const struct followed *one = &g_array_index(found, struct followed, i);
        ended += forget(filter, one);
        if (one->tcp)
            nudge(reset, address, one);
    }
    return ended;
}
