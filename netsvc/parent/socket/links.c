#include "netsvc/parent/socket/links.h"

#include "lib/base/fail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

struct links {
    int fd;
    guint32 ignored; /* network byte order */
    struct event *readable, *settled;
    void (*changed)(void *context);
    void *context;
};

void
links_look(struct links *links)
{
    const struct timeval settle = {.tv_usec = LINKS_SETTLE_MS * 1000};
    if (!evtimer_pending(links->settled, NULL)) /* one that flaps is no reason to wait */
        evtimer_add(links->settled, &settle);
}

void
links_ignore(struct links *links, guint32 address)
{
    links->ignored = htonl(address);
}

static int
find_local(const struct nlattr *attribute, void *address)
{
    if (mnl_attr_get_type(attribute) == IFA_LOCAL &&
        mnl_attr_get_payload_len(attribute) == sizeof(guint32))
        memcpy(address, mnl_attr_get_payload(attribute), sizeof(guint32));
    return MNL_CB_OK;
}

static gboolean
is_ignored(const struct links *links, const struct nlmsghdr *message)
{
    guint32 address = 0;
    if (message->nlmsg_type != RTM_NEWADDR && message->nlmsg_type != RTM_DELADDR)
        return FALSE;
    mnl_attr_parse(message, sizeof(struct ifaddrmsg), find_local, &address);
    return links->ignored != 0 && address == links->ignored;
}

static gboolean
matters(const struct links *links, const struct nlmsghdr *message, int size)
{
    for (; mnl_nlmsg_ok(message, size); message = mnl_nlmsg_next(message, &size))
        if (!is_ignored(links, message))
            return TRUE;
    return FALSE;
}

/* What exactly has changed is found by looking. */
static void
has_come(evutil_socket_t fd, short what, void *context)
{
    struct links *links = context;
    union {
        struct nlmsghdr head;
        char bytes[8192];
    } block;
    ssize_t size;
    gboolean changed = FALSE;
    (void)what;
    while ((size = recv(fd, &block, sizeof block, MSG_DONTWAIT)) > 0 || errno == ENOBUFS) {
        changed = changed || size <= 0 || matters(links, &block.head, (int)size);
        errno = 0;
    }
    if (changed)
        links_look(links);
}

static void
has_settled(evutil_socket_t fd, short what, void *context)
{
    struct links *links = context;
    (void)fd;
    (void)what;
    links->changed(links->context);
}

struct links *
links_new(struct event_base *events, void (*changed)(void *context), void *context, GError **error)
{
    const struct sockaddr_nl address = {
        .nl_family = AF_NETLINK,
        .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR,
    };
    AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        fail_errno(error, errno, "cannot watch the interfaces");
        return NULL;
    }
    struct links *links = g_new0(struct links, 1);
    links->changed = changed;
    links->context = context;
    links->fd = fd_steal(&fd);
    links->readable = event_new(events, links->fd, EV_READ | EV_PERSIST, has_come, links);
    links->settled = evtimer_new(events, has_settled, links);
    event_add(links->readable, NULL);
    return links;
}

void
links_free(struct links *links)
{
    if (links == NULL)
        return;
    event_free(links->readable);
    event_free(links->settled);
    close(links->fd);
    g_free(links);
}
