/* choose: the order in which addresses are given, and the verdict on one that is asked for. */
#include "netsvc/dhcp/choose/choose.h"

#include "netsvc/dhcp/choose/hosts.h"
#include "netsvc/dhcp/choose/pool.h"

#include <string.h>

#define GIVEN_UP_TRIES 16 /* of those that were given up, until one can be used */
#define RESTING_PART 8    /* of the pool, one in so many may rest … */
#define RESTING_MIN 4     /* … but always this many, */
#define RESTING_MAX 1024  /* and never more than this */

struct subnet {
    const struct config_subnet *config;
    struct pool *pool;
    guint32 *resting; /* a ring */
    guint resting_size, resting_next;
};

struct choose {
    const struct config *config;
    struct leases *leases;
    struct hosts *hosts;
    struct offers *offers;
    struct subnet subnets[CONFIG_SUBNETS_MAX];
    guint n;
    guint32 ours[CHOOSE_OURS_MAX];
    guint n_ours;
    struct choose_limits limits;
};

/* ---- making ---- */

static void
fill_pool(struct choose *choose, struct subnet *subnet)
{
    const GArray *ranges = subnet->config->pools;
    for (guint i = 0; i < ranges->len; i++) {
        const struct config_range *range = &g_array_index(ranges, struct config_range, i);
        for (guint64 a = range->first; a <= range->last && a - range->first < POOL_MAX; a++)
            pool_set(subnet->pool, (guint32)a, TRUE);
    }
    choose_changed(choose, subnet->config->network);
    choose_changed(choose, subnet->config->network | ~subnet->config->mask);
    const GArray *named[] = {subnet->config->routers, subnet->config->dns, subnet->config->ntp};
    for (guint n = 0; n < G_N_ELEMENTS(named); n++)
        for (guint i = 0; named[n] != NULL && i < named[n]->len; i++)
            choose_changed(choose, g_array_index(named[n], guint32, i));
}

static void
add_subnet(struct choose *choose, const struct config_subnet *config)
{
    struct subnet *subnet = &choose->subnets[choose->n++];
    subnet->config = config;
    subnet->pool = pool_new(config->pools);
    subnet->resting_size = CLAMP(pool_size(subnet->pool) / RESTING_PART, RESTING_MIN, RESTING_MAX);
    subnet->resting = g_new0(guint32, subnet->resting_size);
    fill_pool(choose, subnet);
}

struct choose *
choose_new(const struct config *config, struct leases *leases)
{
    struct choose *choose = g_new0(struct choose, 1);
    choose->config = config;
    choose->leases = leases;
    choose->hosts = hosts_new(&config->dhcp);
    choose->offers = offers_new();
    for (guint i = 0; i < config->dhcp.subnets->len && i < CONFIG_SUBNETS_MAX; i++)
        add_subnet(choose, config->dhcp.subnets->pdata[i]);
    choose_changed(choose, config->service_address);
    for (guint i = 0; i < config->dhcp.hosts->len; i++)
        choose_changed(choose, ((struct config_host *)config->dhcp.hosts->pdata[i])->address);
    for (const struct lease *lease = leases_after(leases, 0); lease != NULL;
         lease = leases_after(leases, lease->address)) {
        choose_changed(choose, lease->address);
        if (lease->state == LEASE_DECLINED)
            choose_rested(choose, lease->address);
    }
    return choose;
}

void
choose_free(struct choose *choose)
{
    if (choose == NULL)
        return;
    for (guint i = 0; i < choose->n; i++) {
        pool_free(choose->subnets[i].pool);
        g_free(choose->subnets[i].resting);
    }
    hosts_free(choose->hosts);
    offers_free(choose->offers);
    g_free(choose);
}

struct offers *
choose_offers(struct choose *choose)
{
    return choose->offers;
}

guint
choose_subnet_of(const struct choose *choose, guint32 address)
{
    for (guint i = 0; i < choose->n; i++)
        if ((address & choose->subnets[i].config->mask) == choose->subnets[i].config->network)
            return i;
    return CHOOSE_NO_SUBNET;
}

/* ---- what an address is ---- */

gboolean
choose_is_ours(const struct choose *choose, guint32 address)
{
    for (guint i = 0; i < choose->n_ours; i++)
        if (choose->ours[i] == address)
            return TRUE;
    return address == choose->config->service_address;
}

void
choose_ours(struct choose *choose, guint32 address)
{
    if (address == 0 || choose_is_ours(choose, address) || choose->n_ours == CHOOSE_OURS_MAX)
        return;
    choose->ours[choose->n_ours++] = address;
    choose_changed(choose, address);
}

static gboolean
has_address(const GArray *addresses, guint32 address)
{
    for (guint i = 0; addresses != NULL && i < addresses->len; i++)
        if (g_array_index(addresses, guint32, i) == address)
            return TRUE;
    return FALSE;
}

/* Nobody's, ever. */
static gboolean
is_special(const struct choose *choose, const struct subnet *subnet, guint32 address)
{
    g_assert(subnet->config != NULL);
    guint32 host = address & ~subnet->config->mask;
    gboolean has_ends = subnet->config->prefix < 31; /* RFC 3021 */
    return choose_is_ours(choose, address) || has_address(subnet->config->routers, address) ||
           has_address(subnet->config->dns, address) || has_address(subnet->config->ntp, address) ||
           (has_ends && (host == 0 || host == ~subnet->config->mask));
}

/* Whom it may belong to: everybody, or the one that it is reserved for. */
static gboolean
is_open_to(const struct choose *choose, const struct choose_who *who, guint32 address)
{
    const struct subnet *subnet = &choose->subnets[who->subnet];
    const struct config_host *host = hosts_of_address(choose->hosts, address);
    return !is_special(choose, subnet, address) &&
           (host != NULL ? host == who->host : pool_has(subnet->pool, address));
}

static gboolean
is_key_of(const struct lease *lease, const struct choose_who *who)
{
    return lease->state != LEASE_DECLINED && lease->key_size == who->key_size &&
           memcmp(lease->key, who->key, who->key_size) == 0;
}

static gboolean
is_mac_of(const struct lease *lease, const struct choose_who *who)
{
    return who->mac != NULL && lease->mac_size == CONFIG_MAC_SIZE &&
           memcmp(lease->mac, who->mac, CONFIG_MAC_SIZE) == 0;
}

static gboolean
is_given_up(const struct lease *lease)
{
    return lease->state == LEASE_RELEASED || lease->state == LEASE_EXPIRED;
}

/* A machine that has a reservation by its MAC keeps it under every client identifier: what boots
 * it and what runs on it have different ones. And one that rests since it was seen in use does so
 * for all but the machine that uses it, which may be ours, from before leases were lost. */
static gboolean
is_machine_of(const struct lease *lease, const struct choose_who *who)
{
    gboolean reserved =
        who->host != NULL && who->host->has_mac && who->host->address == lease->address;
    return (reserved || lease->state == LEASE_DECLINED) && is_mac_of(lease, who);
}

void
choose_know(const struct choose *choose, struct choose_who *who)
{
    const struct config_subnet *subnet = choose->subnets[who->subnet].config;
    struct hosts_who asks = {
        .mac = who->mac, .id = who->id, .id_size = who->id_size, .name = who->name};
    who->client = offers_client(choose->offers, who->key, who->key_size);
    who->host = hosts_of_client(choose->hosts, subnet->network, subnet->mask, &asks);
    if (who->host != NULL || who->name[0] != '\0')
        return;
    /* A reservation by hostname holds also when a renewal does not tell it. */
    const struct lease *lease =
        leases_of_key(choose->leases, subnet->network, subnet->mask, who->key, who->key_size);
    const struct config_host *host =
        lease != NULL ? hosts_of_address(choose->hosts, lease->address) : NULL;
    if (host != NULL && hosts_by_name(host))
        who->host = host;
}

/* Its reservation, unless somebody has it; 0: none. */
static guint32
reserved_now(const struct choose *choose, const struct choose_who *who,
             enum choose_verdict *verdict)
{
    if (who->host == NULL || is_special(choose, &choose->subnets[who->subnet], who->host->address))
        return 0;
    const struct lease *lease = leases_of_address(choose->leases, who->host->address);
    gboolean own = lease != NULL && (is_key_of(lease, who) || is_machine_of(lease, who));
    *verdict = own ? CHOOSE_OWN : CHOOSE_FREE;
    return lease == NULL || own || is_given_up(lease) ? who->host->address : 0;
}

/* ---- a pair's limits ---- */

void
choose_limit(struct choose *choose, const struct choose_limits *limits)
{
    choose->limits = *limits;
}

static gboolean
is_reserved_for(const struct choose_who *who, guint32 address)
{
    return who->host != NULL && who->host->address == address;
}

static gboolean
is_bound(const struct lease *lease, const struct choose_who *who)
{
    return lease != NULL && lease->state == LEASE_LEASED && !lease->pending &&
           is_key_of(lease, who);
}

gboolean
choose_is_strange(const struct choose *choose, const struct choose_who *who, guint32 address)
{
    return choose->limits.paired && (address & 1) != choose->limits.parity &&
           !is_reserved_for(who, address) &&
           !is_bound(leases_of_address(choose->leases, address), who);
}

/* Without the other node's word, another client's address is free only if it surely is so there,
 * too, whatever the clocks did. */
static gboolean
is_over_for_both(const struct choose *choose, const struct lease *lease, gint64 now)
{
    const struct choose_limits *limits = &choose->limits;
    return !limits->keeps && lease->since + CHOOSE_GIVEN_UP_SECONDS <= now &&
           limits->known(limits->context, lease);
}

static gboolean
may_now(const struct choose *choose, const struct choose_who *who, guint32 address, gint64 now)
{
    const struct lease *lease = leases_of_address(choose->leases, address);
    if (!choose->limits.paired || is_reserved_for(who, address) || is_bound(lease, who))
        return TRUE;
    if (choose->limits.half && (address & 1) != choose->limits.parity)
        return FALSE;
    if (lease == NULL || is_key_of(lease, who) || is_machine_of(lease, who))
        return TRUE;
    return choose->limits.half ? is_over_for_both(choose, lease, now) : !choose->limits.keeps;
}

/* ---- an address that is asked for ---- */

/* Nobody has a lease of it. */
static enum choose_verdict
verdict_on_free(const struct choose *choose, const struct choose_who *who, guint32 address)
{
    const struct subnet *subnet = &choose->subnets[who->subnet];
    const struct offer *offer = offers_of_address(choose->offers, address);
    enum choose_verdict ignored;
    if (offer != NULL && offer->client == who->client)
        return CHOOSE_FREE;
    if (who->host != NULL && who->host->address == address)
        return CHOOSE_FREE;
    if (offer != NULL)
        return CHOOSE_FOREIGN;
    if (!pool_has(subnet->pool, address))
        return CHOOSE_UNKNOWN;
    const struct lease *own = leases_of_key(choose->leases, subnet->config->network,
                                            subnet->config->mask, who->key, who->key_size);
    if ((own != NULL && own->state == LEASE_LEASED) || reserved_now(choose, who, &ignored) != 0)
        return CHOOSE_FOREIGN; /* it has another one */
    return CHOOSE_FREE;
}

static enum choose_verdict
verdict_of(const struct choose *choose, const struct choose_who *who, guint32 address)
{
    const struct subnet *subnet = &choose->subnets[who->subnet];
    const struct config_host *host = hosts_of_address(choose->hosts, address);
    const struct lease *lease = leases_of_address(choose->leases, address);
    enum choose_verdict ignored;
    if (is_special(choose, subnet, address) || (host != NULL && host != who->host))
        return CHOOSE_FOREIGN;
    if (lease == NULL)
        return verdict_on_free(choose, who, address);
    if (is_machine_of(lease, who))
        return lease->state == LEASE_DECLINED ? CHOOSE_FREE : CHOOSE_OWN;
    if (is_key_of(lease, who)) {
        guint32 reserved = reserved_now(choose, who, &ignored);
        gboolean moves = reserved != 0 && reserved != address;
        return moves || !is_open_to(choose, who, address) ? CHOOSE_FOREIGN : CHOOSE_OWN;
    }
    const struct offer *offer = offers_of_address(choose->offers, address);
    gboolean promised = host != NULL || (offer != NULL && offer->client == who->client);
    return is_given_up(lease) && promised ? CHOOSE_FREE : CHOOSE_FOREIGN;
}

enum choose_verdict
choose_verdict(const struct choose *choose, const struct choose_who *who, guint32 address,
               gint64 now)
{
    enum choose_verdict verdict = verdict_of(choose, who, address);
    gboolean gives = verdict == CHOOSE_OWN || verdict == CHOOSE_FREE;
    return gives && !may_now(choose, who, address, now) ? CHOOSE_NOT_NOW : verdict;
}

/* ---- an address to offer ---- */

static guint32
own_now(const struct choose *choose, const struct choose_who *who, gint64 now)
{
    const struct config_subnet *subnet = choose->subnets[who->subnet].config;
    const struct lease *lease =
        leases_of_key(choose->leases, subnet->network, subnet->mask, who->key, who->key_size);
    return lease != NULL && is_open_to(choose, who, lease->address) &&
                   may_now(choose, who, lease->address, now)
               ? lease->address
               : 0;
}

static guint32
offered_now(const struct choose *choose, const struct choose_who *who, gint64 now)
{
    const struct offer *offer = offers_of_client(choose->offers, who->subnet, who->client);
    return offer != NULL && is_open_to(choose, who, offer->address) &&
                   may_now(choose, who, offer->address, now)
               ? offer->address
               : 0;
}

static guint
count_leases(const struct leases *leases)
{
    guint n = 0;
    for (guint state = 0; state < LEASE_STATES; state++)
        n += leases_count(leases, state, 0, G_MAXUINT32);
    return n;
}

static const struct lease *
oldest_given_up(const struct choose *choose, const struct subnet *subnet)
{
    const struct lease *oldest = NULL;
    for (guint i = 0; i < subnet->config->pools->len; i++) {
        const struct config_range *range =
            &g_array_index(subnet->config->pools, struct config_range, i);
        const struct lease *here = leases_oldest(choose->leases, range->first, range->last);
        if (here != NULL && (oldest == NULL || here->since < oldest->since))
            oldest = here;
    }
    return oldest;
}

/* The same, of those that one without the other's word may give out; seldom, so all are looked at.
 */
static guint32
given_up_for_both(const struct choose *choose, const struct choose_who *who, gint64 now)
{
    const struct config_subnet *subnet = choose->subnets[who->subnet].config;
    const struct lease *oldest = NULL;
    for (const struct lease *lease = leases_after(choose->leases, subnet->network - 1);
         lease != NULL && (lease->address & subnet->mask) == subnet->network;
         lease = leases_after(choose->leases, lease->address))
        if (is_given_up(lease) && (oldest == NULL || lease->since < oldest->since) &&
            is_open_to(choose, who, lease->address) &&
            offers_of_address(choose->offers, lease->address) == NULL &&
            may_now(choose, who, lease->address, now))
            oldest = lease;
    return oldest != NULL ? oldest->address : 0;
}

/* The one given up longest ago counts as given up now, as far as the order is concerned: so the
 * next client is offered another one, and this one stays remembered. */
static guint32
given_up_now(const struct choose *choose, const struct choose_who *who, gint64 now)
{
    if (choose->limits.paired && (choose->limits.half || choose->limits.keeps))
        return given_up_for_both(choose, who, now);
    for (guint i = 0; i < GIVEN_UP_TRIES; i++) {
        const struct lease *oldest = oldest_given_up(choose, &choose->subnets[who->subnet]);
        if (oldest == NULL)
            return 0;
        struct lease later = *oldest;
        gboolean usable = is_open_to(choose, who, later.address) &&
                          offers_of_address(choose->offers, later.address) == NULL;
        gboolean was_all = later.since >= now;
        later.since = MAX(later.since, now);
        leases_put(choose->leases, &later);
        if (usable || was_all)
            return usable ? later.address : 0;
    }
    return 0;
}

static guint32
offered_longest_ago(const struct choose *choose, const struct choose_who *who, gint64 now)
{
    const struct offer *oldest = offers_oldest(choose->offers, who->subnet);
    if (oldest == NULL || !is_open_to(choose, who, oldest->address) ||
        !may_now(choose, who, oldest->address, now))
        return 0;
    const struct lease *lease = leases_of_address(choose->leases, oldest->address);
    return lease == NULL || is_given_up(lease) ? oldest->address : 0;
}

/* One that nobody has a record of. */
static guint32
free_now(const struct choose *choose, const struct choose_who *who, guint32 requested, gint64 now)
{
    const struct pool *pool = choose->subnets[who->subnet].pool;
    const struct choose_limits *limits = &choose->limits;
    guint64 hash = pool_hash(who->key, who->key_size);
    guint32 address = 0;
    if (count_leases(choose->leases) >= CHOOSE_LEASES_MAX)
        return 0;
    if (pool_is_free(pool, requested) && may_now(choose, who, requested, now))
        return requested;
    if (limits->paired)
        address = pool_find(pool, hash, limits->parity != 0 ? POOL_ODD : POOL_EVEN);
    if (address == 0 && !(limits->paired && limits->half))
        address = pool_find(pool, hash, POOL_WHOLE);
    return address;
}

guint32
choose_offer(struct choose *choose, const struct choose_who *who, guint32 requested, gint64 now,
             enum choose_verdict *verdict, gboolean *tight)
{
    guint32 address;
    *tight = FALSE;
    if ((address = reserved_now(choose, who, verdict)) != 0)
        return address;
    *verdict = CHOOSE_OWN;
    if ((address = own_now(choose, who, now)) != 0)
        return address;
    *verdict = CHOOSE_FREE;
    if ((address = offered_now(choose, who, now)) != 0)
        return address;
    if ((address = free_now(choose, who, requested, now)) != 0)
        return address;
    if ((address = given_up_now(choose, who, now)) != 0)
        return address;
    *tight = TRUE;
    return offered_longest_ago(choose, who, now);
}

gboolean
choose_has_room(const struct choose *choose, guint subnet)
{
    const struct lease *oldest = oldest_given_up(choose, &choose->subnets[subnet]);
    return pool_free_count(choose->subnets[subnet].pool) > 0 ||
           (oldest != NULL && offers_of_address(choose->offers, oldest->address) == NULL);
}

/* ---- what changes ---- */

void
choose_changed(struct choose *choose, guint32 address)
{
    guint place = choose_subnet_of(choose, address);
    if (place == CHOOSE_NO_SUBNET)
        return;
    struct subnet *subnet = &choose->subnets[place];
    pool_set(subnet->pool, address,
             !is_special(choose, subnet, address) &&
                 hosts_of_address(choose->hosts, address) == NULL &&
                 leases_of_address(choose->leases, address) == NULL &&
                 offers_of_address(choose->offers, address) == NULL);
}

static void
remove_offer(struct choose *choose, struct offer *offer)
{
    guint32 address = offer->address;
    offers_remove(choose->offers, offer);
    choose_changed(choose, address);
}

void
choose_promise(struct choose *choose, const struct choose_who *who, guint32 address, gint64 until,
               gboolean held)
{
    struct offer offer = {.address = address,
                          .subnet = who->subnet,
                          .client = who->client,
                          .until = until,
                          .held = held};
    if (who->mac != NULL)
        memcpy(offer.mac, who->mac, sizeof offer.mac);
    const struct lease *lease = leases_of_address(choose->leases, address);
    choose_withdraw(choose, who);
    choose_withdraw_address(choose, address);
    if (lease != NULL && lease->state == LEASE_LEASED)
        return; /* more than an offer: nobody else gets it */
    guint32 gone = offers_add(choose->offers, &offer);
    if (gone != 0)
        choose_changed(choose, gone);
    choose_changed(choose, address);
}

void
choose_withdraw(struct choose *choose, const struct choose_who *who)
{
    struct offer *offer = offers_of_client(choose->offers, who->subnet, who->client);
    if (offer != NULL)
        remove_offer(choose, offer);
}

void
choose_withdraw_address(struct choose *choose, guint32 address)
{
    struct offer *offer = offers_of_address(choose->offers, address);
    if (offer != NULL)
        remove_offer(choose, offer);
}

gint64
choose_expire(struct choose *choose, gint64 now)
{
    struct offer *over;
    while ((over = offers_over(choose->offers, now)) != NULL)
        remove_offer(choose, over);
    return offers_next_over(choose->offers);
}

guint32
choose_rested(struct choose *choose, guint32 address)
{
    guint place = choose_subnet_of(choose, address);
    if (place == CHOOSE_NO_SUBNET)
        return 0;
    struct subnet *subnet = &choose->subnets[place];
    g_assert(subnet->resting != NULL);
    guint32 *here = &subnet->resting[subnet->resting_next], longest = *here;
    *here = address;
    subnet->resting_next = (subnet->resting_next + 1) % subnet->resting_size;
    return longest != address ? longest : 0;
}
