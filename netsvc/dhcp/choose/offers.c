/* offers: two hash tables over one array, and a list by age for each subnet. */
#include "netsvc/dhcp/choose/offers.h"

#include "lib/base/keyed_hash.h"

#include <string.h>

#define BUCKETS 16384 /* a power of two */
#define LOOK_PAST 64  /* offers that are held, before one of these goes */

struct quiet {
    guint32 address;
    gint64 until;
};

struct offers {
    struct offer all[OFFERS_MAX];
    guint n_used;         /* of `all`, from the first; the others were never needed */
    struct offer *unused; /* of these, by `newer` */
    struct offer *by_address[BUCKETS], *by_client[BUCKETS];
    struct {
        struct offer *oldest, *newest;
    } age[CONFIG_SUBNETS_MAX];
    struct quiet quiet[OFFERS_QUIET_MAX];
    struct keyed_hash key;
};

struct offers *
offers_new(void)
{
    struct offers *offers = g_new0(struct offers, 1);
    keyed_hash_draw(&offers->key);
    return offers;
}

void
offers_free(struct offers *offers)
{
    g_free(offers);
}

guint64
offers_client(const struct offers *offers, const guint8 *key, gsize size)
{
    return keyed_hash_bytes(&offers->key, key, size);
}

static gsize
address_bucket(const struct offers *offers, guint32 address)
{
    return keyed_hash_number(&offers->key, address) & (BUCKETS - 1);
}

static gsize
client_bucket(guint32 subnet, guint64 client)
{
    return (client + subnet) & (BUCKETS - 1);
}

struct offer *
offers_of_address(const struct offers *offers, guint32 address)
{
    struct offer *offer = offers->by_address[address_bucket(offers, address)];
    while (offer != NULL && offer->address != address)
        offer = offer->next_address;
    return offer;
}

struct offer *
offers_of_client(const struct offers *offers, guint32 subnet, guint64 client)
{
    struct offer *offer = offers->by_client[client_bucket(subnet, client)];
    while (offer != NULL && (offer->client != client || offer->subnet != subnet))
        offer = offer->next_client;
    return offer;
}

static struct offer *
oldest_of_all(const struct offers *offers)
{
    struct offer *first = NULL;
    for (guint32 subnet = 0; subnet < CONFIG_SUBNETS_MAX; subnet++) {
        struct offer *here = offers->age[subnet].oldest;
        if (here != NULL && (first == NULL || here->until < first->until))
            first = here;
    }
    return first;
}

static struct offer *
take_unused(struct offers *offers)
{
    struct offer *offer = offers->unused;
    if (offer == NULL)
        return offers->n_used < OFFERS_MAX ? &offers->all[offers->n_used++] : NULL;
    offers->unused = offer->newer;
    return offer;
}

guint32
offers_add(struct offers *offers, const struct offer *offer)
{
    guint32 gone = 0;
    g_assert(offer->subnet < CONFIG_SUBNETS_MAX);
    struct offer *own = take_unused(offers);
    if (own == NULL) {
        struct offer *first = offers_oldest(offers, oldest_of_all(offers)->subnet);
        gone = first->address;
        offers_remove(offers, first);
        own = take_unused(offers);
    }
    g_assert(own != NULL);
    *own = *offer;
    struct offer **bucket = &offers->by_address[address_bucket(offers, own->address)];
    own->next_address = *bucket;
    *bucket = own;
    bucket = &offers->by_client[client_bucket(own->subnet, own->client)];
    own->next_client = *bucket;
    *bucket = own;
    own->newer = NULL;
    own->older = offers->age[own->subnet].newest;
    *(own->older != NULL ? &own->older->newer : &offers->age[own->subnet].oldest) = own;
    offers->age[own->subnet].newest = own;
    return gone;
}

void
offers_remove(struct offers *offers, struct offer *offer)
{
    struct offer **place = &offers->by_address[address_bucket(offers, offer->address)];
    while (*place != offer)
        place = &(*place)->next_address;
    *place = offer->next_address;
    place = &offers->by_client[client_bucket(offer->subnet, offer->client)];
    while (*place != offer)
        place = &(*place)->next_client;
    *place = offer->next_client;
    *(offer->older != NULL ? &offer->older->newer : &offers->age[offer->subnet].oldest) =
        offer->newer;
    *(offer->newer != NULL ? &offer->newer->older : &offers->age[offer->subnet].newest) =
        offer->older;
    offer->newer = offers->unused;
    offers->unused = offer;
}

struct offer *
offers_oldest(const struct offers *offers, guint32 subnet)
{
    struct offer *oldest = offers->age[subnet].oldest, *offer = oldest;
    for (guint i = 0; offer != NULL && offer->held && i < LOOK_PAST; i++)
        offer = offer->newer;
    return offer != NULL && !offer->held ? offer : oldest;
}

gint64
offers_next_over(const struct offers *offers)
{
    const struct offer *first = oldest_of_all(offers);
    return first != NULL ? first->until : G_MAXINT64;
}

struct offer *
offers_over(const struct offers *offers, gint64 now)
{
    struct offer *first = oldest_of_all(offers);
    return first != NULL && first->until <= now ? first : NULL;
}

/* One place for each address: another one there is forgotten, and probed again. */
static gsize
quiet_place(const struct offers *offers, guint32 address)
{
    return keyed_hash_number(&offers->key, address) & (OFFERS_QUIET_MAX - 1);
}

void
offers_set_quiet(struct offers *offers, guint32 address, gint64 until)
{
    struct quiet *quiet = &offers->quiet[quiet_place(offers, address)];
    if (until != 0 || quiet->address == address)
        *quiet = (struct quiet){until != 0 ? address : 0, until};
}

gboolean
offers_is_quiet(const struct offers *offers, guint32 address, gint64 now)
{
    const struct quiet *quiet = &offers->quiet[quiet_place(offers, address)];
    return quiet->address == address && quiet->until > now;
}
