#include "tsig.h"

#include "lib/base/fail.h"
#include "netsvc/bytes.h"
#include "netsvc/config/config.h"
#include "netsvc/dns/transfer/records.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define CLASS_ANY 255
#define ARCOUNT 10       /* offset in the header */
#define FIXED_SIZE 10    /* type, class, TTL, size of RDATA */
#define TIMERS_SIZE 8    /* time signed (48 bits), fudge */
#define OTHER_TIME 6     /* the server's time in other data */
#define MAC_TRUNCATED 10 /* bytes, or half of the MAC: fewer are FORMERR (RFC 8945, 5.2.2.1) */

struct algorithm {
    const char *name, *digest;
    guint8 size; /* of a MAC */
};

static const struct algorithm algorithms[] = {
    {"hmac-sha256", "SHA2-256", 32},
    {"hmac-sha384", "SHA2-384", 48},
    {"hmac-sha512", "SHA2-512", 64},
    {"hmac-sha1", "SHA1", 20},
};

struct tsig_key {
    struct name name, algorithm;
    guint8 size;          /* of a MAC */
    EVP_MAC_CTX *context; /* with the secret in it: copied for each MAC */
};

struct tsig_keys {
    EVP_MAC *hmac;
    GPtrArray *keys; /* struct tsig_key */
};

/* ---- keys ---- */

static void
key_free(gpointer data)
{
    struct tsig_key *key = data;
    EVP_MAC_CTX_free(key->context);
    g_free(key);
}

static const struct algorithm *
algorithm_of(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(algorithms); i++)
        if (g_ascii_strcasecmp(algorithms[i].name, name) == 0)
            return &algorithms[i];
    return NULL;
}

/* OpenSSL wants text that it does not change as `char *`. */
static EVP_MAC_CTX *
context_new(EVP_MAC *hmac, const char *digest, GBytes *secret)
{
    gsize size = 0;
    const guint8 *bytes = g_bytes_get_data(secret, &size);
    char name[16];
    g_strlcpy(name, digest, sizeof name);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(hmac);
    if (context == NULL || EVP_MAC_init(context, bytes, size, params) != 1)
        g_error("OpenSSL has no HMAC with %s", digest);
    return context;
}

static gboolean
keys_add(struct tsig_keys *keys, const struct config_tsig *config, GError **error)
{
    const struct algorithm *algorithm = algorithm_of(config->algorithm);
    struct name name, algorithm_name;
    if (!name_from_text(&name, config->name))
        return fail_set(error, FAIL_USAGE, "TSIG key '%s': its name is no domain name",
                        config->name);
    if (algorithm == NULL || !name_from_text(&algorithm_name, algorithm->name))
        return fail_set(error, FAIL_USAGE,
                        "TSIG key '%s': algorithm '%s' is not known\n"
                        "hint: hmac-sha256, hmac-sha384, hmac-sha512 are",
                        config->name, config->algorithm);
    if (g_bytes_get_size(config->secret) == 0)
        return fail_set(error, FAIL_USAGE, "TSIG key '%s': its secret is empty", config->name);
    if (tsig_keys_find(keys, config->name) != NULL)
        return fail_set(error, FAIL_USAGE, "TSIG key '%s' is there twice", config->name);
    struct tsig_key *key = g_new0(struct tsig_key, 1);
    key->name = name;
    key->algorithm = algorithm_name;
    key->size = algorithm->size;
    key->context = context_new(keys->hmac, algorithm->digest, config->secret);
    g_ptr_array_add(keys->keys, key);
    return TRUE;
}

struct tsig_keys *
tsig_keys_new(const GPtrArray *config, GError **error)
{
    AUTO(tsig_keys) *keys = g_new0(struct tsig_keys, 1);
    keys->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (keys->hmac == NULL)
        g_error("OpenSSL has no HMAC");
    keys->keys = g_ptr_array_new_with_free_func(key_free);
    for (guint i = 0; config != NULL && i < config->len; i++)
        if (!keys_add(keys, g_ptr_array_index(config, i), error))
            return NULL;
    return g_steal_pointer(&keys);
}

void
tsig_keys_free(struct tsig_keys *keys)
{
    if (keys == NULL)
        return;
    g_ptr_array_unref(keys->keys);
    EVP_MAC_free(keys->hmac);
    g_free(keys);
}

static const struct tsig_key *
find(const struct tsig_keys *keys, const struct name *name)
{
    for (guint i = 0; keys != NULL && i < keys->keys->len; i++) {
        const struct tsig_key *key = g_ptr_array_index(keys->keys, i);
        if (name_equal(&key->name, name))
            return key;
    }
    return NULL;
}

const struct tsig_key *
tsig_keys_find(const struct tsig_keys *keys, const char *name)
{
    struct name parsed;
    return name_from_text(&parsed, name) ? find(keys, &parsed) : NULL;
}

/* ---- the record ---- */

/* As it stands in a message; everything points into that. */
struct signature {
    struct name name, algorithm;
    guint64 time;
    guint16 fudge, original_id, error;
    const guint8 *mac, *other;
    gsize mac_size, other_size;
};

static guint64
get48(const guint8 *at)
{
    return (guint64)bytes_get16(at) << 32 | (guint64)bytes_get16(at + 2) << 16 |
           bytes_get16(at + 4);
}

static guint8 *
put48(guint8 *at, guint64 value)
{
    return bytes_put32(bytes_put16(at, (guint)(value >> 32)), (guint32)value);
}

static guint8 *
put_name(guint8 *at, const struct name *name)
{
    memcpy(at, name->wire, name->size);
    return at + name->size;
}

/* FALSE unless it is exactly one, and the last. */
static gboolean
record_parse(struct signature *record, const guint8 *wire, gsize size, gsize offset)
{
    if (offset < HEADER_SIZE || offset >= size || bytes_get16(wire + ARCOUNT) == 0)
        return FALSE;
    const guint8 *at = wire + offset, *end = wire + size;
    gsize took = name_from_wire(&record->name, at, (gsize)(end - at), wire);
    at += took;
    if (took == 0 || end - at < FIXED_SIZE || bytes_get16(at) != TYPE_TSIG ||
        bytes_get16(at + 2) != CLASS_ANY || bytes_get16(at + 4) != 0 || bytes_get16(at + 6) != 0 ||
        end - at - FIXED_SIZE != bytes_get16(at + 8))
        return FALSE;
    at += FIXED_SIZE;
    took = name_from_wire(&record->algorithm, at, (gsize)(end - at), NULL);
    at += took;
    if (took == 0 || end - at < TIMERS_SIZE + 2)
        return FALSE;
    record->time = get48(at);
    record->fudge = bytes_get16(at + 6);
    record->mac_size = bytes_get16(at + 8);
    record->mac = at + TIMERS_SIZE + 2;
    at = record->mac;
    if ((gsize)(end - at) < record->mac_size + 6)
        return FALSE;
    at += record->mac_size;
    record->original_id = bytes_get16(at);
    record->error = bytes_get16(at + 2);
    record->other_size = bytes_get16(at + 4);
    record->other = at + 6;
    return (gsize)(end - record->other) == record->other_size;
}

/* ---- MACs ---- */

static EVP_MAC_CTX *
digest_new(const struct tsig_key *key)
{
    EVP_MAC_CTX *digest = EVP_MAC_CTX_dup(key->context);
    g_assert(digest != NULL);
    return digest;
}

static void
feed(EVP_MAC_CTX *digest, const void *data, gsize size)
{
    int done = EVP_MAC_update(digest, data, size);
    g_assert(done == 1);
}

/* The last MAC with its length before it: what an answer begins with. */
static void
feed_last(EVP_MAC_CTX *digest, const struct tsig *tsig)
{
    guint8 size[2];
    bytes_put16(size, (guint)tsig->mac_size);
    feed(digest, size, sizeof size);
    feed(digest, tsig->mac, tsig->mac_size);
}

/* The message as it was before the record was added to it. */
static void
feed_message(EVP_MAC_CTX *digest, const guint8 *wire, gsize size, guint16 id, guint counted)
{
    guint8 header[HEADER_SIZE];
    memcpy(header, wire, HEADER_SIZE);
    bytes_put16(header, id);
    bytes_put16(header + ARCOUNT, bytes_get16(wire + ARCOUNT) - counted);
    feed(digest, header, sizeof header);
    feed(digest, wire + HEADER_SIZE, size - HEADER_SIZE);
}

/* The variables of RFC 8945, 4.3.3, or of a later message in a stream its timers alone. */
static void
feed_variables(EVP_MAC_CTX *digest, const struct signature *record, gboolean timers_only)
{
    guint8 bytes[2 * NAME_SIZE_MAX + 24], *at = bytes;
    if (!timers_only) {
        at = bytes_put16(put_name(at, &record->name), CLASS_ANY);
        at = put_name(bytes_put16(bytes_put16(at, 0), 0), &record->algorithm);
    }
    at = bytes_put16(put48(at, record->time), record->fudge);
    if (!timers_only)
        at = bytes_put16(bytes_put16(at, record->error), (guint)record->other_size);
    feed(digest, bytes, (gsize)(at - bytes));
    if (!timers_only)
        feed(digest, record->other, record->other_size);
}

static void
finish(EVP_MAC_CTX *digest, const struct tsig_key *key, guint8 mac[TSIG_MAC_MAX])
{
    gsize size = 0;
    int done = EVP_MAC_final(digest, mac, &size, TSIG_MAC_MAX);
    g_assert(done == 1 && size == key->size);
}

/* What the MAC of this message must be. */
static void
expect(const struct tsig *tsig, const guint8 *wire, gsize offset, const struct signature *record,
       guint8 mac[TSIG_MAC_MAX])
{
    EVP_MAC_CTX *digest =
        tsig->digest != NULL ? EVP_MAC_CTX_dup(tsig->digest) : digest_new(tsig->key);
    g_assert(digest != NULL);
    if (tsig->digest == NULL && tsig->mac_size != 0)
        feed_last(digest, tsig);
    feed_message(digest, wire, offset, record->original_id, 1);
    feed_variables(digest, record, tsig->later);
    finish(digest, tsig->key, mac);
    EVP_MAC_CTX_free(digest);
}

static void
keep_mac(struct tsig *tsig, const guint8 *mac, gsize size)
{
    memcpy(tsig->mac, mac, size);
    tsig->mac_size = size;
}

static gboolean
time_is_near(guint64 a, guint64 b, guint64 fudge)
{
    return (a > b ? a - b : b - a) <= fudge;
}

void
tsig_clear(struct tsig *tsig)
{
    EVP_MAC_CTX_free(tsig->digest);
    memset(tsig, 0, sizeof *tsig);
}

/* ---- server ---- */

static enum rcode
refuse(struct tsig *tsig, enum tsig_error why)
{
    tsig->error = why;
    return RCODE_NOTAUTH;
}

enum rcode
tsig_check(struct tsig *tsig, const struct tsig_keys *keys, const guint8 *wire, gsize size,
           gsize offset, guint64 now)
{
    struct signature record;
    guint8 mac[TSIG_MAC_MAX];
    memset(tsig, 0, sizeof *tsig);
    if (offset == 0)
        return RCODE_NOERROR;
    if (!record_parse(&record, wire, size, offset))
        return RCODE_FORMERR;
    tsig->present = TRUE;
    tsig->name = record.name;
    tsig->algorithm = record.algorithm;
    tsig->time = record.time;
    tsig->id = record.original_id;
    const struct tsig_key *key = find(keys, &record.name);
    if (key == NULL || !name_equal(&key->algorithm, &record.algorithm))
        return refuse(tsig, TSIG_BADKEY);
    if (record.mac_size > key->size || record.mac_size < MAX(MAC_TRUNCATED, key->size / 2u)) {
        tsig_clear(tsig);
        return RCODE_FORMERR;
    }
    tsig->key = key;
    expect(tsig, wire, offset, &record, mac);
    if (CRYPTO_memcmp(mac, record.mac, record.mac_size) != 0) {
        tsig->key = NULL;
        return refuse(tsig, TSIG_BADSIG);
    }
    keep_mac(tsig, record.mac, record.mac_size);
    if (!time_is_near(now, record.time, MIN(record.fudge, TSIG_FUDGE)))
        return refuse(tsig, TSIG_BADTIME);
    if (record.mac_size < key->size) /* ours are never cut off, and none of the peers' need be */
        return refuse(tsig, TSIG_BADTRUNC);
    return RCODE_NOERROR;
}

/* ---- both ---- */

gsize
tsig_size(const struct tsig *tsig)
{
    if (!tsig->present)
        return 0;
    return tsig->name.size + FIXED_SIZE + tsig->algorithm.size + TIMERS_SIZE + 2 +
           (tsig->key != NULL ? tsig->key->size : 0u) + 6 + OTHER_TIME;
}

static gsize
record_write(guint8 *wire, gsize size, const struct signature *record)
{
    guint8 *at = put_name(wire + size, &record->name);
    at = bytes_put16(bytes_put16(bytes_put16(bytes_put16(at, TYPE_TSIG), CLASS_ANY), 0), 0);
    guint8 *length = at;
    at = put_name(at + 2, &record->algorithm);
    at = bytes_put16(bytes_put16(put48(at, record->time), record->fudge), (guint)record->mac_size);
    memcpy(at, record->mac, record->mac_size);
    at = bytes_put16(bytes_put16(at + record->mac_size, record->original_id), record->error);
    at = bytes_put16(at, (guint)record->other_size);
    memcpy(at, record->other, record->other_size);
    at += record->other_size;
    bytes_put16(length, (guint)(at - length - 2));
    bytes_put16(wire + ARCOUNT, bytes_get16(wire + ARCOUNT) + 1u);
    return (gsize)(at - wire);
}

gsize
tsig_sign(struct tsig *tsig, guint8 *wire, gsize size, gsize room, guint64 now)
{
    g_assert(size >= HEADER_SIZE && size <= room);
    if (!tsig->present)
        return size;
    if (room - size < tsig_size(tsig))
        return 0;
    guint8 other[OTHER_TIME], mac[TSIG_MAC_MAX];
    struct signature record = {
        .name = tsig->name,
        .algorithm = tsig->algorithm,
        .time = now + (guint64)tsig->skew,
        .fudge = TSIG_FUDGE,
        .original_id = bytes_get16(wire),
        .error = (guint16)tsig->error,
        .mac = mac,
        .other = other,
    };
    if (tsig->error != 0) /* RFC 8945, 5.2.3: the asker's time, and ours beside it */
        record.time = tsig->time;
    if (tsig->error == TSIG_BADTIME) {
        put48(other, now);
        record.other_size = OTHER_TIME;
    }
    if (tsig->key != NULL) {
        EVP_MAC_CTX *digest = digest_new(tsig->key);
        if (tsig->mac_size != 0)
            feed_last(digest, tsig);
        feed_message(digest, wire, size, record.original_id, 0);
        feed_variables(digest, &record, tsig->later);
        finish(digest, tsig->key, mac);
        EVP_MAC_CTX_free(digest);
        record.mac_size = tsig->key->size;
        tsig->later = tsig->mac_size != 0;
        keep_mac(tsig, mac, record.mac_size);
        tsig->time = record.time;
    }
    return record_write(wire, size, &record);
}

/* ---- client ---- */

void
tsig_begin(struct tsig *tsig, const struct tsig_key *key, gint64 skew)
{
    memset(tsig, 0, sizeof *tsig);
    if (key == NULL)
        return;
    tsig->key = key;
    tsig->name = key->name;
    tsig->algorithm = key->algorithm;
    tsig->skew = skew;
    tsig->present = TRUE;
}

static enum tsig_verdict
wrong(GError **error, const char *what)
{
    fail_set(error, FAIL_FAILED, "%s", what);
    return TSIG_WRONG;
}

/* One without a signature: it is covered by the next that has one. */
static enum tsig_verdict
take_unsigned(struct tsig *tsig, const guint8 *wire, gsize size, GError **error)
{
    if (!tsig->later)
        return wrong(error, "its answer is not signed");
    if (++tsig->gap > TSIG_UNSIGNED_MAX)
        return wrong(error, "too many messages without a signature");
    if (tsig->digest == NULL) {
        tsig->digest = digest_new(tsig->key);
        feed_last(tsig->digest, tsig);
    }
    feed_message(tsig->digest, wire, size, bytes_get16(wire), 0);
    return TSIG_GOOD;
}

static const char *
error_text(guint code)
{
    switch (code) {
    case TSIG_BADSIG:
        return "BADSIG";
    case TSIG_BADKEY:
        return "BADKEY";
    case TSIG_BADTIME:
        return "BADTIME";
    case TSIG_BADTRUNC:
        return "BADTRUNC";
    default:
        return "an error of which we know nothing";
    }
}

static enum tsig_verdict
judge(struct tsig *tsig, const struct signature *record, guint64 now, GError **error)
{
    if (record->error == TSIG_BADTIME && record->other_size == OTHER_TIME) {
        tsig->skew = (gint64)(get48(record->other) - now);
        return TSIG_CLOCK;
    }
    if (record->error != 0) {
        fail_set(error, FAIL_FAILED, "it does not take our signature: %s",
                 error_text(record->error));
        return TSIG_WRONG;
    }
    if (!time_is_near(now + (guint64)tsig->skew, record->time, MIN(record->fudge, TSIG_FUDGE)))
        return wrong(error, "its answer was signed at another time");
    return TSIG_GOOD;
}

enum tsig_verdict
tsig_check_answer(struct tsig *tsig, const guint8 *wire, gsize size, gsize offset, guint64 now,
                  GError **error)
{
    struct signature record;
    guint8 mac[TSIG_MAC_MAX];
    if (tsig->key == NULL)
        return TSIG_GOOD;
    if (size < HEADER_SIZE)
        return wrong(error, "its answer is cut off");
    if (offset == 0)
        return take_unsigned(tsig, wire, size, error);
    if (!record_parse(&record, wire, size, offset))
        return wrong(error, "the signature of its answer is malformed");
    if (record.mac_size == 0 && record.error != 0) {
        fail_set(error, FAIL_FAILED,
                 "it does not take our signature: %s\n"
                 "hint: name, algorithm and secret of the key must be the same on both sides",
                 error_text(record.error));
        return TSIG_WRONG;
    }
    if (!name_equal(&record.name, &tsig->name) || !name_equal(&record.algorithm, &tsig->algorithm))
        return wrong(error, "its answer is signed with another key");
    if (record.mac_size != tsig->key->size)
        return wrong(error, "the signature of its answer is cut off");
    expect(tsig, wire, offset, &record, mac);
    if (CRYPTO_memcmp(mac, record.mac, record.mac_size) != 0)
        return wrong(error, "the signature of its answer is wrong");
    EVP_MAC_CTX_free(g_steal_pointer(&tsig->digest));
    tsig->gap = 0;
    tsig->later = TRUE;
    keep_mac(tsig, record.mac, record.mac_size);
    return judge(tsig, &record, now, error);
}

gboolean
tsig_is_done(const struct tsig *tsig)
{
    return tsig->key == NULL || (tsig->later && tsig->gap == 0);
}
