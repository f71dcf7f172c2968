/*
 * netlink: a socket to one part of the kernel, which is asked and answers at once: its answer is
 * there when sending returns. And one that hears what changes.
 *
 * They are opened with root's rights; after that CAP_NET_ADMIN is enough, and no other system call
 * than sending and receiving.
 */
#pragma once

#include "lib/base/cleanup.h"

#include <libmnl/libmnl.h>

#define NETLINK_SPACE 16384 /* bytes of a request, which may be several messages */

struct netlink;

/* `protocol`: NETLINK_ROUTE, … */
struct netlink *netlink_open(int protocol, GError **error);
void netlink_free(struct netlink *netlink);
AUTO_DEFINE(netlink)

/* One that hears of these groups; a descriptor that does not block, -1: error. */
int netlink_listen(int protocol, const int *groups, gsize n, GError **error);

/* ---- a request ---- */

struct netlink_request {
    union {
        struct nlmsghdr head;
        char bytes[NETLINK_SPACE];
    } space;
    gsize size;
    gboolean ends;       /* netlink_want_answer was called */
    guint32 first, last; /* number of its first message, and of that whose answer is the end */
};

/* Begins an empty one. */
void netlink_begin(struct netlink *netlink, struct netlink_request *request);

/* Adds a message with `extra` bytes of the protocol's own head behind its head; what is put into it
 * by mnl_attr_put counts when the next one is added, or it is sent. */
struct nlmsghdr *netlink_add(struct netlink *netlink, struct netlink_request *request, guint type,
                             guint flags, gsize extra);

/* The message that was added last is the one whose answer ends it all, though others follow. */
void netlink_want_answer(struct netlink_request *request);

/* Each message that comes back; its head's type and size are sound. */
typedef void (*netlink_take)(const struct nlmsghdr *message, void *context);

/* Sends it and hears all that comes of it. 0, or the errno of the first message that failed. Unless
 * netlink_want_answer was called, the last message must be a dump, or ask for one (NLM_F_ACK). */
int netlink_send(struct netlink *netlink, struct netlink_request *request, netlink_take take,
                 void *context);

/* ---- what was heard ---- */

/* Whether others than this one did what the message tells of. */
gboolean netlink_is_foreign(const struct netlink *netlink, const struct nlmsghdr *message);

/* Hands over what has come; FALSE: something was missed. */
gboolean netlink_hear(int fd, netlink_take take, void *context);

/* ---- attributes of a message ---- */

static inline gboolean
netlink_has_attribute(const struct nlattr *each, const void *end)
{
    return mnl_attr_ok(each, (int)((const char *)end - (const char *)each));
}

/* Those behind the protocol's own head of so many bytes; and those in an attribute. */
#define NETLINK_EACH(each, message, head)                                                          \
    for (const struct nlattr *each = mnl_nlmsg_get_payload_offset(message, head);                  \
         netlink_has_attribute(each, mnl_nlmsg_get_payload_tail(message));                         \
         each = mnl_attr_next(each))
#define NETLINK_EACH_IN(each, nest)                                                                \
    for (const struct nlattr *each = mnl_attr_get_payload(nest); netlink_has_attribute(            \
             each, (const char *)mnl_attr_get_payload(nest) + mnl_attr_get_payload_len(nest));     \
         each = mnl_attr_next(each))
