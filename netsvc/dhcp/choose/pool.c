/* pool: a few places by hash, then the next free bit: what a full pool costs is its words. */
#include "netsvc/dhcp/choose/pool.h"

#define WORD 64
#define TRIES 8 /* by hash, so that clients do not crowd behind one another */

struct pool {
    struct config_range *ranges;
    guint n;
    guint32 size, free;
    guint64 *words;
    guint64 *odd; /* those whose address is odd */
};

struct pool *
pool_new(const GArray *ranges)
{
    struct pool *pool = g_new0(struct pool, 1);
    pool->ranges = g_new0(struct config_range, MAX(ranges->len, 1));
    for (guint i = 0; i < ranges->len && pool->size < POOL_MAX; i++) {
        struct config_range range = g_array_index(ranges, struct config_range, i);
        range.last = (guint32)MIN(range.last, (guint64)range.first + POOL_MAX - pool->size - 1);
        pool->ranges[pool->n++] = range;
        pool->size += range.last - range.first + 1;
    }
    pool->words = g_new0(guint64, pool->size / WORD + 1);
    pool->odd = g_new0(guint64, pool->size / WORD + 1);
    for (guint32 place = 0, i = 0; i < pool->n; i++)
        for (guint64 a = pool->ranges[i].first; a <= pool->ranges[i].last; a++, place++)
            pool->odd[place / WORD] |= (guint64)(a & 1) << place % WORD;
    return pool;
}

void
pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    g_free(pool->ranges);
    g_free(pool->words);
    g_free(pool->odd);
    g_free(pool);
}

/* The ranges one behind the other are numbered through. */
static gboolean
place_of(const struct pool *pool, guint32 address, guint32 *place)
{
    guint32 before = 0;
    for (guint i = 0; i < pool->n; i++) {
        const struct config_range *range = &pool->ranges[i];
        if (address >= range->first && address <= range->last) {
            *place = before + (address - range->first);
            return TRUE;
        }
        before += range->last - range->first + 1;
    }
    return FALSE;
}

static guint32
address_at(const struct pool *pool, guint32 place)
{
    for (guint i = 0; i < pool->n; i++) {
        guint32 size = pool->ranges[i].last - pool->ranges[i].first + 1;
        if (place < size)
            return pool->ranges[i].first + place;
        place -= size;
    }
    g_assert_not_reached();
}

static gboolean
is_set(const struct pool *pool, guint32 place)
{
    return (pool->words[place / WORD] >> place % WORD & 1) != 0;
}

gboolean
pool_has(const struct pool *pool, guint32 address)
{
    guint32 place;
    return place_of(pool, address, &place);
}

gboolean
pool_is_free(const struct pool *pool, guint32 address)
{
    guint32 place;
    return place_of(pool, address, &place) && is_set(pool, place);
}

guint32
pool_size(const struct pool *pool)
{
    return pool->size;
}

guint32
pool_free_count(const struct pool *pool)
{
    return pool->free;
}

void
pool_set(struct pool *pool, guint32 address, gboolean is_free)
{
    guint32 place;
    if (!place_of(pool, address, &place) || is_set(pool, place) == is_free)
        return;
    pool->words[place / WORD] ^= (guint64)1 << place % WORD;
    pool->free += is_free ? 1 : (guint32)-1;
}

/* MurmurHash3's last step: every bit of the one depends on every bit of the other. */
static guint64
mixed(guint64 x)
{
    x = (x ^ x >> 33) * 0xff51afd7ed558ccd;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53;
    return x ^ x >> 33;
}

/* FNV-1a, mixed. */
guint64
pool_hash(const guint8 *key, gsize size)
{
    guint64 hash = 0xcbf29ce484222325;
    for (gsize i = 0; i < size; i++)
        hash = (hash ^ key[i]) * 0x100000001b3;
    return mixed(hash);
}

static guint64
free_in(const struct pool *pool, guint32 word, enum pool_half half)
{
    if (half == POOL_WHOLE)
        return pool->words[word];
    return pool->words[word] & (half == POOL_ODD ? pool->odd[word] : ~pool->odd[word]);
}

/* The place of one, or where the pool ends: there is none. */
static guint32
next_free(const struct pool *pool, guint32 place, enum pool_half half)
{
    guint32 words = pool->size / WORD + 1, word = place / WORD;
    guint64 bits = free_in(pool, word, half) >> place % WORD << place % WORD;
    for (guint32 i = 0; bits == 0 && i < words; i++) { /* the last is the first once more, whole */
        word = word + 1 < words ? word + 1 : 0;
        bits = free_in(pool, word, half);
    }
    if (bits == 0)
        return pool->size;
    return word * WORD + (guint32)__builtin_ctzll(bits);
}

guint32
pool_find(const struct pool *pool, guint64 hash, enum pool_half half)
{
    if (pool->free == 0)
        return 0;
    guint32 place = 0;
    for (guint i = 0; i < TRIES; i++) {
        place = (guint32)(((__uint128_t)hash * pool->size) >> 64);
        if ((free_in(pool, place / WORD, half) >> place % WORD & 1) != 0)
            return address_at(pool, place);
        hash = mixed(hash + 1);
    }
    place = next_free(pool, place, half);
    return place < pool->size ? address_at(pool, place) : 0;
}
