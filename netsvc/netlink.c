#include "netsvc/netlink.h"

#include "lib/base/fail.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define PATIENCE_SECONDS 2         /* for an answer, which is there already */
#define RECEIVED_MAX (64 * 1024)   /* bytes: a page of a dump is 32 KB at most */
#define HEARD_BUFFER (1024 * 1024) /* bytes that wait until they are heard */

struct netlink {
    struct mnl_socket *socket;
    guint32 number;
};

/* ---- opening ---- */

struct netlink *
netlink_open(int protocol, GError **error)
{
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    struct mnl_socket *socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
    if (socket == NULL || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
        setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &patience,
                   sizeof patience) != 0) {
        fail_errno(error, errno, "cannot talk to the kernel (netlink %d)", protocol);
        if (socket != NULL)
            mnl_socket_close(socket);
        return NULL;
    }
    struct netlink *netlink = g_new0(struct netlink, 1);
    netlink->socket = socket;
    return netlink;
}

void
netlink_free(struct netlink *netlink)
{
    if (netlink == NULL)
        return;
    mnl_socket_close(netlink->socket);
    g_free(netlink);
}

int
netlink_listen(int protocol, const int *groups, gsize n, GError **error)
{
    const struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    const int buffer = HEARD_BUFFER;
    AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    gboolean done = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    for (gsize i = 0; i < n && done; i++)
        done =
            setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof groups[i]) == 0;
    if (!done) {
        fail_errno(error, errno, "cannot hear of changes (netlink %d)", protocol);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    return fd_steal(&fd);
}

/* ---- a request ---- */

void
netlink_begin(struct netlink *netlink, struct netlink_request *request)
{
    memset(request, 0, sizeof *request);
    request->first = netlink->number + 1;
}

/* Takes what was put into the last message to its size. */
static void
close_last(struct netlink_request *request)
{
    const struct nlmsghdr *last = (const void *)(request->space.bytes + request->size);
    if (last->nlmsg_len > 0)
        request->size += MNL_ALIGN(last->nlmsg_len);
    g_assert(request->size <= NETLINK_SPACE / 2); /* ours, and of a known size */
}

struct nlmsghdr *
netlink_add(struct netlink *netlink, struct netlink_request *request, guint type, guint flags,
            gsize extra)
{
    close_last(request);
    struct nlmsghdr *message = mnl_nlmsg_put_header(request->space.bytes + request->size);
    message->nlmsg_type = (guint16)type;
    message->nlmsg_flags = (guint16)(NLM_F_REQUEST | flags);
    message->nlmsg_seq = ++netlink->number;
    if (!request->ends)
        request->last = message->nlmsg_seq;
    mnl_nlmsg_put_extra_header(message, extra);
    return message;
}

void
netlink_want_answer(struct netlink_request *request)
{
    struct nlmsghdr *last = (void *)(request->space.bytes + request->size);
    last->nlmsg_flags |= NLM_F_ACK;
    request->ends = TRUE;
}

/* Whether this ends the answer; *cause is the first failure. */
static gboolean
is_end(const struct netlink_request *request, const struct nlmsghdr *message, int *cause)
{
    int failed = 0;
    if (message->nlmsg_type == NLMSG_DONE) {
        if (mnl_nlmsg_get_payload_len(message) >= sizeof failed)
            memcpy(&failed, mnl_nlmsg_get_payload(message), sizeof failed);
    } else if (message->nlmsg_type == NLMSG_ERROR &&
               mnl_nlmsg_get_payload_len(message) >= sizeof(struct nlmsgerr)) {
        failed = ((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
    } else {
        return FALSE;
    }
    if (*cause == 0)
        *cause = -failed;
    /* where the first one fails as a whole, no more comes */
    return message->nlmsg_seq == request->last ||
           (failed != 0 && message->nlmsg_seq == request->first);
}

static gboolean
take_block(const struct netlink_request *request, const char *block, int size, netlink_take take,
           void *context, int *cause)
{
    const struct nlmsghdr *message = (const void *)block;
    for (; mnl_nlmsg_ok(message, size); message = mnl_nlmsg_next(message, &size)) {
        if (message->nlmsg_seq < request->first || message->nlmsg_seq > request->last)
            continue; /* of one before */
        if (is_end(request, message, cause))
            return TRUE;
        if (message->nlmsg_type >= NLMSG_MIN_TYPE && take != NULL)
            take(message, context);
    }
    return FALSE;
}

int
netlink_send(struct netlink *netlink, struct netlink_request *request, netlink_take take,
             void *context)
{
    g_autofree char *block = g_malloc(RECEIVED_MAX);
    int cause = 0;
    close_last(request);
    if (mnl_socket_sendto(netlink->socket, &request->space, request->size) < 0)
        return errno;
    for (;;) {
        ssize_t size = mnl_socket_recvfrom(netlink->socket, block, RECEIVED_MAX);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return cause != 0 ? cause : errno == EAGAIN ? ETIMEDOUT : errno;
        if (take_block(request, block, (int)size, take, context, &cause))
            return cause;
    }
}

/* ---- what was heard ---- */

gboolean
netlink_is_foreign(const struct netlink *netlink, const struct nlmsghdr *message)
{
    return message->nlmsg_pid != mnl_socket_get_portid(netlink->socket);
}

gboolean
netlink_hear(int fd, netlink_take take, void *context)
{
    g_autofree char *block = g_malloc(RECEIVED_MAX);
    for (;;) {
        ssize_t got = recv(fd, block, RECEIVED_MAX, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return errno == EAGAIN;
        int size = (int)got;
        const struct nlmsghdr *message = (const void *)block;
        for (; mnl_nlmsg_ok(message, size); message = mnl_nlmsg_next(message, &size))
            take(message, context);
    }
}
