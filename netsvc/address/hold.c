#include "netsvc/address/hold.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/address/kernel/fence.h"
#include "netsvc/address/kernel/reset.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>

struct hold {
    guint32 address;
    char *interface;
    struct netlink *route, *filter;
    struct reset *reset;
    int addresses, rules; /* what is heard of each */
    struct place place;
    gboolean has_place;
    gboolean touched; /* while it is heard */
};

/* ---- opening ---- */

static gboolean
listen_to(struct hold *hold, GError **error)
{
    static const int links[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR}, tables[] = {NFNLGRP_NFTABLES};
    hold->addresses = netlink_listen(NETLINK_ROUTE, links, G_N_ELEMENTS(links), error);
    if (hold->addresses < 0)
        return FALSE;
    hold->rules = netlink_listen(NETLINK_NETFILTER, tables, G_N_ELEMENTS(tables), error);
    return hold->rules >= 0;
}

struct hold *
hold_new(guint32 address, const char *interface, GError **error)
{
    AUTO(hold) *hold = g_new0(struct hold, 1);
    hold->address = address;
    hold->interface = g_strdup(interface);
    hold->addresses = hold->rules = -1;
    hold->route = netlink_open(NETLINK_ROUTE, error);
    if (hold->route == NULL)
        return NULL;
    hold->filter = netlink_open(NETLINK_NETFILTER, error);
    if (hold->filter == NULL)
        return NULL;
    hold->reset = reset_open(error);
    return hold->reset != NULL && listen_to(hold, error) ? g_steal_pointer(&hold) : NULL;
}

void
hold_free(struct hold *hold)
{
    if (hold == NULL)
        return;
    netlink_free(hold->route);
    netlink_free(hold->filter);
    reset_free(hold->reset);
    if (hold->addresses >= 0)
        close(hold->addresses);
    if (hold->rules >= 0)
        close(hold->rules);
    g_free(hold->interface);
    g_free(hold);
}

/* ---- errors ---- */

static gboolean
rules_failed(int cause, GError **error)
{
    if (cause == 0)
        return TRUE;
    fail_errno(error, cause, "cannot set the rules that fence the service address (nftables)");
    if (cause == EOPNOTSUPP || cause == ENOENT || cause == EPROTONOSUPPORT)
        fail_add_hint(error, "this kernel has no nf_tables, or not all of it: `modprobe nf_tables "
                             "nft_reject_ipv4 nft_ct`");
    return FALSE;
}

static gboolean
address_failed(const struct hold *hold, int cause, GError **error)
{
    return cause == 0 ||
           fail_errno(error, cause, "cannot put the service address on '%s'", hold->place.name);
}

/* ---- steps ---- */

gboolean
hold_fence(struct hold *hold, GError **error)
{
    gboolean fenced = rules_failed(fence_set(hold->filter, hold->address, FALSE), error);
    guint ended = reset_all(hold->reset, hold->filter, hold->address);
    if (ended > 0)
        log_info("%u connections to the service address were reset", ended);
    int removed = place_remove(hold->route, hold->address, NULL);
    if (removed < 0 && fenced)
        fail_errno(error, errno, "cannot remove the service address");
    return fenced && removed >= 0;
}

gboolean
hold_place(struct hold *hold, struct place *place, GError **error)
{
    return place_find(hold->route, hold->interface, hold->address, place, error);
}

gboolean
hold_has_link(struct hold *hold, guint32 address)
{
    return place_has_link(hold->route, address);
}

static gboolean
find_place(struct hold *hold, GError **error)
{
    hold->has_place = hold_place(hold, &hold->place, error);
    return hold->has_place;
}

gboolean
hold_take(struct hold *hold, GError **error)
{
    return find_place(hold, error) &&
           rules_failed(fence_set(hold->filter, hold->address, FALSE), error) &&
           address_failed(hold, place_put(hold->route, &hold->place, hold->address), error) &&
           (place_remove(hold->route, hold->address, &hold->place) >= 0 ||
            address_failed(hold, errno, error));
}

gboolean
hold_open(struct hold *hold, GError **error)
{
    return rules_failed(fence_set(hold->filter, hold->address, TRUE), error);
}

gboolean
hold_keep(struct hold *hold, gboolean open, GError **error)
{
    int cause = open ? fence_renew(hold->filter, hold->address) : 0;
    if (cause != 0)
        cause = fence_set(hold->filter, hold->address, TRUE); /* somebody took it away */
    if (!rules_failed(cause, error))
        return FALSE;
    if (hold->has_place && place_put(hold->route, &hold->place, hold->address) == 0)
        return TRUE;
    return find_place(hold, error) &&
           address_failed(hold, place_put(hold->route, &hold->place, hold->address), error);
}

void
hold_look(struct hold *hold, gboolean *has, gboolean *open)
{
    *has = find_place(hold, NULL) && place_has(hold->route, &hold->place, hold->address);
    *open = *has && fence_is_open(hold->filter, hold->address);
}

/* ---- mending ---- */

gboolean
hold_mend_rules(struct hold *hold, gboolean open, GError **error)
{
    return rules_failed(fence_set(hold->filter, hold->address, open), error);
}

gboolean
hold_mend_address(struct hold *hold, gboolean held, guint *added, gboolean *lost, GError **error)
{
    *lost = FALSE;
    *added = 0;
    if (held && !find_place(hold, error))
        return FALSE; /* it is put there when its interface is back */
    const struct place *place = held ? &hold->place : NULL;
    if (held && !place_has(hold->route, place, hold->address)) {
        *lost = TRUE;
        if (!address_failed(hold, place_put(hold->route, place, hold->address), error))
            return FALSE;
    }
    int removed = place_remove(hold->route, hold->address, place);
    *added = removed > 0 ? (guint)removed : 0;
    return removed >= 0 || fail_errno(error, errno, "cannot remove the service address");
}

/* ---- hearing ---- */

static void
note_rule(const struct nlmsghdr *message, void *context)
{
    struct hold *hold = context;
    hold->touched = hold->touched || fence_was_touched(hold->filter, message);
}

static void
note_address(const struct nlmsghdr *message, void *context)
{
    struct hold *hold = context;
    hold->touched = hold->touched || netlink_is_foreign(hold->route, message);
}

int
hold_addresses_fd(const struct hold *hold)
{
    return hold->addresses;
}

int
hold_rules_fd(const struct hold *hold)
{
    return hold->rules;
}

gboolean
hold_hear(struct hold *hold, int fd)
{
    hold->touched = FALSE;
    gboolean all = netlink_hear(fd, fd == hold->rules ? note_rule : note_address, hold);
    return hold->touched || !all;
}

gboolean
hold_forget(GError **error)
{
    AUTO(netlink) *filter = netlink_open(NETLINK_NETFILTER, error);
    return filter != NULL && rules_failed(fence_forget(filter), error);
}
