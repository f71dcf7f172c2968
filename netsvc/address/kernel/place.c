#include "netsvc/address/kernel/place.h"

#include "lib/base/fail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>

#define WHOLE 32 /* bits: the prefix that it is put with */

/* ---- what is there ---- */

struct address {
    guint index;
    guint32 local; /* host byte order */
    guint prefix;
    gboolean is_static; /* it has no lifetime */
};

struct link {
    struct place place;
    gboolean ethernet;
};

static void
note_address(const struct nlmsghdr *message, void *context)
{
    const struct ifaddrmsg *head = mnl_nlmsg_get_payload(message);
    struct address address;
    if (message->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(message) < sizeof *head)
        return;
    address = (struct address){.index = head->ifa_index,
                               .prefix = head->ifa_prefixlen,
                               .is_static = (head->ifa_flags & IFA_F_PERMANENT) != 0};
    NETLINK_EACH(each, message, sizeof *head)
    {
        if (mnl_attr_get_type(each) == IFA_LOCAL &&
            mnl_attr_get_payload_len(each) == sizeof address.local) {
            address.local = ntohl(mnl_attr_get_u32(each));
            g_array_append_val((GArray *)context, address);
        }
    }
}

static void
note_link(const struct nlmsghdr *message, void *context)
{
    const struct ifinfomsg *head = mnl_nlmsg_get_payload(message);
    struct link link = {0};
    if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof *head)
        return;
    link.place.index = (guint)head->ifi_index;
    link.place.link = (head->ifi_flags & IFF_UP) != 0 && (head->ifi_flags & IFF_RUNNING) != 0;
    link.ethernet = head->ifi_type == ARPHRD_ETHER;
    NETLINK_EACH(each, message, sizeof *head)
    {
        const guint16 size = mnl_attr_get_payload_len(each);
        if (mnl_attr_get_type(each) == IFLA_IFNAME)
            g_strlcpy(link.place.name, mnl_attr_get_payload(each),
                      MIN(sizeof link.place.name, size));
        else if (mnl_attr_get_type(each) == IFLA_ADDRESS && size == sizeof link.place.mac)
            memcpy(link.place.mac, mnl_attr_get_payload(each), size);
    }
    g_array_append_val((GArray *)context, link);
}

static GArray *
list(struct netlink *route, guint type, gsize head, gsize size, netlink_take note)
{
    GArray *found = g_array_new(FALSE, TRUE, (guint)size);
    struct netlink_request request;
    netlink_begin(route, &request);
    struct rtgenmsg *family =
        mnl_nlmsg_get_payload(netlink_add(route, &request, type, NLM_F_DUMP, head));
    family->rtgen_family = type == RTM_GETADDR ? AF_INET : AF_UNSPEC;
    int cause = netlink_send(route, &request, note, found);
    if (cause != 0)
        g_array_set_size(found, 0);
    errno = cause;
    return found;
}

static GArray *
list_addresses(struct netlink *route)
{
    return list(route, RTM_GETADDR, sizeof(struct ifaddrmsg), sizeof(struct address), note_address);
}

/* ---- where it belongs ---- */

static gboolean
is_beside(const struct address *own, guint32 address)
{
    const guint32 mask = own->prefix == 0 ? 0 : ~(guint32)0 << (WHOLE - own->prefix);
    return own->prefix < WHOLE && own->local != address && ((own->local ^ address) & mask) == 0;
}

/* Bits of the smallest network of that interface that the address is in; 0: none. */
static guint
closeness(const GArray *addresses, guint index, guint32 address)
{
    guint best = 0;
    for (guint i = 0; i < addresses->len; i++) {
        const struct address *own = &g_array_index(addresses, struct address, i);
        if (own->index == index && is_beside(own, address))
            best = MAX(best, own->prefix);
    }
    return best;
}

gboolean
place_find(struct netlink *route, const char *name, guint32 address, struct place *place,
           GError **error)
{
    g_autoptr(GArray) links =
        list(route, RTM_GETLINK, sizeof(struct ifinfomsg), sizeof(struct link), note_link);
    g_autoptr(GArray) addresses = list_addresses(route);
    guint best = 0;
    for (guint i = 0; i < links->len; i++) {
        const struct link *link = &g_array_index(links, struct link, i);
        const guint bits = name == NULL ? closeness(addresses, link->place.index, address)
                           : strcmp(link->place.name, name) == 0 ? 1
                                                                 : 0;
        if (!link->ethernet || bits <= best)
            continue;
        best = bits;
        *place = link->place;
    }
    if (best > 0)
        return TRUE;
    if (name != NULL)
        return fail_set(error, FAIL_FAILED, "there is no interface '%s' for the service address",
                        name);
    return fail_set(error, FAIL_FAILED,
                    "no interface has an address in the service address's network\nhint: give this "
                    "node one there, or name the interface: `[failover] interface`");
}

/* ---- looking ---- */

gboolean
place_exists(struct netlink *route, guint32 address)
{
    g_autoptr(GArray) addresses = list_addresses(route);
    for (guint i = 0; i < addresses->len; i++)
        if (g_array_index(addresses, struct address, i).local == address)
            return TRUE;
    return FALSE;
}

static gboolean
find_name(struct netlink *route, guint index, char name[IF_NAMESIZE])
{
    g_autoptr(GArray) links =
        list(route, RTM_GETLINK, sizeof(struct ifinfomsg), sizeof(struct link), note_link);
    for (guint i = 0; i < links->len; i++) {
        const struct place *place = &g_array_index(links, struct link, i).place;
        if (place->index != index)
            continue;
        g_strlcpy(name, place->name, IF_NAMESIZE);
        return TRUE;
    }
    return FALSE;
}

gboolean
place_is_static(struct netlink *route, guint32 address, char name[IF_NAMESIZE])
{
    g_autoptr(GArray) addresses = list_addresses(route);
    for (guint i = 0; i < addresses->len; i++) {
        const struct address *each = &g_array_index(addresses, struct address, i);
        if (each->local == address && each->is_static)
            return find_name(route, each->index, name);
    }
    return FALSE;
}

static gboolean
is_linked(const GArray *links, guint index)
{
    for (guint i = 0; i < links->len; i++) {
        const struct place *place = &g_array_index(links, struct link, i).place;
        if (place->index == index)
            return place->link;
    }
    return FALSE;
}

gboolean
place_has_link(struct netlink *route, guint32 address)
{
    g_autoptr(GArray) links =
        list(route, RTM_GETLINK, sizeof(struct ifinfomsg), sizeof(struct link), note_link);
    g_autoptr(GArray) addresses = list_addresses(route);
    for (guint i = 0; i < addresses->len; i++) {
        const struct address *each = &g_array_index(addresses, struct address, i);
        if (each->local == address && is_linked(links, each->index))
            return TRUE;
    }
    return FALSE;
}

/* ---- putting and removing ---- */

static struct nlmsghdr *
add_message(struct netlink *route, struct netlink_request *request, guint type, guint flags,
            const struct address *address)
{
    struct nlmsghdr *message =
        netlink_add(route, request, type, flags | NLM_F_ACK, sizeof(struct ifaddrmsg));
    struct ifaddrmsg *head = mnl_nlmsg_get_payload(message);
    head->ifa_family = AF_INET;
    head->ifa_prefixlen = (guint8)address->prefix;
    head->ifa_index = address->index;
    mnl_attr_put_u32(message, IFA_LOCAL, htonl(address->local));
    mnl_attr_put_u32(message, IFA_ADDRESS, htonl(address->local));
    return message;
}

int
place_put(struct netlink *route, const struct place *place, guint32 address)
{
    const struct address wanted = {place->index, address, WHOLE, FALSE};
    const struct ifa_cacheinfo lifetime = {.ifa_prefered = PLACE_SECONDS,
                                           .ifa_valid = PLACE_SECONDS};
    struct netlink_request request;
    netlink_begin(route, &request);
    struct nlmsghdr *message =
        add_message(route, &request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &wanted);
    mnl_attr_put(message, IFA_CACHEINFO, sizeof lifetime, &lifetime);
    return netlink_send(route, &request, NULL, NULL);
}

static int
remove_one(struct netlink *route, const struct address *address)
{
    struct netlink_request request;
    netlink_begin(route, &request);
    add_message(route, &request, RTM_DELADDR, 0, address);
    int cause = netlink_send(route, &request, NULL, NULL);
    return cause == EADDRNOTAVAIL || cause == ENODEV ? 0 : cause; /* it has gone meanwhile */
}

static gboolean
is_at(const struct address *address, const struct place *place)
{
    return place != NULL && address->index == place->index && address->prefix == WHOLE;
}

gboolean
place_has(struct netlink *route, const struct place *place, guint32 address)
{
    g_autoptr(GArray) addresses = list_addresses(route);
    for (guint i = 0; i < addresses->len; i++) {
        const struct address *each = &g_array_index(addresses, struct address, i);
        if (each->local == address && is_at(each, place))
            return TRUE;
    }
    return FALSE;
}

int
place_remove(struct netlink *route, guint32 address, const struct place *except)
{
    g_autoptr(GArray) addresses = list_addresses(route);
    int removed = 0, failed = errno;
    for (guint i = 0; i < addresses->len; i++) {
        const struct address *each = &g_array_index(addresses, struct address, i);
        if (each->local != address || is_at(each, except))
            continue;
        int cause = remove_one(route, each);
        removed += cause == 0;
        failed = cause != 0 ? cause : failed;
    }
    errno = failed;
    return failed != 0 ? -1 : removed;
}
