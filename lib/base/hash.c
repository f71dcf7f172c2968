#include "lib/base/hash.h"

#include <openssl/evp.h>

struct hash {
    EVP_MD_CTX *context;
    const EVP_MD *algorithm;
};

struct hash *
hash_new(enum hash_kind kind)
{
    struct hash *hash = g_new0(struct hash, 1);
    hash->algorithm = kind == HASH_MD5      ? EVP_md5()
                      : kind == HASH_SHA256 ? EVP_sha256()
                                            : EVP_blake2b512();
    hash->context = EVP_MD_CTX_new();
    if (hash->context == NULL || EVP_DigestInit_ex(hash->context, hash->algorithm, NULL) != 1)
        g_error("OpenSSL cannot compute %s", EVP_MD_get0_name(hash->algorithm));
    return hash;
}

void
hash_free(struct hash *hash)
{
    if (hash == NULL)
        return;
    EVP_MD_CTX_free(hash->context);
    g_free(hash);
}

void
hash_add(struct hash *hash, const void *data, gsize size)
{
    int done = EVP_DigestUpdate(hash->context, data, size);
    g_assert(done == 1);
}

gsize
hash_take(struct hash *hash, guint8 out[HASH_MAX])
{
    unsigned length = 0;
    int done = EVP_DigestFinal_ex(hash->context, out, &length) == 1 &&
               EVP_DigestInit_ex(hash->context, hash->algorithm, NULL) == 1;
    g_assert(done);
    return length;
}

void
hash_sha256(const void *data, gsize size, guint8 out[HASH_SHA256_SIZE])
{
    int done = EVP_Digest(data, size, out, NULL, EVP_sha256(), NULL);
    g_assert(done == 1);
}

char *
hash_hex(const guint8 *digest, gsize size)
{
    static const char digits[] = "0123456789abcdef";
    char *text = g_malloc(size * 2 + 1);
    for (gsize i = 0; i < size; i++) {
        text[i * 2] = digits[digest[i] >> 4];
        text[i * 2 + 1] = digits[digest[i] & 15];
    }
    text[size * 2] = '\0';
    return text;
}

gboolean
hash_from_hex(const char *text, gsize length, guint8 *out, gsize size)
{
    if (length != size * 2)
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isxdigit(text[i]) || g_ascii_isupper(text[i]))
            return FALSE;
        guint8 digit = (guint8)g_ascii_xdigit_value(text[i]);
        out[i / 2] = (guint8)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
    }
    return TRUE;
}
