/*
 * hash: running digests over OpenSSL's EVP, for the few algorithms that the formats name.
 */
#pragma once

#include "lib/base/cleanup.h"

enum hash_kind {
    HASH_MD5,        /* CouchDB's attachment digests ("md5-" and base64) */
    HASH_SHA256,     /* SHA256SUMS, manifest, leaf digest */
    HASH_BLAKE2B512, /* minisign's prehash */
};

#define HASH_MAX 64         /* bytes of the longest digest */
#define HASH_SHA256_SIZE 32 /* bytes */

struct hash;

/* Never NULL: a missing algorithm ends the program, since nothing can be done without it. */
struct hash *hash_new(enum hash_kind kind);
void hash_free(struct hash *hash);
AUTO_DEFINE(hash)

void hash_add(struct hash *hash, const void *data, gsize size);

/* Writes the digest, returns its length in bytes, and starts anew. */
gsize hash_take(struct hash *hash, guint8 out[HASH_MAX]);

/* One-shot forms. */
void hash_sha256(const void *data, gsize size, guint8 out[HASH_SHA256_SIZE]);

/* Lower-case hex of `size` bytes; free with g_free. */
char *hash_hex(const guint8 *digest, gsize size);

/* The inverse: FALSE unless `text` is exactly 2 × size lower-case hex digits. */
gboolean hash_from_hex(const char *text, gsize length, guint8 *out, gsize size);
