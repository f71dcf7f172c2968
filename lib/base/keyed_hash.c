#include "lib/base/keyed_hash.h"

#include "lib/base/chance.h"

#include <string.h>

static guint64
folded(guint64 a, guint64 b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (guint64)product ^ (guint64)(product >> 64);
}

void
keyed_hash_draw(struct keyed_hash *key)
{
    chance_bytes(key->secret, sizeof key->secret);
    for (gsize i = 0; i < G_N_ELEMENTS(key->secret); i++)
        key->secret[i] |= 1;
}

guint64
keyed_hash_number(const struct keyed_hash *key, guint64 number)
{
    return folded(folded(number ^ key->secret[0], key->secret[1]), key->secret[1]);
}

guint64
keyed_hash_bytes(const struct keyed_hash *key, const void *data, gsize size)
{
    const guint8 *bytes = data;
    guint64 hash = key->secret[0] ^ size;
    for (gsize i = 0; i < size; i += sizeof hash) {
        guint64 word = 0;
        memcpy(&word, bytes + i, MIN(sizeof word, size - i));
        hash = folded(hash ^ word, key->secret[1]);
    }
    return folded(hash, key->secret[1]);
}
