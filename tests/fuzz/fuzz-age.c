/*
 * fuzz-age: the first byte says what the rest is:
 * 0 a whole age file, 1 the text of a key, 2 how to damage a good file, which must be noticed.
 */
#include "lib/crypt/age.h"
#include "tests/fuzz/fuzz.h"

#define SECRET "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"

static gboolean
append(void *context, const void *data, gsize size, GError **error)
{
    (void)error;
    g_byte_array_append(context, data, (guint)size);
    return TRUE;
}

static gboolean
input(void *context, guint64 offset, void *data, gsize size, GError **error)
{
    const struct slice *file = context;
    (void)error;
    g_assert(offset <= file->size && size <= file->size - offset);
    memcpy(data, file->data + offset, size);
    return TRUE;
}

static void
known_identity(struct age_identity *identity)
{
    gboolean good = age_identity_parse(SECRET, identity, NULL);
    g_assert(good);
}

/* Whether it opens and reads to its end. */
static gboolean
reads(struct slice file)
{
    g_autoptr(GError) error = NULL;
    struct age_identity identity;
    char bytes[5000];
    gsize got = 0;
    known_identity(&identity);
    AUTO(age_reader) *reader = age_reader_new(input, &file, file.size, &identity, 1, &error);
    g_assert((reader == NULL) == (error != NULL));
    if (reader == NULL)
        return FALSE;
    g_assert(age_reader_size(reader) < file.size);
    for (guint64 offset = 0; age_reader_read(reader, offset, bytes, sizeof bytes, &got, &error);
         offset += got)
        if (got == 0) {
            g_assert(offset == age_reader_size(reader));
            return TRUE;
        }
    g_assert(error != NULL);
    return FALSE;
}

static void
key_text(const char *data, gsize size)
{
    struct age_identity identity;
    guint8 public[AGE_KEY_SIZE];
    g_autofree char *text = g_strndup(data, size);
    if (age_identity_parse(text, &identity, NULL)) {
        g_autofree char *again = age_identity_secret_text(&identity);
        g_assert(g_str_equal(again, text));
    }
    if (age_recipient_parse(text, public, NULL)) {
        g_autofree char *again = age_recipient_text(public);
        g_assert(g_str_equal(again, text));
    }
}

/* Two bytes of place, one to change there, one that says how much to cut off; the rest is the plain
 * text. */
static void
damage(const guint8 *data, gsize size)
{
    struct age_identity identity;
    guint8 recipient[1][AGE_KEY_SIZE];
    g_autoptr(GByteArray) file = g_byte_array_new();
    if (size < 4)
        return;
    known_identity(&identity);
    memcpy(recipient[0], identity.public, AGE_KEY_SIZE);
    AUTO(age_writer) *writer =
        age_writer_new((const guint8(*)[AGE_KEY_SIZE])recipient, 1, append, file, NULL);
    gboolean done =
        age_writer_add(writer, data + 4, size - 4, NULL) && age_writer_finish(writer, NULL);
    g_assert(done);
    file->data[(data[0] * 256U + data[1]) % file->len] ^= data[2];
    struct slice damaged = {(char *)file->data, file->len - MIN(data[3], file->len)};
    g_assert(reads(damaged) == (data[2] == 0 && data[3] == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 3 == 0)
        reads((struct slice){(const char *)data + 1, size - 1});
    else if (data[0] % 3 == 1)
        key_text((const char *)data + 1, size - 1);
    else
        damage(data + 1, size - 1);
    return 0;
}
