/*
 * age: writer and reader; the format is drawn in age.h.
 *
 * A random file key (16 bytes) is wrapped for each recipient: an ephemeral X25519 exchange gives a
 * key by HKDF that encrypts it. From the file key come the MAC of the header and, with a random
 * nonce, the key of the payload. All algorithms are OpenSSL's; here is only what the age
 * specification puts around them. Where it says 'must reject' (base64 with padding or stray bits,
 * low-order shares, an empty last chunk), we do.
 *
 * One cipher context serves all chunks of a file, only the nonce is set anew.
 */
#include "lib/crypt/age.h"

#include "lib/base/chance.h"
#include "lib/base/fail.h"
#include "lib/crypt/base64.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#define VERSION_LINE "age-encryption.org/v1"
#define WRAP_LABEL "age-encryption.org/v1/X25519"
#define FILE_KEY_SIZE 16
#define WRAPPED_SIZE (FILE_KEY_SIZE + AGE_TAG)
#define MAC_SIZE 32
#define PAYLOAD_NONCE_SIZE 16
#define CHUNK_NONCE_SIZE 12 /* 11 bytes of chunk number, big-endian, and 1 if it is the last */
#define SEALED_CHUNK (AGE_CHUNK + AGE_TAG)
#define BASE64_COLUMNS 64                     /* of a full line of a stanza's body */
#define BASE64_BYTES (BASE64_COLUMNS / 4 * 3) /* in such a line */

/* ---- primitives ---- */

static void
hkdf(const void *key, gsize key_size, const void *salt, gsize salt_size, const char *label,
     guint8 out[32])
{
    EVP_KDF *algorithm = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(algorithm);
    OSSL_PARAM params[5];
    gsize n = 0;
    params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
    params[n++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, key_size);
    params[n++] =
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)label, strlen(label));
    if (salt_size > 0) /* none and zeros are the same (RFC 5869, 2.2) */
        params[n++] =
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_size);
    params[n] = OSSL_PARAM_construct_end();
    if (context == NULL || EVP_KDF_derive(context, out, 32, params) != 1)
        g_error("OpenSSL cannot compute HKDF-SHA256");
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(algorithm);
}

static void
header_mac(const guint8 file_key[FILE_KEY_SIZE], const void *header, gsize size,
           guint8 out[MAC_SIZE])
{
    guint8 key[32];
    unsigned length = MAC_SIZE;
    hkdf(file_key, FILE_KEY_SIZE, NULL, 0, "header", key);
    if (HMAC(EVP_sha256(), key, sizeof key, header, size, out, &length) == NULL)
        g_error("OpenSSL cannot compute HMAC-SHA256");
    OPENSSL_cleanse(key, sizeof key);
}

/* FALSE for a share of low order, whose secret would be zero whatever our key is. */
static gboolean
x25519(const guint8 secret[AGE_KEY_SIZE], const guint8 share[AGE_KEY_SIZE],
       guint8 out[AGE_KEY_SIZE])
{
    static const guint8 zero[AGE_KEY_SIZE];
    gsize length = AGE_KEY_SIZE;
    EVP_PKEY *ours = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, AGE_KEY_SIZE);
    EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, share, AGE_KEY_SIZE);
    EVP_PKEY_CTX *context = ours == NULL ? NULL : EVP_PKEY_CTX_new(ours, NULL);
    if (theirs == NULL || context == NULL || EVP_PKEY_derive_init(context) != 1)
        g_error("OpenSSL cannot compute X25519");
    gboolean done = EVP_PKEY_derive_set_peer(context, theirs) == 1 &&
                    EVP_PKEY_derive(context, out, &length) == 1 && length == AGE_KEY_SIZE &&
                    CRYPTO_memcmp(out, zero, AGE_KEY_SIZE) != 0;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(theirs);
    EVP_PKEY_free(ours);
    return done;
}

static EVP_CIPHER_CTX *
cipher_new(const guint8 key[32], gboolean encrypt)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (cipher == NULL ||
        EVP_CipherInit_ex(cipher, EVP_chacha20_poly1305(), NULL, key, NULL, encrypt) != 1)
        g_error("OpenSSL has no ChaCha20-Poly1305");
    return cipher;
}

/* `out` takes size + AGE_TAG bytes. */
static void
seal(EVP_CIPHER_CTX *cipher, const guint8 nonce[CHUNK_NONCE_SIZE], const void *plain, gsize size,
     guint8 *out)
{
    int length = 0;
    int tail = 0;
    int done = EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, nonce) == 1 &&
               EVP_EncryptUpdate(cipher, out, &length, plain, (int)size) == 1 &&
               EVP_EncryptFinal_ex(cipher, out + length, &tail) == 1 &&
               EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, AGE_TAG, out + size) == 1;
    g_assert(done && (gsize)(length + tail) == size);
}

/* Decrypts in place; FALSE, with the bytes wiped, if the tag behind them does not fit. */
static gboolean
unseal(EVP_CIPHER_CTX *cipher, const guint8 nonce[CHUNK_NONCE_SIZE], guint8 *data, gsize sealed)
{
    int length = 0;
    int tail = 0;
    gsize size = sealed - AGE_TAG;
    if (EVP_DecryptInit_ex(cipher, NULL, NULL, NULL, nonce) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, AGE_TAG, data + size) == 1 &&
        EVP_DecryptUpdate(cipher, data, &length, data, (int)size) == 1 &&
        EVP_DecryptFinal_ex(cipher, data + length, &tail) == 1)
        return TRUE;
    OPENSSL_cleanse(data, size);
    return FALSE;
}

static void
chunk_nonce(guint64 number, gboolean last, guint8 nonce[CHUNK_NONCE_SIZE])
{
    guint64 big_endian = GUINT64_TO_BE(number);
    memset(nonce, 0, CHUNK_NONCE_SIZE);
    memcpy(nonce + CHUNK_NONCE_SIZE - 1 - sizeof big_endian, &big_endian, sizeof big_endian);
    nonce[CHUNK_NONCE_SIZE - 1] = last ? 1 : 0;
}

/* ---- keys ---- */

/* ---- writing ---- */

struct age_writer {
    age_output output;
    void *context;
    EVP_CIPHER_CTX *cipher;
    guint64 chunk; /* number of the next */
    gsize held;    /* plain bytes that wait in `plain` */
    gboolean finished;
    guint8 plain[AGE_CHUNK];
    guint8 sealed[SEALED_CHUNK];
};

/* An ephemeral share for the recipient, and the key that both sides get from it. */
static gboolean
wrap_key(const guint8 secret[AGE_KEY_SIZE], const guint8 peer[AGE_KEY_SIZE],
         const guint8 share[AGE_KEY_SIZE], const guint8 recipient[AGE_KEY_SIZE], guint8 out[32])
{
    guint8 shared[AGE_KEY_SIZE];
    guint8 salt[2 * AGE_KEY_SIZE];
    gboolean done = x25519(secret, peer, shared);
    if (done) {
        memcpy(salt, share, AGE_KEY_SIZE);
        memcpy(salt + AGE_KEY_SIZE, recipient, AGE_KEY_SIZE);
        hkdf(shared, sizeof shared, salt, sizeof salt, WRAP_LABEL, out);
    }
    OPENSSL_cleanse(shared, sizeof shared);
    return done;
}

static gboolean
append_stanza(GString *header, const guint8 file_key[FILE_KEY_SIZE],
              const guint8 recipient[AGE_KEY_SIZE], GError **error)
{
    static const guint8 nonce[CHUNK_NONCE_SIZE]; /* zero: the key is used once */
    struct age_identity ephemeral;
    guint8 key[32];
    guint8 wrapped[WRAPPED_SIZE];
    age_identity_generate(&ephemeral);
    gboolean done = wrap_key(ephemeral.secret, recipient, ephemeral.public, recipient, key);
    if (done) {
        EVP_CIPHER_CTX *cipher = cipher_new(key, TRUE);
        seal(cipher, nonce, file_key, FILE_KEY_SIZE, wrapped);
        EVP_CIPHER_CTX_free(cipher);
        g_string_append(header, "-> X25519 ");
        base64_append(header, ephemeral.public, AGE_KEY_SIZE, FALSE);
        g_string_append_c(header, '\n');
        base64_append(header, wrapped, sizeof wrapped, FALSE);
        g_string_append_c(header, '\n');
    }
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(&ephemeral, sizeof ephemeral);
    return done || fail_set(error, FAIL_KEY, "the age recipient is a point of low order");
}

static EVP_CIPHER_CTX *
payload_cipher(const guint8 file_key[FILE_KEY_SIZE], const guint8 nonce[PAYLOAD_NONCE_SIZE],
               gboolean encrypt)
{
    guint8 key[32];
    hkdf(file_key, FILE_KEY_SIZE, nonce, PAYLOAD_NONCE_SIZE, "payload", key);
    EVP_CIPHER_CTX *cipher = cipher_new(key, encrypt);
    OPENSSL_cleanse(key, sizeof key);
    return cipher;
}

struct age_writer *
age_writer_new(const guint8 (*recipients)[AGE_KEY_SIZE], guint n_recipients, age_output output,
               void *context, GError **error)
{
    if (n_recipients == 0 || n_recipients > AGE_RECIPIENTS_MAX) {
        fail_set(error, FAIL_KEY, "cannot encrypt for %u recipients: 1 to %d are possible",
                 n_recipients, AGE_RECIPIENTS_MAX);
        return NULL;
    }
    guint8 file_key[FILE_KEY_SIZE];
    guint8 mac[MAC_SIZE];
    guint8 nonce[PAYLOAD_NONCE_SIZE];
    chance_bytes(file_key, sizeof file_key);
    chance_bytes(nonce, sizeof nonce);
    g_autoptr(GString) header = g_string_new(VERSION_LINE "\n");
    AUTO(age_writer) *writer = NULL;
    gboolean done = TRUE;
    for (guint i = 0; done && i < n_recipients; i++)
        done = append_stanza(header, file_key, recipients[i], error);
    if (done) {
        g_string_append(header, "---");
        header_mac(file_key, header->str, header->len, mac);
        g_string_append_c(header, ' ');
        base64_append(header, mac, sizeof mac, FALSE);
        g_string_append_c(header, '\n');
        g_string_append_len(header, (const char *)nonce, sizeof nonce);
        writer = g_new0(struct age_writer, 1);
        writer->output = output;
        writer->context = context;
        writer->cipher = payload_cipher(file_key, nonce, TRUE);
        done = output(context, header->str, header->len, error);
    }
    OPENSSL_cleanse(file_key, sizeof file_key);
    return done ? g_steal_pointer(&writer) : NULL;
}

static gboolean
write_chunk(struct age_writer *writer, const void *plain, gsize size, gboolean last, GError **error)
{
    guint8 nonce[CHUNK_NONCE_SIZE];
    chunk_nonce(writer->chunk++, last, nonce);
    seal(writer->cipher, nonce, plain, size, writer->sealed);
    return writer->output(writer->context, writer->sealed, size + AGE_TAG, error);
}

gboolean
age_writer_add(struct age_writer *writer, const void *data, gsize size, GError **error)
{
    const guint8 *rest = data;
    g_assert(!writer->finished);
    while (size > 0) {
        /* A full chunk waits for one more byte, since the last chunk may not be empty. */
        if (writer->held == AGE_CHUNK) {
            if (!write_chunk(writer, writer->plain, AGE_CHUNK, FALSE, error))
                return FALSE;
            writer->held = 0;
        }
        if (writer->held == 0 && size > AGE_CHUNK) {
            if (!write_chunk(writer, rest, AGE_CHUNK, FALSE, error))
                return FALSE;
            rest += AGE_CHUNK;
            size -= AGE_CHUNK;
            continue;
        }
        gsize piece = MIN(size, AGE_CHUNK - writer->held);
        memcpy(writer->plain + writer->held, rest, piece);
        writer->held += piece;
        rest += piece;
        size -= piece;
    }
    return TRUE;
}

gboolean
age_writer_finish(struct age_writer *writer, GError **error)
{
    g_assert(!writer->finished);
    writer->finished = TRUE;
    return write_chunk(writer, writer->plain, writer->held, TRUE, error);
}

void
age_writer_free(struct age_writer *writer)
{
    if (writer == NULL)
        return;
    EVP_CIPHER_CTX_free(writer->cipher);
    OPENSSL_cleanse(writer, sizeof *writer);
    g_free(writer);
}

/* ---- reading ---- */

#define NO_CHUNK G_MAXUINT64

struct age_reader {
    age_input input;
    void *context;
    EVP_CIPHER_CTX *cipher;
    guint64 payload;  /* where chunk 0 begins in the file */
    guint64 size;     /* plain bytes */
    guint64 n_chunks; /* at least 1 */
    guint64 held;     /* number of the chunk in `plain`, or NO_CHUNK */
    guint8 plain[SEALED_CHUNK];
};

/* What is known while the header is read. */
struct header {
    struct slice rest; /* not yet read */
    const struct age_identity *identities;
    guint n_identities;
    guint n_tried;   /* X25519 stanzas */
    gboolean found;  /* the file key */
    gboolean scrypt; /* it is encrypted with a passphrase */
    guint8 file_key[FILE_KEY_SIZE];
};

static gboolean
damaged_header(GError **error, const char *why)
{
    return fail_set(error, FAIL_DAMAGED, "damaged age header: %s", why);
}

static gboolean
take_line(struct slice *rest, struct slice *line)
{
    const char *end = memchr(rest->data, '\n', rest->size);
    if (end == NULL)
        return FALSE;
    *line = (struct slice){rest->data, (gsize)(end - rest->data)};
    rest->data = end + 1;
    rest->size -= line->size + 1;
    return TRUE;
}

/* Words of visible ASCII, one space between two; FALSE if it is anything else. */
static gboolean
take_word(struct slice *line, struct slice *word)
{
    gsize size = 0;
    while (size < line->size && line->data[size] > ' ' && line->data[size] < 0x7f)
        size++;
    gboolean last = size == line->size;
    if (size == 0 || (!last && (line->data[size] != ' ' || size + 1 == line->size)))
        return FALSE;
    *word = (struct slice){line->data, size};
    line->data += last ? size : size + 1;
    line->size -= last ? size : size + 1;
    return TRUE;
}

/* Lines of 64 columns and a shorter one, perhaps empty. Keeps the bytes if they are `size` exactly,
 * else *fits FALSE. */
static gboolean
take_body(struct slice *rest, guint8 *body, gsize size, gboolean *fits)
{
    struct slice line;
    gsize total = 0;
    do {
        guint8 bytes[BASE64_BYTES];
        if (!take_line(rest, &line) || line.size > BASE64_COLUMNS)
            return FALSE;
        gssize got = base64_take(line, FALSE, bytes, sizeof bytes);
        if (got < 0)
            return FALSE;
        if (total + (gsize)got <= size)
            memcpy(body + total, bytes, (gsize)got);
        total += (gsize)got;
    } while (line.size == BASE64_COLUMNS);
    *fits = total == size;
    return TRUE;
}

static gboolean
try_identities(struct header *header, const guint8 share[AGE_KEY_SIZE],
               const guint8 wrapped[WRAPPED_SIZE], GError **error)
{
    static const guint8 nonce[CHUNK_NONCE_SIZE];
    for (guint i = 0; i < header->n_identities && !header->found; i++) {
        const struct age_identity *identity = &header->identities[i];
        guint8 key[32];
        guint8 body[WRAPPED_SIZE];
        memcpy(body, wrapped, sizeof body);
        if (!wrap_key(identity->secret, share, share, identity->public, key))
            return damaged_header(error, "a share of low order");
        EVP_CIPHER_CTX *cipher = cipher_new(key, FALSE);
        header->found = unseal(cipher, nonce, body, sizeof body);
        if (header->found)
            memcpy(header->file_key, body, FILE_KEY_SIZE);
        EVP_CIPHER_CTX_free(cipher);
        OPENSSL_cleanse(key, sizeof key);
        OPENSSL_cleanse(body, sizeof body);
    }
    return TRUE;
}

/* Reads '-> TYPE ARGUMENT…' (less the arrow) and its body. Unknown types are passed over. */
static gboolean
read_stanza(struct header *header, struct slice line, GError **error)
{
    struct slice type;
    struct slice argument = {NULL, 0};
    guint n_arguments = 0;
    guint8 body[WRAPPED_SIZE];
    guint8 share[AGE_KEY_SIZE];
    gboolean fits = FALSE;
    if (!take_word(&line, &type))
        return damaged_header(error, "a malformed stanza");
    for (; line.size > 0; n_arguments++)
        if (!take_word(&line, &argument))
            return damaged_header(error, "a malformed stanza");
    if (!take_body(&header->rest, body, sizeof body, &fits))
        return damaged_header(error, "a malformed stanza");
    if (slice_is(type, "scrypt"))
        header->scrypt = TRUE;
    if (!slice_is(type, "X25519"))
        return TRUE;
    if (n_arguments != 1 || !fits ||
        base64_take(argument, FALSE, share, sizeof share) != AGE_KEY_SIZE)
        return damaged_header(error, "a malformed X25519 stanza");
    return header->n_tried++ >= AGE_RECIPIENTS_MAX || try_identities(header, share, body, error);
}

/* Reads to the end of the header and proves it whole; the rest is payload. */
static gboolean
read_header(struct header *header, GError **error)
{
    const char *start = header->rest.data;
    struct slice line;
    guint8 stored[MAC_SIZE];
    guint8 mac[MAC_SIZE];
    if (!take_line(&header->rest, &line) || !slice_is(line, VERSION_LINE))
        return fail_set(error, FAIL_DAMAGED, "not an age file");
    for (;;) {
        if (!take_line(&header->rest, &line) || line.size < 4)
            return damaged_header(error, "it does not end");
        if (memcmp(line.data, "-> ", 3) != 0)
            break;
        if (!read_stanza(header, (struct slice){line.data + 3, line.size - 3}, error))
            return FALSE;
    }
    if (memcmp(line.data, "--- ", 4) != 0 ||
        base64_take((struct slice){line.data + 4, line.size - 4}, FALSE, stored, MAC_SIZE) !=
            MAC_SIZE)
        return damaged_header(error, "a malformed last line");
    if (header->scrypt)
        return fail_set(error, FAIL_KEY, "encrypted with a passphrase, not for a key");
    if (header->n_identities == 0)
        return fail_set(error, FAIL_KEY, "encrypted, and no key was given");
    if (!header->found)
        return fail_set(error, FAIL_KEY, "encrypted for another key than %s",
                        header->n_identities == 1 ? "the one given" : "those given");
    header_mac(header->file_key, start, (gsize)(line.data + 3 - start), mac);
    if (CRYPTO_memcmp(mac, stored, MAC_SIZE) != 0)
        return damaged_header(error, "its MAC does not fit");
    return TRUE;
}

guint
age_recipients(const char *text, gsize size)
{
    struct header header = {.rest = {text, size}};
    read_header(&header, NULL); /* without an identity it fails in the end, and has counted */
    return header.n_tried;
}

static gboolean
load_chunk(struct age_reader *reader, guint64 number, GError **error)
{
    if (reader->held == number)
        return TRUE;
    guint8 nonce[CHUNK_NONCE_SIZE];
    gboolean last = number == reader->n_chunks - 1;
    guint64 place = reader->payload + number * SEALED_CHUNK;
    gsize plain = last ? (gsize)(reader->size - number * AGE_CHUNK) : AGE_CHUNK;
    reader->held = NO_CHUNK;
    if (!reader->input(reader->context, place, reader->plain, plain + AGE_TAG, error))
        return FALSE;
    chunk_nonce(number, last, nonce);
    if (!unseal(reader->cipher, nonce, reader->plain, plain + AGE_TAG))
        return fail_set(error, FAIL_DAMAGED,
                        "damaged%s at bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                        ": encrypted chunk %" G_GUINT64_FORMAT " does not authenticate",
                        last ? " or cut short" : "", place, place + plain + AGE_TAG - 1, number);
    reader->held = number;
    return TRUE;
}

/* The sizes follow from the file's, and are proved by the last chunk, which knows its number and
 * that it is last. */
static gboolean
measure(struct age_reader *reader, guint64 file_size, GError **error)
{
    guint64 sealed = file_size - reader->payload;
    if (file_size < reader->payload + AGE_TAG)
        return fail_set(error, FAIL_DAMAGED, "cut short: no data behind the age header");
    reader->n_chunks = (sealed - 1) / SEALED_CHUNK + 1;
    guint64 tail = sealed - (reader->n_chunks - 1) * SEALED_CHUNK;
    if (tail < AGE_TAG || (tail == AGE_TAG && reader->n_chunks > 1))
        return fail_set(error, FAIL_DAMAGED, "cut short: the last encrypted chunk is not whole");
    reader->size = sealed - reader->n_chunks * AGE_TAG;
    return load_chunk(reader, reader->n_chunks - 1, error);
}

struct age_reader *
age_reader_new(age_input input, void *context, guint64 file_size,
               const struct age_identity *identities, guint n_identities, GError **error)
{
    gsize size = (gsize)MIN(file_size, AGE_HEADER_MAX);
    g_autofree char *text = g_malloc(size + 1);
    if (!input(context, 0, text, size, error))
        return NULL;
    struct header header = {{text, size}, identities, n_identities, 0, FALSE, FALSE, {0}};
    AUTO(age_reader) *reader = NULL;
    gboolean done = read_header(&header, error);
    if (done && header.rest.size < PAYLOAD_NONCE_SIZE)
        done = fail_set(error, FAIL_DAMAGED, "cut short: no data behind the age header");
    if (done) {
        reader = g_new0(struct age_reader, 1);
        reader->input = input;
        reader->context = context;
        reader->held = NO_CHUNK;
        reader->payload = (guint64)(header.rest.data - text) + PAYLOAD_NONCE_SIZE;
        reader->cipher = payload_cipher(header.file_key, (const guint8 *)header.rest.data, FALSE);
        done = measure(reader, file_size, error);
    }
    OPENSSL_cleanse(header.file_key, FILE_KEY_SIZE);
    return done ? g_steal_pointer(&reader) : NULL;
}

guint64
age_reader_size(const struct age_reader *reader)
{
    return reader->size;
}

gboolean
age_reader_read(struct age_reader *reader, guint64 offset, void *data, gsize size, gsize *got,
                GError **error)
{
    guint8 *out = data;
    *got = 0;
    while (*got < size && offset < reader->size) {
        gsize within = (gsize)(offset % AGE_CHUNK);
        gsize piece = MIN(size - *got, AGE_CHUNK - within);
        piece = (gsize)MIN(piece, reader->size - offset);
        if (!load_chunk(reader, offset / AGE_CHUNK, error))
            return FALSE;
        memcpy(out + *got, reader->plain + within, piece);
        *got += piece;
        offset += piece;
    }
    return TRUE;
}

void
age_reader_free(struct age_reader *reader)
{
    if (reader == NULL)
        return;
    EVP_CIPHER_CTX_free(reader->cipher);
    OPENSSL_cleanse(reader, sizeof *reader);
    g_free(reader);
}
