#include "netsvc/dns/serve/response_rate.h"

#include "lib/base/keyed_hash.h"
#include "netsvc/config/config.h"

#include <string.h>

#define SETS 4096 /* a power of two; 256 KB in all */
#define WAYS 4    /* buckets of a set: one line of the processor's cache */
#define BURST_SECONDS 1
#define SECOND 1000000000       /* nanoseconds */
#define MIX 0x9e3779b97f4a7c15u /* 2^64 by the golden ratio */
#define PREFIX4 24
#define OWN_ONE ((guint64)1 << 40) /* sets single addresses apart from networks */
#define PREFIX6_HIDDEN 8 /* bits of an IPv6 address' first half that are not looked at: /56 */

/* The bucket as a time: that at which all it has given will have been refilled. Now or before: it
 * is full; a whole burst ahead: it is empty. */
struct bucket {
    gint64 full;
    guint32 tag;     /* of the network; 0 with `full` 0: of none */
    guint32 limited; /* answers in a row */
};

struct response_rate {
    gint64 interval, own_interval; /* nanoseconds between answers; 0: no limit */
    struct keyed_hash key;
    guint64 limited;
    GArray *own; /* struct config_network */
    struct bucket buckets[SETS][WAYS] __attribute__((aligned(64)));
};

struct response_rate *
response_rate_new(guint per_second, const GArray *own)
{
    struct response_rate *rate = g_aligned_alloc0(1, sizeof *rate, 64);
    keyed_hash_draw(&rate->key);
    if (per_second > 0) {
        rate->interval = MAX(1, SECOND / per_second);
        rate->own_interval = MAX(1, rate->interval / RESPONSE_RATE_OWN);
    }
    rate->own = g_array_new(FALSE, FALSE, sizeof(struct config_network));
    if (own != NULL && own->len > 0)
        g_array_append_vals(rate->own, own->data, own->len);
    return rate;
}

void
response_rate_free(struct response_rate *rate)
{
    if (rate == NULL)
        return;
    g_array_unref(rate->own);
    g_aligned_free(rate);
}

struct client {
    guint64 network;
    gint64 interval;
};

static gboolean
client4(const struct response_rate *rate, const void *address, struct client *client)
{
    guint32 number;
    memcpy(&number, address, sizeof number);
    number = GUINT32_FROM_BE(number);
    if (number >> 24 == IN_LOOPBACKNET)
        return FALSE;
    gboolean own = config_networks_have(rate->own, AF_INET, address);
    client->network = own ? OWN_ONE | number : number >> (32 - PREFIX4);
    client->interval = own ? rate->own_interval : rate->interval;
    return TRUE;
}

static gboolean
client6(const struct response_rate *rate, const struct in6_addr *address, struct client *client)
{
    guint64 halves[2];
    if (IN6_IS_ADDR_LOOPBACK(address))
        return FALSE;
    if (IN6_IS_ADDR_V4MAPPED(address))
        return client4(rate, &address->s6_addr[12], client);
    memcpy(halves, address, sizeof halves);
    gboolean own = config_networks_have(rate->own, AF_INET6, address);
    client->network = own ? GUINT64_FROM_BE(halves[0]) ^ GUINT64_FROM_BE(halves[1]) * MIX
                          : GUINT64_FROM_BE(halves[0]) >> PREFIX6_HIDDEN;
    client->interval = own ? rate->own_interval : rate->interval;
    return TRUE;
}

/* The network's bucket; where it has none, the one of its set that is fullest. */
static struct bucket *
bucket_of(struct response_rate *rate, guint64 network)
{
    guint64 hash = keyed_hash_number(&rate->key, network);
    guint32 tag = (guint32)hash;
    struct bucket *set = rate->buckets[hash >> 32 & (SETS - 1)], *fullest = set;
    for (guint i = 0; i < WAYS; i++) {
        if (set[i].tag == tag)
            return &set[i];
        if (set[i].full < fullest->full)
            fullest = &set[i];
    }
    *fullest = (struct bucket){.tag = tag};
    return fullest;
}

enum response_rate_verdict
response_rate_take(struct response_rate *rate, const struct sockaddr_storage *address, gint64 now)
{
    struct client client;
    if (rate->interval == 0)
        return RESPONSE_RATE_SEND;
    gboolean counts =
        address->ss_family == AF_INET6
            ? client6(rate, &((const struct sockaddr_in6 *)address)->sin6_addr, &client)
            : client4(rate, &((const struct sockaddr_in *)address)->sin_addr, &client);
    if (!counts)
        return RESPONSE_RATE_SEND;
    struct bucket *bucket = bucket_of(rate, client.network);
    gint64 full = MAX(bucket->full, now) + client.interval;
    if (full <= now + BURST_SECONDS * (gint64)SECOND) {
        bucket->full = full;
        bucket->limited = 0;
        return RESPONSE_RATE_SEND;
    }
    rate->limited++;
    return bucket->limited++ % 2 == 0 ? RESPONSE_RATE_TRUNCATE : RESPONSE_RATE_DROP;
}

guint64
response_rate_limited(const struct response_rate *rate)
{
    return rate->limited;
}
