/*
 * cache: answers from the uplink for as long as they are good, and beyond that for when there is
 * none.
 *
 * Bounded in bytes: the one that was asked for longest ago makes room. An answer is kept as it came
 * out of relay.h, with the TTLs that it had then. Time is seconds of a clock that never jumps.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "netsvc/dns/wire/name.h"

#define CACHE_BYTES (16 * 1024 * 1024)
#define CACHE_STALE_SECONDS (24 * 60 * 60) /* after its end; RFC 8767 5: one to three days */

struct cache_key {
    struct name name; /* in small letters */
    guint16 type;     /* of class IN */
    gboolean dnssec_ok, checking_disabled;
};

struct cache_answer {
    const guint8 *wire; /* valid until the cache is changed */
    gsize size;
    int error;    /* enum reply_error: told with it; ERROR_NONE */
    gint64 put;   /* when it came */
    gint64 until; /* when its first TTL is over */
};

struct cache;

struct cache *cache_new(gsize bytes);
void cache_free(struct cache *cache);
AUTO_DEFINE(cache)

/* In place of what there was under that key; it is copied. One that is larger than a tenth of the
 * cache is not taken. */
void cache_put(struct cache *cache, const struct cache_key *key, const struct cache_answer *answer);

/* FALSE: there is none. One that is over (`until` <= now) is given for CACHE_STALE_SECONDS more. */
gboolean cache_get(struct cache *cache, const struct cache_key *key, gint64 now,
                   struct cache_answer *answer);

gsize cache_count(const struct cache *cache);
gsize cache_bytes(const struct cache *cache); /* in use, what its bookkeeping takes included */

/* Of a key; with cache_key_equal also for those who keep questions in a GHashTable. */
guint cache_key_hash(gconstpointer key);
gboolean cache_key_equal(gconstpointer a, gconstpointer b);
