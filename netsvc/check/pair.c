/* pair: what keeps this machine from being one of two nodes that share the service address. */
#include "netsvc/check/check.h"

#include "lib/base/fail.h"
#include "netsvc/address/kernel/fence.h"
#include "netsvc/address/kernel/place.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <unistd.h>

/* ---- the kernel ---- */

static void
check_rules(struct check *check, guint32 service)
{
    g_autoptr(GError) error = NULL;
    AUTO(netlink) *filter = netlink_open(NETLINK_NETFILTER, &error);
    int cause = filter != NULL ? fence_try(filter, service) : EPROTONOSUPPORT;
    if (cause != 0 && geteuid() == 0)
        check_found(check, CHECK_MACHINE, NULL, NULL,
                    "take a kernel with nf_tables and nft_reject, as all distributions have, or "
                    "`modprobe nf_tables nft_reject_ipv4 nft_ct`",
                    "clients cannot be fenced off when the other node takes over: this kernel has "
                    "no such rules (%s)",
                    g_strerror(cause));
}

/* ---- the service address ---- */

static void
check_service(struct check *check, struct netlink *route, guint32 service)
{
    const char *interface = check_config(check)->failover.interface;
    g_autoptr(GError) error = NULL;
    struct place place;
    char name[IF_NAMESIZE], text[INET_ADDRSTRLEN];
    config_address_text(service, text);
    if (place_is_static(route, service, name))
        check_found(
            check, CHECK_MACHINE, check_line(check), "service-address",
            "take it out of /etc/network/interfaces, netplan or wherever it is set up: with "
            "two nodes lifeboat-netsvc puts it on the one that is active",
            "%s is set up on interface '%s' for good: clients would find two nodes", text, name);
    if (place_find(route, interface, service, &place, &error))
        return;
    g_autofree char *message = fail_message(error->message);
    check_found(check, CHECK_MACHINE, check_line(check),
                interface != NULL ? "service-interface" : "service-address",
                fail_hint(error->message), "%s", message);
}

/* ---- which node this is ---- */

static gboolean
has_any(struct netlink *route, const struct config_node *node)
{
    for (guint i = 0; i < node->addresses->len; i++) {
        const struct config_peer *peer = &g_array_index(node->addresses, struct config_peer, i);
        const struct sockaddr_in *in = (const void *)&peer->address;
        if (in->sin_family != AF_INET || place_exists(route, ntohl(in->sin_addr.s_addr)))
            return TRUE; /* of IPv6 it is not known */
    }
    return FALSE;
}

static void
check_name(struct check *check, struct netlink *route)
{
    const struct config *config = check_config(check);
    if (has_any(route, config->own))
        return;
    if (has_any(route, config->other))
        check_found(check, CHECK_MACHINE, check_line(check), "node", "`name` under [node]",
                    "this machine has the address of [peer %s], but is called '%s'",
                    config->other->name, config->own->name);
    else
        check_found(check, CHECK_MACHINE, check_line(check), "node",
                    "correct `addresses` there, or give this machine one of them",
                    "this machine has none of the addresses of [peer %s], which it is: the other "
                    "node does not find it",
                    config->own->name);
}

void
check_pair(struct check *check)
{
    const struct config *config = check_config(check);
    g_autoptr(GError) error = NULL;
    if (config->own == NULL || config->service_address == 0)
        return;
    AUTO(netlink) *route = netlink_open(NETLINK_ROUTE, &error);
    if (route == NULL)
        return;
    check_rules(check, config->service_address);
    check_service(check, route, config->service_address);
    check_name(check, route);
}
