#include "netsvc/dns/forward/cache.h"

#include <string.h>

#define LARGEST_SHARE 10 /* an answer may take a tenth */
#define TABLE_BYTES 32   /* that a GHashTable and malloc take for an entry, about */

struct entry {
    struct cache_key key;
    struct entry *newer, *older; /* by when it was asked for last */
    struct cache_answer answer;
    guint8 wire[];
};

struct cache {
    gsize bytes_max, bytes;
    GHashTable *entries;
    struct entry *newest, *oldest;
};

guint
cache_key_hash(gconstpointer pointer)
{
    const struct cache_key *key = pointer;
    guint flags = (key->dnssec_ok ? 1u : 0u) | (key->checking_disabled ? 2u : 0u);
    return name_hash(&key->name) ^ (((guint)key->type << 2 | flags) * 0x9e3779b1u);
}

gboolean
cache_key_equal(gconstpointer a, gconstpointer b)
{
    const struct cache_key *x = a, *y = b;
    return x->type == y->type && !x->dnssec_ok == !y->dnssec_ok &&
           !x->checking_disabled == !y->checking_disabled && name_equal(&x->name, &y->name);
}

struct cache *
cache_new(gsize bytes)
{
    struct cache *cache = g_new0(struct cache, 1);
    cache->bytes_max = bytes;
    cache->entries = g_hash_table_new_full(cache_key_hash, cache_key_equal, NULL, g_free);
    return cache;
}

void
cache_free(struct cache *cache)
{
    if (cache == NULL)
        return;
    g_hash_table_destroy(cache->entries);
    g_free(cache);
}

static gsize
entry_bytes(const struct entry *entry)
{
    return sizeof *entry + entry->answer.size + TABLE_BYTES;
}

static void
unlink_entry(struct cache *cache, struct entry *entry)
{
    g_assert(entry != NULL);
    *(entry->newer != NULL ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void
link_newest(struct cache *cache, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void
drop(struct cache *cache, struct entry *entry)
{
    unlink_entry(cache, entry);
    cache->bytes -= entry_bytes(entry);
    g_hash_table_remove(cache->entries, &entry->key);
}

void
cache_put(struct cache *cache, const struct cache_key *key, const struct cache_answer *answer)
{
    struct entry *old = g_hash_table_lookup(cache->entries, key);
    if (old != NULL)
        drop(cache, old);
    if (sizeof *old + answer->size + TABLE_BYTES > cache->bytes_max / LARGEST_SHARE)
        return;
    struct entry *entry = g_malloc(sizeof *entry + answer->size);
    memcpy(entry->wire, answer->wire, answer->size);
    entry->key = *key;
    entry->answer = *answer;
    entry->answer.wire = entry->wire;
    cache->bytes += entry_bytes(entry);
    g_hash_table_add(cache->entries, &entry->key);
    link_newest(cache, entry);
    while (cache->bytes > cache->bytes_max)
        drop(cache, cache->oldest);
}

gboolean
cache_get(struct cache *cache, const struct cache_key *key, gint64 now, struct cache_answer *answer)
{
    struct entry *entry = g_hash_table_lookup(cache->entries, key);
    if (entry == NULL)
        return FALSE;
    if (now >= entry->answer.until + CACHE_STALE_SECONDS) {
        drop(cache, entry);
        return FALSE;
    }
    unlink_entry(cache, entry);
    link_newest(cache, entry);
    *answer = entry->answer;
    return TRUE;
}

gsize
cache_count(const struct cache *cache)
{
    return g_hash_table_size(cache->entries);
}

gsize
cache_bytes(const struct cache *cache)
{
    return cache->bytes;
}
