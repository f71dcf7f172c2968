#include "netsvc/dns/wire/cookie.h"

#include "lib/base/chance.h"

#include <netinet/in.h>
#include <string.h>

#define VERSION 1
#define SERVER_AT COOKIE_CLIENT_SIZE /* the server's part begins here */
#define TIME_AT 12
#define HASH_AT 16
#define HASH_SIZE 8
#define AGE_MAX 3600 /* seconds (RFC 9018, 4.3) */
#define AGE_FRESH 1800
#define AHEAD_MAX 300

/* ---- SipHash ---- */

static inline guint64
rotate(guint64 value, guint bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void
round_of(guint64 v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static inline guint64
word_at(const guint8 *data)
{
    guint64 word;
    memcpy(&word, data, sizeof word);
    return GUINT64_FROM_LE(word);
}

guint64
cookie_siphash(const guint64 key[2], const guint8 *data, gsize size)
{
    guint64 v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                    key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
    guint8 last[8] = {0};
    gsize whole = size & ~(gsize)7;
    g_assert(size <= 255);
    memcpy(last, data + whole, size - whole);
    last[7] = (guint8)size;
    for (gsize i = 0; i <= whole; i += 8) {
        guint64 word = word_at(i < whole ? data + i : last);
        v[3] ^= word;
        round_of(v);
        round_of(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        round_of(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- secrets ---- */

void
cookie_secret_set(struct cookie_secret *secret, const guint8 bytes[COOKIE_SECRET_SIZE])
{
    secret->key[0] = word_at(bytes);
    secret->key[1] = word_at(bytes + 8);
}

void
cookie_secret_random(struct cookie_secret *secret)
{
    guint8 bytes[COOKIE_SECRET_SIZE];
    chance_bytes(bytes, sizeof bytes);
    cookie_secret_set(secret, bytes);
}

/* ---- cookies ---- */

/* Of all that stands before the hash. */
static void
hash_of(const struct cookie_secret *secret, const guint8 *cookie,
        const struct sockaddr_storage *client, guint8 hash[HASH_SIZE])
{
    guint8 data[HASH_AT + sizeof(struct in6_addr)];
    const struct sockaddr_in *four = (const struct sockaddr_in *)client;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)client;
    gsize size = HASH_AT;
    memcpy(data, cookie, HASH_AT);
    if (client->ss_family == AF_INET6) {
        memcpy(data + size, &six->sin6_addr, sizeof six->sin6_addr);
        size += sizeof six->sin6_addr;
    } else {
        memcpy(data + size, &four->sin_addr, sizeof four->sin_addr);
        size += sizeof four->sin_addr;
    }
    guint64 value = GUINT64_TO_LE(cookie_siphash(secret->key, data, size));
    memcpy(hash, &value, HASH_SIZE);
}

static guint8
difference(const guint8 *a, const guint8 *b, gsize size)
{
    guint8 all = 0;
    for (gsize i = 0; i < size; i++)
        all |= (guint8)(a[i] ^ b[i]);
    return all;
}

enum cookie_state
cookie_check(const struct cookie_secret *secret, const guint8 *cookie, gsize size,
             const struct sockaddr_storage *client, gint64 now)
{
    guint8 hash[HASH_SIZE];
    guint32 made;
    if (cookie == NULL)
        return COOKIE_NONE;
    if (size == COOKIE_CLIENT_SIZE)
        return COOKIE_CLIENT;
    if (size != COOKIE_SIZE || cookie[SERVER_AT] != VERSION)
        return COOKIE_BAD;
    /* Seconds are compared as serial numbers are (RFC 1982), so that they may turn over. */
    memcpy(&made, cookie + TIME_AT, sizeof made);
    gint32 age = (gint32)((guint32)now - GUINT32_FROM_BE(made));
    if (age > AGE_MAX || age < -AHEAD_MAX)
        return COOKIE_BAD;
    hash_of(secret, cookie, client, hash);
    if (difference(hash, cookie + HASH_AT, HASH_SIZE) != 0)
        return COOKIE_BAD;
    return age > AGE_FRESH ? COOKIE_OLD : COOKIE_GOOD;
}

void
cookie_make(const struct cookie_secret *secret, const guint8 *cookie,
            const struct sockaddr_storage *client, gint64 now, guint8 out[COOKIE_SIZE])
{
    guint32 made = GUINT32_TO_BE((guint32)now);
    memmove(out, cookie, COOKIE_CLIENT_SIZE);
    memset(out + SERVER_AT, 0, TIME_AT - SERVER_AT);
    out[SERVER_AT] = VERSION;
    memcpy(out + TIME_AT, &made, sizeof made);
    hash_of(secret, out, client, out + HASH_AT);
}
