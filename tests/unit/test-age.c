/* age: the real tool reads what we write and the other way round; nothing altered or cut goes
 * through. */
#include "lib/base/fail.h"
#include "lib/crypt/age.h"
#include "tests/unit/scratch.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>

static const gsize sizes[] = {0, 1, AGE_CHUNK - 1, AGE_CHUNK, AGE_CHUNK + 1, 5 * AGE_CHUNK + 777};

static guint8 *
random_plain(gsize size)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)size);
    guint8 *plain = g_malloc(size + 1);
    for (gsize i = 0; i < size; i++)
        plain[i] = (guint8)g_rand_int(rand);
    return plain;
}

static gboolean
append(void *context, const void *data, gsize size, GError **error)
{
    (void)error;
    g_assert_cmpuint(size, <=, AGE_CHUNK + AGE_TAG);
    g_byte_array_append(context, data, (guint)size);
    return TRUE;
}

static gboolean
input(void *context, guint64 offset, void *data, gsize size, GError **error)
{
    GByteArray *file = context;
    (void)error;
    g_assert_cmpuint(offset + size, <=, file->len);
    if (size > 0)
        memcpy(data, file->data + offset, size);
    return TRUE;
}

/* Encrypts in pieces of `piece` bytes. */
static GByteArray *
encrypt(const struct age_identity *identities, guint n, const guint8 *plain, gsize size,
        gsize piece)
{
    g_autoptr(GError) error = NULL;
    guint8 recipients[4][AGE_KEY_SIZE];
    GByteArray *file = g_byte_array_new();
    for (guint i = 0; i < n; i++)
        memcpy(recipients[i], identities[i].public, AGE_KEY_SIZE);
    AUTO(age_writer) *writer =
        age_writer_new((const guint8(*)[AGE_KEY_SIZE])recipients, n, append, file, &error);
    g_assert_no_error(error);
    for (gsize at = 0; at < size; at += piece) {
        age_writer_add(writer, plain + at, MIN(piece, size - at), &error);
        g_assert_no_error(error);
    }
    age_writer_finish(writer, &error);
    g_assert_no_error(error);
    return file;
}

/* The whole plain text, read in pieces; NULL with an error. */
static GByteArray *
decrypt(GByteArray *file, const struct age_identity *identities, guint n, gsize piece,
        GError **error)
{
    AUTO(age_reader) *reader = age_reader_new(input, file, file->len, identities, n, error);
    if (reader == NULL)
        return NULL;
    g_autoptr(GByteArray) plain = g_byte_array_new();
    g_autofree guint8 *buffer = g_malloc(piece);
    for (gsize got = 1; got > 0;) {
        if (!age_reader_read(reader, plain->len, buffer, piece, &got, error))
            return NULL;
        g_byte_array_append(plain, buffer, (guint)got);
    }
    g_assert_cmpuint(age_reader_size(reader), ==, plain->len);
    return g_steal_pointer(&plain);
}

static void
keys_have_the_text_of_the_specification(void)
{
    /* from the age test vectors (C2SP/CCTV, x25519_low_order) and age-keygen -y of it */
    const char *text = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";
    g_autoptr(GError) error = NULL;
    struct age_identity identity;
    guint8 public[AGE_KEY_SIZE];
    age_identity_parse(text, &identity, &error);
    g_assert_no_error(error);
    g_autofree char *again = age_identity_secret_text(&identity);
    g_assert_cmpstr(again, ==, text);
    g_autofree char *recipient = age_recipient_text(identity.public);
    g_assert_cmpstr(recipient, ==,
                    "age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef");
    g_assert_true(age_recipient_parse(recipient, public, &error));
    g_assert_cmpmem(public, sizeof public, identity.public, AGE_KEY_SIZE);
}

static void
any_mistyped_character_of_a_key_is_noticed(void)
{
    struct age_identity identity;
    struct age_identity parsed;
    age_identity_generate(&identity);
    g_autofree char *text = age_identity_secret_text(&identity);
    g_autofree char *lower = g_ascii_strdown(text, -1);
    gsize length = strlen(text);
    for (gsize i = 0; i < length; i++) {
        g_autoptr(GError) error = NULL;
        char right = text[i];
        text[i] = right == 'Q' ? 'P' : 'Q';
        g_assert_false(age_identity_parse(text, &parsed, &error));
        g_assert_error(error, FAIL, FAIL_KEY);
        g_assert_null(strstr(error->message, text)); /* secrets are not shown */
        text[i] = g_ascii_tolower(right);
        g_assert_true(text[i] == right || !age_identity_parse(text, &parsed, NULL));
        text[i] = right;
    }
    g_assert_false(age_identity_parse(lower, &parsed, NULL));
    text[length - 1] = '\0';
    g_assert_false(age_identity_parse(text, &parsed, NULL));
    g_assert_false(age_identity_parse("", &parsed, NULL));
}

static void
what_we_write_we_read_whatever_the_pieces(void)
{
    static const gsize pieces[] = {1000, AGE_CHUNK, AGE_CHUNK + 1, 1 << 20};
    struct age_identity identities[2];
    age_identity_generate(&identities[0]);
    age_identity_generate(&identities[1]);
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++)
        for (guint k = 0; k < G_N_ELEMENTS(pieces); k++) {
            g_autoptr(GError) error = NULL;
            g_autofree guint8 *plain = random_plain(sizes[i]);
            g_autoptr(GByteArray) file = encrypt(identities, 2, plain, sizes[i], pieces[k]);
            g_assert_cmpuint(age_recipients((const char *)file->data, file->len), ==, 2);
            g_autoptr(GByteArray) back =
                decrypt(file, &identities[k % 2], 1, pieces[3 - k], &error);
            g_assert_no_error(error);
            g_assert_cmpmem(back->data, (int)back->len, plain, (int)sizes[i]);
        }
}

static void
random_access_reads_the_same_as_in_order(void)
{
    g_autoptr(GError) error = NULL;
    struct age_identity identity;
    age_identity_generate(&identity);
    gsize size = sizes[G_N_ELEMENTS(sizes) - 1];
    g_autofree guint8 *plain = random_plain(size);
    g_autofree guint8 *buffer = g_malloc(size);
    g_autoptr(GByteArray) file = encrypt(&identity, 1, plain, size, size);
    AUTO(age_reader) *reader = age_reader_new(input, file, file->len, &identity, 1, &error);
    g_assert_no_error(error);
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    for (guint i = 0; i < 300; i++) {
        gsize got = 0;
        guint64 offset = (guint64)g_rand_int_range(rand, 0, (gint32)size + 10);
        gsize wanted = (gsize)g_rand_int_range(rand, 0, i % 2 == 0 ? 100 : 3 * AGE_CHUNK);
        age_reader_read(reader, offset, buffer, wanted, &got, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(got, ==, offset >= size ? 0 : MIN(wanted, size - offset));
        g_assert_true(got == 0 || memcmp(buffer, plain + offset, got) == 0);
    }
}

static void
every_flipped_bit_is_noticed(void)
{
    struct age_identity identity;
    age_identity_generate(&identity);
    g_autofree guint8 *plain = random_plain(100);
    g_autoptr(GByteArray) file = encrypt(&identity, 1, plain, 100, 100);
    for (guint bit = 0; bit < file->len * 8; bit++) {
        g_autoptr(GError) error = NULL;
        file->data[bit / 8] ^= (guint8)(1 << bit % 8);
        g_autoptr(GByteArray) back = decrypt(file, &identity, 1, 4096, &error);
        g_assert_null(back);
        g_assert_true(error->domain == FAIL &&
                      (error->code == FAIL_DAMAGED || error->code == FAIL_KEY));
        file->data[bit / 8] ^= (guint8)(1 << bit % 8);
    }
}

static void
flipped_bits_of_any_chunk_are_noticed(void)
{
    struct age_identity identity;
    age_identity_generate(&identity);
    gsize size = 4 * AGE_CHUNK;
    g_autofree guint8 *plain = random_plain(size);
    g_autoptr(GByteArray) file = encrypt(&identity, 1, plain, size, size);
    for (gsize at = 500; at < file->len; at += 9973) {
        g_autoptr(GError) error = NULL;
        file->data[at] ^= 0x10;
        g_assert_null(decrypt(file, &identity, 1, 50000, &error));
        g_assert_error(error, FAIL, FAIL_DAMAGED);
        file->data[at] ^= 0x10;
    }
}

static void
cutting_anywhere_is_noticed_on_opening(void)
{
    struct age_identity identity;
    age_identity_generate(&identity);
    gsize size = 3 * AGE_CHUNK;
    g_autofree guint8 *plain = random_plain(size);
    g_autoptr(GByteArray) file = encrypt(&identity, 1, plain, size, size);
    guint whole = file->len;
    guint sealed = AGE_CHUNK + AGE_TAG;
    guint payload = whole - 3 * sealed;
    guint cuts[] = {0,
                    1,
                    payload - 17,
                    payload - 16,
                    payload - 1,
                    payload,
                    payload + 1,
                    payload + AGE_TAG,
                    payload + sealed,
                    payload + sealed + AGE_TAG,
                    payload + sealed + AGE_TAG + 1,
                    payload + 2 * sealed,
                    payload + 2 * sealed + AGE_TAG,
                    whole - 1};
    for (guint i = 0; i < G_N_ELEMENTS(cuts); i++) {
        g_autoptr(GError) error = NULL;
        file->len = cuts[i];
        AUTO(age_reader) *reader = age_reader_new(input, file, file->len, &identity, 1, &error);
        g_assert_null(reader);
        g_assert_error(error, FAIL, FAIL_DAMAGED);
    }
    file->len = whole;
    g_byte_array_append(file, (const guint8 *)"", 1); /* and so is a byte too many */
    AUTO(age_reader) *reader = age_reader_new(input, file, file->len, &identity, 1, NULL);
    g_assert_null(reader);
}

static void
exchanged_chunks_are_noticed(void)
{
    g_autoptr(GError) error = NULL;
    struct age_identity identity;
    age_identity_generate(&identity);
    gsize size = 3 * AGE_CHUNK;
    guint sealed = AGE_CHUNK + AGE_TAG;
    g_autofree guint8 *plain = random_plain(size);
    g_autoptr(GByteArray) file = encrypt(&identity, 1, plain, size, size);
    g_autofree guint8 *first = g_memdup2(file->data + file->len - 3 * sealed, sealed);
    memcpy(file->data + file->len - 3 * sealed, file->data + file->len - 2 * sealed, sealed);
    memcpy(file->data + file->len - 2 * sealed, first, sealed);
    g_assert_null(decrypt(file, &identity, 1, size, &error));
    g_assert_error(error, FAIL, FAIL_DAMAGED);
}

static void
another_key_is_told_from_damage(void)
{
    g_autoptr(GError) error = NULL;
    struct age_identity identities[2];
    age_identity_generate(&identities[0]);
    age_identity_generate(&identities[1]);
    g_autoptr(GByteArray) file = encrypt(&identities[0], 1, (const guint8 *)"x", 1, 1);
    g_assert_null(decrypt(file, &identities[1], 1, 10, &error));
    g_assert_error(error, FAIL, FAIL_KEY);
    g_clear_error(&error);
    g_assert_null(decrypt(file, NULL, 0, 10, &error));
    g_assert_error(error, FAIL, FAIL_KEY);
    g_autoptr(GByteArray) back = decrypt(file, identities, 2, 10, NULL);
    g_assert_nonnull(back);
}

/* After the age test vectors (C2SP/CCTV), whose X25519 files all gave what they expect. */
static void
malformed_headers_are_refused(void)
{
    static const struct {
        const char *header;
        const char *expected;
    } vectors[] = {
        {"age-encryption.org/v2\n", "not an age file"},
        {"age-encryption.org/v1\r\n", "not an age file"},
        {"age-encryption.org/v1\n", "does not end"},
        {"age-encryption.org/v1\n-> scrypt a 10\nAAAA\n--- AAAA\n", "malformed last line"},
        {"age-encryption.org/v1\n-> scrypt a 10\nAAAA\n"
         "--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
         "encrypted with a passphrase"},
        {"age-encryption.org/v1\n-> unknown\nAAAA\n"
         "--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
         "another key"},
        {"age-encryption.org/v1\n-> unknown\nAAAA=\n", "malformed stanza"},
        {"age-encryption.org/v1\n-> unknown\nAB\n", "malformed stanza"}, /* stray bits */
        {"age-encryption.org/v1\n-> unknown  two\nAAAA\n", "malformed stanza"},
        {"age-encryption.org/v1\n-> unknown \nAAAA\n", "malformed stanza"},
        {"age-encryption.org/v1\n->\nAAAA\n", "does not end"},
        {"age-encryption.org/v1\n-> X25519 AAAA\nAAAA\n", "malformed X25519"},
        {"age-encryption.org/v1\n-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
         "share of low order"},
    };
    struct age_identity identity;
    age_identity_generate(&identity);
    for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GByteArray) file = g_byte_array_new();
        g_byte_array_append(file, (const guint8 *)vectors[i].header,
                            (guint)strlen(vectors[i].header));
        g_assert_null(decrypt(file, &identity, 1, 10, &error));
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, vectors[i].expected));
    }
}

/* age test vector x25519_grease: a stanza of another type before and behind ours; the plain text is
 * 'age'. */
#define VECTOR_SECRET "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
#define VECTOR_FILE_KEY "YELLOW SUBMARINE"
static const char vector[] =
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IGdyZWFzZQoKLT4gWDI1NTE5IFRFaUYweXBxciticHZjcVhO"
    "eUNWSnBMN091d1BkVndQTDdLUUViRkRPQ2MKaGphYkdYd1NMUTljM1M2THcyaStTMlR1MmZpd1FISHNs"
    "YkJONkI0MUZMRQotPiBncmVhc2UKCi0tLSBRSWZBT0VNdDFmR09mMkZQMm0zK1R3RlF0ZnkySDNzWDNZ"
    "cVVBUVJBcGtNCu7PYsfOkbQzJ05o1PL5E0y3TFv+976qUsjwvA6ZLB6DMftm";

static GByteArray *
vector_file(struct age_identity *identity)
{
    gsize size = 0;
    GByteArray *file = g_byte_array_new();
    g_autofree guint8 *bytes = g_base64_decode(vector, &size);
    g_byte_array_append(file, bytes, (guint)size);
    gboolean good = age_identity_parse(VECTOR_SECRET, identity, NULL);
    g_assert_true(good);
    return file;
}

static void
unknown_stanzas_are_passed_over(void)
{
    g_autoptr(GError) error = NULL;
    struct age_identity identity;
    g_autoptr(GByteArray) file = vector_file(&identity);
    g_autoptr(GByteArray) plain = decrypt(file, &identity, 1, 100, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(plain->data, (int)plain->len, "age", 3);
}

/* Appends chunk `number` of zeros, encrypted with the vector's file key and a nonce of zeros. */
static void
append_chunk(GByteArray *file, guint8 number, gboolean last, gsize size)
{
    static const guint8 zeros[AGE_CHUNK];
    guint8 sealed[AGE_CHUNK + AGE_TAG];
    guint8 key[32];
    guint8 nonce[12] = {[10] = number, [11] = last ? 1 : 0};
    gsize key_size = sizeof key;
    int length = 0;
    EVP_PKEY_CTX *hkdf = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int done = EVP_PKEY_derive_init(hkdf) == 1 &&
               EVP_PKEY_CTX_set_hkdf_md(hkdf, EVP_sha256()) == 1 &&
               EVP_PKEY_CTX_set1_hkdf_salt(hkdf, zeros, 16) == 1 &&
               EVP_PKEY_CTX_set1_hkdf_key(hkdf, (const guint8 *)VECTOR_FILE_KEY, 16) == 1 &&
               EVP_PKEY_CTX_add1_hkdf_info(hkdf, (const guint8 *)"payload", 7) == 1 &&
               EVP_PKEY_derive(hkdf, key, &key_size) == 1 &&
               EVP_EncryptInit_ex(cipher, EVP_chacha20_poly1305(), NULL, key, nonce) == 1 &&
               EVP_EncryptUpdate(cipher, sealed, &length, zeros, (int)size) == 1 &&
               EVP_EncryptFinal_ex(cipher, sealed + length, &length) == 1 &&
               EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, AGE_TAG, sealed + size) == 1;
    g_assert_true(done);
    EVP_CIPHER_CTX_free(cipher);
    EVP_PKEY_CTX_free(hkdf);
    g_byte_array_append(file, sealed, (guint)size + AGE_TAG);
}

static void
an_empty_last_chunk_behind_a_full_one_is_refused(void)
{
    static const guint8 nonce[16];
    g_autoptr(GError) error = NULL;
    struct age_identity identity;
    g_autoptr(GByteArray) file = vector_file(&identity);
    guint header = file->len - 16 - 3 - AGE_TAG;
    for (gsize tail = 0; tail < 2; tail++) {
        g_byte_array_set_size(file, header);
        g_byte_array_append(file, nonce, sizeof nonce);
        append_chunk(file, 0, FALSE, AGE_CHUNK);
        append_chunk(file, 1, TRUE, tail);
        g_autoptr(GByteArray) plain = decrypt(file, &identity, 1, AGE_CHUNK, &error);
        if (tail == 1)
            g_assert_cmpuint(plain->len, ==, AGE_CHUNK + 1);
        else
            g_assert_error(error, FAIL, FAIL_DAMAGED);
        g_clear_error(&error);
    }
}

static void
a_recipient_of_low_order_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    guint8 zero[1][AGE_KEY_SIZE] = {{0}};
    g_autoptr(GByteArray) file = g_byte_array_new();
    g_assert_null(age_writer_new((const guint8(*)[AGE_KEY_SIZE])zero, 1, append, file, &error));
    g_assert_error(error, FAIL, FAIL_KEY);
}

static void
the_real_age_reads_what_we_write(void)
{
    if (!scratch_has_tool("age") || !scratch_has_tool("age-keygen"))
        return;
    AUTO(scratch) *scratch = scratch_new();
    struct age_identity identity;
    age_identity_generate(&identity);
    g_autofree char *secret = age_identity_secret_text(&identity);
    g_autofree char *recipient = age_recipient_text(identity.public);
    g_autofree char *printed = NULL;
    scratch_write(scratch, "key", secret, strlen(secret));
    g_assert_cmpint(scratch_shell(scratch, &printed, "age-keygen -y key"), ==, 0);
    g_assert_cmpstr(g_strchomp(printed), ==, recipient);
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        gsize size = 0;
        g_autofree guint8 *plain = random_plain(sizes[i]);
        g_autoptr(GByteArray) file = encrypt(&identity, 1, plain, sizes[i], 10000);
        scratch_write(scratch, "file.age", file->data, file->len);
        g_assert_cmpint(scratch_shell(scratch, NULL, "age -d -i key file.age >file"), ==, 0);
        g_autofree char *back = scratch_read(scratch, "file", &size);
        g_assert_cmpmem(back, (int)size, plain, (int)sizes[i]);
    }
}

static void
we_read_what_the_real_age_writes(void)
{
    if (!scratch_has_tool("age") || !scratch_has_tool("age-keygen"))
        return;
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    g_assert_cmpint(scratch_shell(scratch, NULL,
                                  "age-keygen -o other && age-keygen -o key && grep AGE- key "
                                  ">secret && age-keygen -y key >public"),
                    ==, 0);
    g_autofree char *secret = scratch_read(scratch, "secret", NULL);
    struct age_identity identity;
    age_identity_parse(g_strchomp(secret), &identity, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        gsize size = 0;
        g_autofree guint8 *plain = random_plain(sizes[i]);
        scratch_write(scratch, "file", plain, sizes[i]);
        g_assert_cmpint(scratch_shell(scratch, NULL,
                                      "age -r $(age-keygen -y other) -R public -o file.age file"),
                        ==, 0);
        g_autofree char *bytes = scratch_read(scratch, "file.age", &size);
        g_autoptr(GByteArray) file = g_byte_array_new();
        g_byte_array_append(file, (guint8 *)bytes, (guint)size);
        g_autoptr(GByteArray) back = decrypt(file, &identity, 1, 12345, &error);
        g_assert_no_error(error);
        g_assert_cmpmem(back->data, (int)back->len, plain, (int)sizes[i]);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/age/keys-have-the-text-of-the-specification",
                    keys_have_the_text_of_the_specification);
    g_test_add_func("/age/any-mistyped-character-of-a-key-is-noticed",
                    any_mistyped_character_of_a_key_is_noticed);
    g_test_add_func("/age/what-we-write-we-read-whatever-the-pieces",
                    what_we_write_we_read_whatever_the_pieces);
    g_test_add_func("/age/random-access-reads-the-same-as-in-order",
                    random_access_reads_the_same_as_in_order);
    g_test_add_func("/age/every-flipped-bit-is-noticed", every_flipped_bit_is_noticed);
    g_test_add_func("/age/flipped-bits-of-any-chunk-are-noticed",
                    flipped_bits_of_any_chunk_are_noticed);
    g_test_add_func("/age/cutting-anywhere-is-noticed-on-opening",
                    cutting_anywhere_is_noticed_on_opening);
    g_test_add_func("/age/exchanged-chunks-are-noticed", exchanged_chunks_are_noticed);
    g_test_add_func("/age/another-key-is-told-from-damage", another_key_is_told_from_damage);
    g_test_add_func("/age/malformed-headers-are-refused", malformed_headers_are_refused);
    g_test_add_func("/age/unknown-stanzas-are-passed-over", unknown_stanzas_are_passed_over);
    g_test_add_func("/age/an-empty-last-chunk-behind-a-full-one-is-refused",
                    an_empty_last_chunk_behind_a_full_one_is_refused);
    g_test_add_func("/age/a-recipient-of-low-order-is-refused",
                    a_recipient_of_low_order_is_refused);
    g_test_add_func("/age/the-real-age-reads-what-we-write", the_real_age_reads_what_we_write);
    g_test_add_func("/age/we-read-what-the-real-age-writes", we_read_what_the_real_age_writes);
    return g_test_run();
}
