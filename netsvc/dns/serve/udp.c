#include "netsvc/dns/serve/udp.h"

#include "netsvc/dns/wire/query.h"

#include <errno.h>

struct packet {
    struct asker asker;
    guint8 in[UDP_QUERY_MAX], out[QUERY_UDP_MAX];
};

struct udp {
    struct udp_role role;
    struct event *event;
    int fd;
    gboolean any; /* bound to no address in particular */
    struct mmsghdr in[UDP_BATCH], out[UDP_BATCH];
    struct iovec in_bytes[UDP_BATCH], out_bytes[UDP_BATCH];
    struct packet packets[UDP_BATCH];
};

/* ---- in ---- */

static void
make_ready(struct udp *udp, guint n)
{
    for (guint i = 0; i < n; i++) {
        struct msghdr *head = &udp->in[i].msg_hdr;
        head->msg_namelen = sizeof udp->packets[i].asker.address;
        head->msg_controllen = udp->any ? ASKER_CONTROL_SIZE : 0;
        head->msg_flags = 0;
    }
}

static void
prepare(struct udp *udp)
{
    for (guint i = 0; i < UDP_BATCH; i++) {
        struct packet *packet = &udp->packets[i];
        packet->asker.fd = udp->fd;
        udp->in_bytes[i] = (struct iovec){packet->in, sizeof packet->in};
        udp->in[i].msg_hdr = (struct msghdr){
            .msg_name = &packet->asker.address,
            .msg_iov = &udp->in_bytes[i],
            .msg_iovlen = 1,
            .msg_control = udp->any ? packet->asker.control : NULL,
        };
    }
    make_ready(udp, UDP_BATCH);
}

/* Where it came to is where the answer leaves from, by whatever way leads back. */
static void
take_destination(struct asker *asker, const struct msghdr *in)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(in);
    if (control != NULL && control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO)
        ((struct in_pktinfo *)(void *)CMSG_DATA(control))->ipi_ifindex = 0;
    asker->control_size = control != NULL ? in->msg_controllen : 0;
}

/* ---- out ---- */

static void
put_answer(struct udp *udp, guint n, guint from, gsize size)
{
    struct packet *packet = &udp->packets[from];
    udp->out_bytes[n] = (struct iovec){packet->out, size};
    udp->out[n].msg_hdr = (struct msghdr){
        .msg_name = &packet->asker.address,
        .msg_namelen = packet->asker.size,
        .msg_iov = &udp->out_bytes[n],
        .msg_iovlen = 1,
        .msg_control = packet->asker.control_size > 0 ? packet->asker.control : NULL,
        .msg_controllen = packet->asker.control_size,
    };
}

/* One that cannot be sent (its network is unreachable, the socket's buffer is full) is lost as
 * others on the way are; those behind it are not. */
static void
send_answers(struct udp *udp, guint n)
{
    for (guint sent = 0; sent < n;) {
        int done = sendmmsg(udp->fd, udp->out + sent, n - sent, MSG_DONTWAIT);
        if (done < 0 && errno == EINTR)
            continue;
        sent += done > 0 ? (guint)done : 1;
    }
}

guint
udp_take(struct udp *udp)
{
    int n = recvmmsg(udp->fd, udp->in, UDP_BATCH, MSG_DONTWAIT, NULL);
    if (n <= 0)
        return 0;
    guint answers = 0;
    for (guint i = 0; i < (guint)n; i++) {
        struct packet *packet = &udp->packets[i];
        packet->asker.size = udp->in[i].msg_hdr.msg_namelen;
        if (udp->any)
            take_destination(&packet->asker, &udp->in[i].msg_hdr);
        gsize size = udp->role.serve(udp->role.context, &packet->asker, packet->in,
                                     udp->in[i].msg_len, packet->out);
        if (size > 0)
            put_answer(udp, answers++, i, size);
    }
    send_answers(udp, answers);
    make_ready(udp, (guint)n);
    return (guint)n;
}

/* ---- the whole ---- */

static void
readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    for (guint i = 0; i < UDP_ROUNDS && udp_take(context) == UDP_BATCH; i++)
        ;
}

static gboolean
is_any(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return FALSE;
    if (address.ss_family == AF_INET)
        return ((struct sockaddr_in *)&address)->sin_addr.s_addr == htonl(INADDR_ANY);
    return address.ss_family == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(&((struct sockaddr_in6 *)&address)->sin6_addr);
}

static gboolean
tell_destination(int fd)
{
    const int on = 1;
    int domain = AF_INET;
    socklen_t size = sizeof domain;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0)
        return FALSE;
    return domain == AF_INET6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == 0
                              : setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0;
}

struct udp *
udp_new(struct event_base *events, int fd, const struct udp_role *role)
{
    struct udp *udp = g_new0(struct udp, 1);
    udp->role = *role;
    udp->fd = fd;
    udp->any = is_any(fd) && tell_destination(fd);
    prepare(udp);
    udp->event = event_new(events, fd, EV_READ | EV_PERSIST, readable, udp);
    event_add(udp->event, NULL);
    return udp;
}

void
udp_free(struct udp *udp)
{
    if (udp == NULL)
        return;
    event_free(udp->event);
    g_free(udp);
}
