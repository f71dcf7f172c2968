#include "lib/base/hash.h"

#include <openssl/evp.h>

struct hash {
    EVP_MD_CTX *context;
    const EVP_MD *algorithm;
    gboolean begun;
};

/* Looked up once: OpenSSL's search takes longer than hashing a revision. */
static const EVP_MD *
algorithm(enum hash_kind kind)
{
    static const char *const names[] = {
        [HASH_MD5] = "MD5", [HASH_SHA256] = "SHA2-256", [HASH_BLAKE2B512] = "BLAKE2B-512"};
    static EVP_MD *found[G_N_ELEMENTS(names)];
    if (g_once_init_enter(&found[kind])) {
        EVP_MD *fetched = EVP_MD_fetch(NULL, names[kind], NULL);
        if (fetched == NULL)
            g_error("OpenSSL cannot compute %s", names[kind]);
        g_once_init_leave(&found[kind], fetched);
    }
    return found[kind];
}

struct hash *
hash_new(enum hash_kind kind)
{
    struct hash *hash = g_new0(struct hash, 1);
    hash->algorithm = algorithm(kind);
    hash->context = EVP_MD_CTX_new();
    g_assert(hash->context != NULL);
    return hash;
}

static void
begin(struct hash *hash)
{
    int done = hash->begun || EVP_DigestInit_ex2(hash->context, hash->algorithm, NULL) == 1;
    g_assert(done);
    hash->begun = TRUE;
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
    begin(hash);
    int done = EVP_DigestUpdate(hash->context, data, size);
    g_assert(done == 1);
}

gsize
hash_take(struct hash *hash, guint8 out[HASH_MAX])
{
    unsigned length = 0;
    begin(hash);
    int done = EVP_DigestFinal_ex(hash->context, out, &length);
    g_assert(done == 1);
    hash->begun = FALSE;
    return length;
}

void
hash_sha256(const void *data, gsize size, guint8 out[HASH_SHA256_SIZE])
{
    int done = EVP_Digest(data, size, out, NULL, algorithm(HASH_SHA256), NULL);
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
