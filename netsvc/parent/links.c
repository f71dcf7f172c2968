#include "netsvc/parent/links.h"

#include "lib/base/fail.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

struct links {
    int fd;
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

/* What exactly has changed is found by looking. */
static void
has_come(evutil_socket_t fd, short what, void *context)
{
    char block[8192];
    (void)what;
    while (recv(fd, block, sizeof block, MSG_DONTWAIT) > 0 || errno == ENOBUFS)
        errno = 0;
    links_look(context);
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
