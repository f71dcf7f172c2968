/* book: every change of a lease, in the order: names, memory, store, free addresses. */
#include "netsvc/dhcp/serve/book.h"

#include <string.h>

#define EXPIRE_MAX 1000 /* at a time, so that requests need not wait */

static const struct config_subnet *
subnet_of(const struct book *book, guint32 address)
{
    guint place = choose_subnet_of(book->choose, address);
    return place != CHOOSE_NO_SUBNET ? book->config->dhcp.subnets->pdata[place] : NULL;
}

void
book_open(struct book *book, const struct config *config, struct leases *leases,
          struct store *store, const struct server_ears *ears)
{
    *book = (struct book){.config = config, .leases = leases, .store = store};
    if (ears != NULL)
        book->ears = *ears;
    book->choose = choose_new(config, leases);
    book->names = names_new(config);
    for (struct lease *lease = leases_after(leases, 0); lease != NULL;
         lease = leases_after(leases, lease->address)) {
        const struct config_subnet *subnet = subnet_of(book, lease->address);
        if (lease->state == LEASE_LEASED && lease->name[0] != '\0' && subnet != NULL) {
            char label[LEASE_NAME_MAX];
            names_take(book->names, subnet->domain, lease->name, lease->name, lease->address,
                       label);
        }
    }
}

void
book_close(struct book *book)
{
    choose_free(book->choose);
    names_free(book->names);
}

/* ---- what follows a change ---- */

/* What time alone makes of it, and what the other node has made. */
static void
put_as_is(struct book *book, const struct lease *lease)
{
    leases_put(book->leases, lease);
    if (book->store != NULL)
        store_put(book->store, lease);
    choose_changed(book->choose, lease->address);
}

static void
put(struct book *book, const struct lease *lease)
{
    struct lease changed = *lease;
    if (book->pair != NULL)
        book->pair->changed(book->pair->context, &changed);
    put_as_is(book, &changed);
}

static void
forget(struct book *book, struct lease *lease, gboolean is_told)
{
    guint32 address = lease->address;
    if (book->pair != NULL && is_told)
        book->pair->gone(book->pair->context, address);
    leases_remove(book->leases, lease);
    if (book->store != NULL)
        store_remove(book->store, address);
    choose_changed(book->choose, address);
}

static void
tell_name(struct book *book, const struct lease *lease, gboolean gone)
{
    const struct config_subnet *subnet = subnet_of(book, lease->address);
    if (lease->name[0] != '\0' && subnet != NULL && subnet->domain != NULL &&
        book->ears.name != NULL)
        book->ears.name(book->ears.context, lease, subnet, gone);
}

/* A lease ends: so does its name. */
static void
drop_name(struct book *book, const struct lease *lease)
{
    const struct config_subnet *subnet = subnet_of(book, lease->address);
    if (lease->state != LEASE_LEASED || lease->name[0] == '\0')
        return;
    tell_name(book, lease, TRUE);
    names_drop(book->names, subnet != NULL ? subnet->domain : NULL, lease->name, lease->address);
}

/* ---- binding ---- */

/* Its former leases in the subnet are given up for good: one client, one address. */
static void
forget_others(struct book *book, const struct choose_who *who, guint32 address)
{
    const struct config_subnet *subnet = book->config->dhcp.subnets->pdata[who->subnet];
    struct lease *other;
    while ((other = leases_of_key(book->leases, subnet->network, subnet->mask, who->key,
                                  who->key_size)) != NULL &&
           other->address != address) {
        drop_name(book, other);
        forget(book, other, TRUE);
    }
}

static gboolean
is_key_of(const struct lease *lease, const struct choose_who *who)
{
    return lease->key_size == who->key_size && memcmp(lease->key, who->key, who->key_size) == 0;
}

static void
fill_who(struct lease *lease, const struct choose_who *who)
{
    lease->key_size = (guint8)who->key_size;
    memcpy(lease->key, who->key, who->key_size);
    lease->mac_size = who->mac != NULL ? CONFIG_MAC_SIZE : 0;
    if (who->mac != NULL)
        memcpy(lease->mac, who->mac, CONFIG_MAC_SIZE);
}

/* A client that went to another network of the same domain takes its name with it. */
static void
move_name(struct book *book, const struct choose_who *who, const char *domain, const char *name)
{
    const struct lease *other =
        leases_of_address(book->leases, names_owner(book->names, domain, name));
    if (other == NULL || other->state != LEASE_LEASED || !is_key_of(other, who))
        return;
    struct lease nameless = *other;
    drop_name(book, other);
    nameless.name[0] = '\0';
    put(book, &nameless);
}

gint64
book_acked(const struct book *book, const struct lease *lease)
{
    gboolean known = lease->state == LEASE_LEASED && book->pair->known(book->pair->context, lease);
    return known ? lease->until : lease->acked;
}

/* What of its former lease the other node knows, and whether it must know this one first. */
static void
fill_pair(const struct book *book, const struct choose_who *who, const struct lease *before,
          struct lease *lease)
{
    if (book->pair == NULL)
        return;
    if (before != NULL && is_key_of(before, who))
        lease->acked = book_acked(book, before);
    lease->pending = book->word && choose_is_strange(book->choose, who, lease->address);
}

const struct lease *
book_bind(struct book *book, const struct choose_who *who, guint32 address, guint32 seconds,
          const char *wish, gint64 now)
{
    const struct config_subnet *subnet = book->config->dhcp.subnets->pdata[who->subnet];
    struct lease lease = {.address = address, .state = LEASE_LEASED, .since = now};
    const struct lease *before = leases_of_address(book->leases, address);
    gboolean its = before != NULL && is_key_of(before, who);
    gboolean same = its && before->state == LEASE_LEASED;
    fill_pair(book, who, before, &lease);
    forget_others(book, who, address);
    if (same)
        lease.since = before->since;
    else if (before != NULL)
        drop_name(book, before);
    if (its)
        g_strlcpy(lease.name, before->name, sizeof lease.name);
    lease.until = now + seconds;
    lease.seconds = seconds;
    fill_who(&lease, who);
    if (!same && wish != NULL)
        move_name(book, who, subnet->domain, wish);
    char had[LEASE_NAME_MAX];
    g_strlcpy(had, lease.name, sizeof had);
    names_take(book->names, subnet->domain, wish != NULL ? wish : had, had, address, lease.name);
    if (same && !g_str_equal(before->name, lease.name))
        drop_name(book, before);
    choose_withdraw(book->choose, who);
    choose_withdraw_address(book->choose, address);
    put(book, &lease);
    tell_name(book, &lease, FALSE);
    return leases_of_address(book->leases, address);
}

void
book_release(struct book *book, const struct lease *lease, gint64 now)
{
    struct lease released = *lease;
    drop_name(book, lease);
    released.state = LEASE_RELEASED;
    released.until = released.since = now;
    put(book, &released);
    book_room(book, choose_subnet_of(book->choose, released.address), FALSE);
}

/* ---- resting ---- */

void
book_rest(struct book *book, guint32 address, const guint8 *mac, gint64 now)
{
    struct lease resting = {.address = address,
                            .state = LEASE_DECLINED,
                            .since = now,
                            .until = now + book->config->dhcp.decline_rest};
    const struct lease *before = leases_of_address(book->leases, address);
    if (before != NULL)
        drop_name(book, before);
    if (mac != NULL) {
        resting.mac_size = CONFIG_MAC_SIZE;
        memcpy(resting.mac, mac, CONFIG_MAC_SIZE);
    }
    choose_withdraw_address(book->choose, address);
    offers_set_quiet(choose_offers(book->choose), address, 0);
    put(book, &resting);
    guint32 longest = choose_rested(book->choose, address);
    struct lease *freed = longest != 0 ? leases_of_address(book->leases, longest) : NULL;
    if (freed != NULL && freed->state == LEASE_DECLINED)
        forget(book, freed, TRUE);
    if (book->ears.conflict != NULL)
        book->ears.conflict(book->ears.context, address, mac);
}

/* ---- the other node ---- */

/* The last one that is told to have a name has it. */
static void
take_name(struct book *book, const struct lease *lease)
{
    const struct config_subnet *subnet = subnet_of(book, lease->address);
    char label[LEASE_NAME_MAX];
    if (subnet == NULL || lease->name[0] == '\0')
        return;
    guint32 owner = names_owner(book->names, subnet->domain, lease->name);
    if (owner != 0 && owner != lease->address)
        names_drop(book->names, subnet->domain, lease->name, owner);
    names_take(book->names, subnet->domain, lease->name, lease->name, lease->address, label);
}

void
book_copy(struct book *book, const struct lease *lease)
{
    const struct lease *before = leases_of_address(book->leases, lease->address);
    gboolean leased = lease->state == LEASE_LEASED;
    if (before != NULL && (!leased || !g_str_equal(before->name, lease->name)))
        drop_name(book, before);
    if (leased) {
        choose_withdraw_address(book->choose, lease->address);
        take_name(book, lease);
    }
    put_as_is(book, lease);
    if (leased)
        tell_name(book, lease, FALSE);
    else if (lease->state == LEASE_DECLINED)
        choose_rested(book->choose, lease->address);
}

void
book_change(struct book *book, const struct lease *lease)
{
    put(book, lease);
    tell_name(book, lease, FALSE);
}

void
book_drop(struct book *book, guint32 address, gboolean is_told)
{
    struct lease *lease = leases_of_address(book->leases, address);
    if (lease == NULL)
        return;
    drop_name(book, lease);
    forget(book, lease, is_told);
}

/* ---- time ---- */

void
book_room(struct book *book, guint subnet, gboolean tight)
{
    if (subnet == CHOOSE_NO_SUBNET || book->exhausted[subnet] == tight ||
        (!tight && !choose_has_room(book->choose, subnet)))
        return;
    book->exhausted[subnet] = tight;
    if (book->ears.exhausted != NULL)
        book->ears.exhausted(book->ears.context, book->config->dhcp.subnets->pdata[subnet], tight);
}

gint64
book_expire(struct book *book, gint64 now)
{
    struct lease *over = NULL;
    for (guint i = 0; i < EXPIRE_MAX && (over = leases_over(book->leases, now)) != NULL; i++) {
        if (over->state != LEASE_LEASED) {
            forget(book, over, FALSE);
            continue;
        }
        struct lease expired = *over;
        drop_name(book, over);
        expired.state = LEASE_EXPIRED;
        expired.since = expired.until;
        put_as_is(book, &expired);
    }
    gint64 offers = choose_expire(book->choose, now);
    for (guint i = 0; i < book->config->dhcp.subnets->len; i++)
        if (book->exhausted[i])
            book_room(book, i, FALSE);
    return over != NULL ? now : MIN(offers, leases_next_over(book->leases));
}
