/*
 * pool: which addresses of a subnet's ranges are free, a bit for each. A client's first place in it
 * comes of its hash, so that it gets the same address again after its lease is forgotten. Each node
 * of a pair has a half of its own, the even or the odd addresses.
 */
#pragma once

#include "netsvc/config/config.h"

#define POOL_MAX (1u << 24) /* addresses of one subnet; what is beyond is never given out */

struct pool;

/* All are taken at first. */
struct pool *pool_new(const GArray *ranges);
void pool_free(struct pool *pool);
AUTO_DEFINE(pool)

gboolean pool_has(const struct pool *pool, guint32 address);
gboolean pool_is_free(const struct pool *pool, guint32 address);
guint32 pool_size(const struct pool *pool);
guint32 pool_free_count(const struct pool *pool);

/* What is in no range stays as it is. */
void pool_set(struct pool *pool, guint32 address, gboolean is_free);

enum pool_half { POOL_EVEN, POOL_ODD, POOL_WHOLE };

/* A free address of that half, the same for the same hash while that is free; 0: none. */
guint32 pool_find(const struct pool *pool, guint64 hash, enum pool_half half);

/* The same on all nodes and in all versions. */
guint64 pool_hash(const guint8 *key, gsize size);
