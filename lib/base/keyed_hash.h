/*
 * keyed_hash: hashes for tables in memory whose keys strangers choose: with a secret of the
 * table's own, so that nobody knows which of them share a place. Each is a multiplication of 64 by
 * 64 bits whose halves are folded into one, as in wyhash. All bits of a hash are as good.
 */
#pragma once

#include <glib.h>

struct keyed_hash {
    guint64 secret[2];
};

void keyed_hash_draw(struct keyed_hash *key);
guint64 keyed_hash_number(const struct keyed_hash *key, guint64 number);
guint64 keyed_hash_bytes(const struct keyed_hash *key, const void *data, gsize size);
