#include "lib/base/chance.h"

#include "lib/base/hash.h"

#include <openssl/rand.h>

#define HEX_MAX 64 /* bytes */

void
chance_bytes(void *out, gsize size)
{
    if (RAND_bytes(out, (int)size) != 1)
        g_error("there are no random numbers");
}

char *
chance_hex(gsize size)
{
    guint8 bytes[HEX_MAX];
    g_assert(size <= sizeof bytes);
    chance_bytes(bytes, size);
    return hash_hex(bytes, size);
}
