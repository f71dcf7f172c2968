/*
 * minisign: keys, signing and checking; files are four lines
 *
 *     untrusted comment: <anything, not signed>
 *     <base64: "ED", key id, Ed25519 signature of the data's BLAKE2b-512>
 *     trusted comment: <text>
 *     <base64: Ed25519 signature of the signature above (64 bytes) and the text>
 *
 * and public keys two: a comment and base64("Ed", key id, key). minisign's older form "Ed", which
 * signs the data itself, is refused: nothing of ours ever wrote it.
 */
#include "lib/crypt/minisign.h"

#include "lib/base/fail.h"
#include "lib/base/hash.h"
#include "lib/crypt/base64.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#define UNTRUSTED "untrusted comment: "
#define TRUSTED "trusted comment: "
#define SIGNATURE_SIZE 64
#define PREHASH_SIZE 64

struct minisign_secret {
    EVP_PKEY *key;
};

/* The second line of a signature file. */
struct signed_line {
    guint8 algorithm[2];
    guint8 id[MINISIGN_KEY_ID];
    guint8 signature[SIGNATURE_SIZE];
};

struct public_line {
    guint8 algorithm[2];
    guint8 id[MINISIGN_KEY_ID];
    guint8 key[32];
};

G_STATIC_ASSERT(sizeof(struct signed_line) == 2 + MINISIGN_KEY_ID + SIGNATURE_SIZE);
G_STATIC_ASSERT(sizeof(struct public_line) == 2 + MINISIGN_KEY_ID + 32);

/* As minisign shows it: a little-endian number in hex. */
static char *
id_text(const guint8 id[MINISIGN_KEY_ID])
{
    guint64 number;
    memcpy(&number, id, sizeof number);
    return g_strdup_printf("%016" G_GINT64_MODIFIER "X", GUINT64_FROM_LE(number));
}

/* ---- secret keys ---- */

static struct minisign_secret *
secret_of(EVP_PKEY *key)
{
    struct minisign_secret *secret = g_new0(struct minisign_secret, 1);
    secret->key = key;
    return secret;
}

struct minisign_secret *
minisign_secret_generate(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (key == NULL)
        g_error("OpenSSL cannot make an Ed25519 key");
    return secret_of(key);
}

/* In place of OpenSSL's own, which would ask at the terminal. */
static int
no_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1;
}

struct minisign_secret *
minisign_secret_parse(const char *pem, GError **error)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (key != NULL && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519)
        return secret_of(key);
    EVP_PKEY_free(key);
    fail_set(error, FAIL_KEY, "not an unencrypted Ed25519 key in PEM");
    return NULL;
}

char *
minisign_secret_text(const struct minisign_secret *secret)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *data = NULL;
    if (bio == NULL || PEM_write_bio_PrivateKey(bio, secret->key, NULL, NULL, 0, NULL, NULL) != 1)
        g_error("OpenSSL cannot write a key as PEM");
    long size = BIO_get_mem_data(bio, &data);
    char *text = g_strndup(data, (gsize)size);
    BIO_free(bio);
    return text;
}

void
minisign_secret_public(const struct minisign_secret *secret, struct minisign_public *public)
{
    guint8 digest[HASH_SHA256_SIZE];
    gsize size = sizeof public->key;
    if (EVP_PKEY_get_raw_public_key(secret->key, public->key, &size) != 1)
        g_error("OpenSSL cannot give the public half of a key");
    hash_sha256(public->key, size, digest);
    memcpy(public->id, digest, MINISIGN_KEY_ID);
}

void
minisign_secret_free(struct minisign_secret *secret)
{
    if (secret == NULL)
        return;
    EVP_PKEY_free(secret->key); /* wipes it */
    g_free(secret);
}

/* ---- public keys ---- */

char *
minisign_public_text(const struct minisign_public *public)
{
    struct public_line line = {.algorithm = {'E', 'd'}};
    memcpy(line.id, public->id, sizeof line.id);
    memcpy(line.key, public->key, sizeof line.key);
    GString *text = g_string_new(NULL);
    base64_append(text, &line, sizeof line, TRUE);
    return g_string_free(text, FALSE);
}

char *
minisign_public_file(const struct minisign_public *public, const char *comment)
{
    g_autofree char *text = minisign_public_text(public);
    return g_strdup_printf(UNTRUSTED "%s\n%s\n", comment, text);
}

/* A line without its end, be it LF or CR LF; FALSE at the end of the text. */
static gboolean
take_line(struct slice *rest, struct slice *line)
{
    if (rest->size == 0)
        return FALSE;
    const char *end = memchr(rest->data, '\n', rest->size);
    gsize size = end == NULL ? rest->size : (gsize)(end - rest->data);
    gsize whole = end == NULL ? size : size + 1;
    *line = (struct slice){rest->data, size};
    if (size > 0 && line->data[size - 1] == '\r')
        line->size--;
    rest->data += whole;
    rest->size -= whole;
    return TRUE;
}

static gboolean
take_prefix(struct slice *line, const char *prefix)
{
    gsize size = strlen(prefix);
    if (line->size < size || memcmp(line->data, prefix, size) != 0)
        return FALSE;
    line->data += size;
    line->size -= size;
    return TRUE;
}

/* People paste keys with blanks around them. */
static struct slice
trimmed(struct slice text)
{
    while (text.size > 0 && g_ascii_isspace(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && g_ascii_isspace(text.data[text.size - 1]))
        text.size--;
    return text;
}

gboolean
minisign_public_parse(const char *text, struct minisign_public *public, GError **error)
{
    struct public_line bytes;
    struct slice comment;
    struct slice rest = trimmed((struct slice){text, strnlen(text, MINISIGN_FILE_MAX + 1)});
    if (rest.size <= MINISIGN_FILE_MAX && take_prefix(&rest, UNTRUSTED))
        take_line(&rest, &comment);
    if (base64_take(rest, TRUE, (guint8 *)&bytes, sizeof bytes) != sizeof bytes ||
        memcmp(bytes.algorithm, "Ed", 2) != 0)
        return fail_set(error, FAIL_KEY,
                        "not a minisign public key: that is 56 characters that begin with 'RW'");
    memcpy(public->id, bytes.id, sizeof public->id);
    memcpy(public->key, bytes.key, sizeof public->key);
    return TRUE;
}

/* ---- signing ---- */

static void
prehash(const void *data, gsize size, guint8 digest[HASH_MAX])
{
    AUTO(hash) *hash = hash_new(HASH_BLAKE2B512);
    hash_add(hash, data, size);
    gsize length = hash_take(hash, digest);
    g_assert(length == PREHASH_SIZE);
}

static void
sign(EVP_PKEY *key, const void *data, gsize size, guint8 out[SIGNATURE_SIZE])
{
    gsize length = SIGNATURE_SIZE;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL || EVP_DigestSignInit(context, NULL, NULL, NULL, key) != 1 ||
        EVP_DigestSign(context, out, &length, data, size) != 1)
        g_error("OpenSSL cannot sign with Ed25519");
    EVP_MD_CTX_free(context);
}

/* What the second signature covers. */
static GByteArray *
signature_and_comment(const guint8 signature[SIGNATURE_SIZE], struct slice comment)
{
    GByteArray *both = g_byte_array_new();
    g_byte_array_append(both, signature, SIGNATURE_SIZE);
    g_byte_array_append(both, (const guint8 *)comment.data, (guint)comment.size);
    return both;
}

char *
minisign_sign(const struct minisign_secret *secret, const void *data, gsize size,
              const char *trusted_comment, GError **error)
{
    guint8 digest[HASH_MAX];
    guint8 global[SIGNATURE_SIZE];
    struct minisign_public public;
    struct signed_line line = {.algorithm = {'E', 'D'}};
    if (strpbrk(trusted_comment, "\r\n") != NULL) {
        fail_set(error, FAIL_FAILED, "the comment of a signature must be one line");
        return NULL;
    }
    minisign_secret_public(secret, &public);
    memcpy(line.id, public.id, sizeof line.id);
    prehash(data, size, digest);
    sign(secret->key, digest, PREHASH_SIZE, line.signature);
    g_autoptr(GByteArray) both = signature_and_comment(line.signature, slice_of(trusted_comment));
    sign(secret->key, both->data, both->len, global);

    g_autofree char *id = id_text(public.id);
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, UNTRUSTED "signature from lifeboat, key %s\n", id);
    base64_append(text, &line, sizeof line, TRUE);
    g_string_append_printf(text, "\n" TRUSTED "%s\n", trusted_comment);
    base64_append(text, global, sizeof global, TRUE);
    g_string_append_c(text, '\n');
    if (text->len > MINISIGN_FILE_MAX) {
        fail_set(error, FAIL_FAILED, "the comment of a signature is too long");
        return NULL;
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* ---- checking ---- */

struct parsed {
    struct signed_line signed_line;
    struct slice comment; /* points into the text */
    guint8 global[SIGNATURE_SIZE];
};

static gboolean
parse(const char *text, struct parsed *parsed, GError **error)
{
    struct slice rest = {text, strnlen(text, MINISIGN_FILE_MAX + 1)};
    struct slice line;
    struct signed_line *bytes = &parsed->signed_line;
    gboolean well = rest.size <= MINISIGN_FILE_MAX && take_line(&rest, &line) &&
                    take_prefix(&line, UNTRUSTED) && take_line(&rest, &line) &&
                    base64_take(line, TRUE, (guint8 *)bytes, sizeof *bytes) == sizeof *bytes &&
                    take_line(&rest, &parsed->comment) && take_prefix(&parsed->comment, TRUSTED) &&
                    take_line(&rest, &line) &&
                    base64_take(line, TRUE, parsed->global, SIGNATURE_SIZE) == SIGNATURE_SIZE &&
                    rest.size == 0;
    if (!well)
        return fail_set(error, FAIL_DAMAGED, "not a minisign signature");
    if (memcmp(bytes->algorithm, "ED", 2) != 0)
        return fail_set(error, FAIL_DAMAGED,
                        "not a minisign signature of the prehashed kind ('ED')");
    return TRUE;
}

static gboolean
fits(const struct minisign_public *public, const guint8 signature[SIGNATURE_SIZE], const void *data,
     gsize size)
{
    EVP_PKEY *key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public->key, sizeof public->key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (key == NULL || context == NULL || EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) != 1)
        g_error("OpenSSL cannot verify with Ed25519");
    gboolean good = EVP_DigestVerify(context, signature, SIGNATURE_SIZE, data, size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return good;
}

gboolean
minisign_verify(const struct minisign_public *public, const char *signature, const void *data,
                gsize size, char **trusted_comment, GError **error)
{
    struct parsed parsed = {0};
    guint8 digest[HASH_MAX];
    if (!parse(signature, &parsed, error))
        return FALSE;
    if (memcmp(parsed.signed_line.id, public->id, MINISIGN_KEY_ID) != 0) {
        g_autofree char *signer = id_text(parsed.signed_line.id);
        g_autofree char *expected = id_text(public->id);
        return fail_set(error, FAIL_DAMAGED, "signed by key %s, not by %s", signer, expected);
    }
    prehash(data, size, digest);
    if (!fits(public, parsed.signed_line.signature, digest, PREHASH_SIZE))
        return fail_set(error, FAIL_DAMAGED, "the signature does not match the data");
    g_autoptr(GByteArray) both =
        signature_and_comment(parsed.signed_line.signature, parsed.comment);
    if (!fits(public, parsed.global, both->data, both->len))
        return fail_set(error, FAIL_DAMAGED, "the signature's trusted comment was altered");
    if (trusted_comment != NULL)
        *trusted_comment = slice_dup(parsed.comment);
    return TRUE;
}

gboolean
minisign_signer(const char *signature, guint8 id[MINISIGN_KEY_ID], GError **error)
{
    struct parsed parsed = {0};
    if (!parse(signature, &parsed, error))
        return FALSE;
    memcpy(id, parsed.signed_line.id, MINISIGN_KEY_ID);
    return TRUE;
}
