/* pack: what was put in comes out, from any frame; stock tools read it; damage has a name. */
#include "lib/archive/pack.h"
#include "lib/base/fail.h"
#include "tests/unit/scratch.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <zstd.h>

#define PART (100 * 1000) /* bytes; small, and no multiple of anything */
#define N_BATCHES 12
#define BATCH_SIZE 60000
#define EMPTY "server/files/日本語" /* an empty entry */

static struct age_identity identity;
static guint8 recipient[1][AGE_KEY_SIZE];
static struct keys keys = {.identities = &identity, .n_identities = 1, .n_recipients = 1};

/* Text that compresses a little, different for each `seed`. */
static char *
text_of(guint32 seed, gsize size)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    char *text = g_malloc(size + 1);
    for (gsize i = 0; i < size; i++)
        text[i] = (char)('a' + g_rand_int_range(rand, 0, 16));
    text[size] = '\0';
    return text;
}

static void
put(struct pack_writer *writer, const char *name, const char *data, gsize size, gboolean frame,
    guint64 *place)
{
    g_autoptr(GError) error = NULL;
    guint8 sha256[HASH_SHA256_SIZE];
    guint8 expected[HASH_SHA256_SIZE];
    pack_writer_entry(writer, name, size, frame, 0, place, &error);
    g_assert_no_error(error);
    pack_writer_data(writer, data, size / 3, &error);
    g_assert_no_error(error);
    pack_writer_data(writer, data + size / 3, size - size / 3, &error);
    g_assert_no_error(error);
    pack_writer_entry_end(writer, sha256, &error);
    g_assert_no_error(error);
    hash_sha256(data, size, expected);
    g_assert_cmpmem(sha256, sizeof sha256, expected, sizeof expected);
}

/* header.json, an empty entry, N_BATCHES frames, each of a batch and a small leaf. Gives
 * SHA256SUMS. */
static char *
write_archive(struct scratch *scratch, guint64 places[N_BATCHES])
{
    g_autoptr(GError) error = NULL;
    AUTO(pack_writer) *writer = pack_writer_new(scratch->fd, &keys, PART, &error);
    g_assert_no_error(error);
    put(writer, "header.json", "{}", 2, FALSE, NULL);
    put(writer, EMPTY, "", 0, FALSE, NULL);
    for (guint i = 0; i < N_BATCHES; i++) {
        g_autofree char *name = g_strdup_printf("db/medic/docs-%06u.json", i);
        g_autofree char *leaf = g_strdup_printf("db/medic/leaf/%06u-0/1", i);
        g_autofree char *data = text_of(i, BATCH_SIZE);
        put(writer, name, data, BATCH_SIZE, TRUE, &places[i]);
        put(writer, leaf, data, i, FALSE, NULL);
    }
    pack_writer_finish(writer, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(pack_writer_plain(writer), ==,
                     2 + N_BATCHES * BATCH_SIZE + N_BATCHES * (N_BATCHES - 1) / 2);
    g_assert_cmpuint(pack_writer_compressed(writer), <,
                     parts_writer_size(pack_writer_parts(writer)));
    return parts_writer_sums(pack_writer_parts(writer));
}

static struct pack *
open_archive(struct scratch *scratch, const char *sums)
{
    g_autoptr(GError) error = NULL;
    struct pack *pack = pack_open(scratch->fd, sums, &keys, &error);
    g_assert_no_error(error);
    return pack;
}

static GByteArray *
read_entry(struct pack_cursor *cursor, gsize piece, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autofree char *buffer = g_malloc(piece);
    for (gsize got = 1; got > 0;) {
        if (!pack_cursor_read(cursor, buffer, piece, &got, error))
            return NULL;
        g_byte_array_append(bytes, (guint8 *)buffer, (guint)got);
    }
    return g_steal_pointer(&bytes);
}

static void
expect_entry(struct pack_cursor *cursor, const char *name, const char *data, gsize size)
{
    g_autoptr(GError) error = NULL;
    struct pack_entry entry;
    gboolean end = FALSE;
    pack_cursor_next(cursor, &entry, &end, &error);
    g_assert_no_error(error);
    g_assert_false(end);
    g_assert_cmpstr(entry.name, ==, name);
    g_assert_cmpuint(entry.size, ==, size);
    g_assert_cmpuint(entry.mode, ==, 0600);
    g_autoptr(GByteArray) bytes = read_entry(cursor, 7777, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(bytes->data, (int)bytes->len, data, (int)size);
}

static void
expect_end(struct pack_cursor *cursor)
{
    g_autoptr(GError) error = NULL;
    struct pack_entry entry;
    gboolean end = FALSE;
    pack_cursor_next(cursor, &entry, &end, &error);
    g_assert_no_error(error);
    g_assert_true(end);
}

static void
expect_batches(struct pack_cursor *cursor, guint from)
{
    for (guint i = from; i < N_BATCHES; i++) {
        g_autofree char *name = g_strdup_printf("db/medic/docs-%06u.json", i);
        g_autofree char *leaf = g_strdup_printf("db/medic/leaf/%06u-0/1", i);
        g_autofree char *data = text_of(i, BATCH_SIZE);
        expect_entry(cursor, name, data, BATCH_SIZE);
        expect_entry(cursor, leaf, data, i);
    }
    expect_end(cursor);
}

static void
all_entries_come_back_in_order(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    guint64 places[N_BATCHES];
    g_autofree char *sums = write_archive(scratch, places);
    AUTO(pack) *pack = open_archive(scratch, sums);
    AUTO(pack_cursor) *cursor = pack_cursor_new(pack, 0, &error);
    g_assert_no_error(error);
    expect_entry(cursor, "header.json", "{}", 2);
    expect_entry(cursor, EMPTY, "", 0);
    expect_batches(cursor, 0);
}

static void
a_cursor_starts_at_any_frame_and_two_take_turns(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    guint64 places[N_BATCHES];
    g_autofree char *sums = write_archive(scratch, places);
    AUTO(pack) *pack = open_archive(scratch, sums);
    for (guint i = 0; i < N_BATCHES; i++) {
        AUTO(pack_cursor) *here = pack_cursor_new(pack, places[i], &error);
        g_assert_no_error(error);
        AUTO(pack_cursor) *there = pack_cursor_new(pack, places[N_BATCHES - 1 - i], &error);
        g_assert_no_error(error);
        expect_batches(here, i);
        expect_batches(there, N_BATCHES - 1 - i);
    }
}

static void
an_entry_tells_the_place_of_its_frame(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    guint64 places[N_BATCHES];
    g_autofree char *sums = write_archive(scratch, places);
    AUTO(pack) *pack = open_archive(scratch, sums);
    for (guint reads = 0; reads < 2; reads++) { /* passing over data, and reading it */
        AUTO(pack_cursor) *cursor = pack_cursor_new(pack, 0, &error);
        for (guint i = 0; i < 2 + 2 * N_BATCHES; i++) {
            struct pack_entry entry;
            gboolean end = FALSE;
            g_assert_true(pack_cursor_next(cursor, &entry, &end, &error) && !end);
            g_assert_cmpuint(entry.place, ==, i < 2 ? 0 : places[i / 2 - 1]);
            g_autoptr(GByteArray) bytes = reads ? read_entry(cursor, 50000, &error) : NULL;
            g_assert_no_error(error);
            g_assert_true((bytes != NULL) == (reads == 1));
        }
    }
}

static void
unread_data_is_passed_over(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    guint64 places[N_BATCHES];
    g_autofree char *sums = write_archive(scratch, places);
    AUTO(pack) *pack = open_archive(scratch, sums);
    AUTO(pack_cursor) *cursor = pack_cursor_new(pack, 0, &error);
    guint n = 0;
    for (gboolean end = FALSE; !end; n++) {
        struct pack_entry entry;
        char bytes[100];
        gsize got = 0;
        pack_cursor_next(cursor, &entry, &end, &error);
        g_assert_no_error(error);
        if (n % 2 == 0 && !end)
            pack_cursor_read(cursor, bytes, sizeof bytes, &got, &error);
        g_assert_no_error(error);
    }
    g_assert_cmpuint(n, ==, 2 + 2 * N_BATCHES + 1);
}

static void
names_survive_whatever_they_are(void)
{
    static const char *const odd[] = {"server/files/etc/日本語.conf", "db/\xff\xfe not utf8",
                                      "a\nb", "db/_users%2F%22/docs-000001.json"};
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *component = g_strnfill(5000, 'n');
    g_autofree char *longest = g_strdup_printf("db/%s/docs-000000.json", component);
    AUTO(pack_writer) *writer = pack_writer_new(scratch->fd, &keys, PARTS_SIZE, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < G_N_ELEMENTS(odd); i++)
        put(writer, odd[i], "x", 1, FALSE, NULL);
    put(writer, longest, "x", 1, FALSE, NULL);
    pack_writer_finish(writer, &error);
    g_assert_no_error(error);
    g_autofree char *sums = parts_writer_sums(pack_writer_parts(writer));
    AUTO(pack) *pack = open_archive(scratch, sums);
    AUTO(pack_cursor) *cursor = pack_cursor_new(pack, 0, &error);
    for (guint i = 0; i < G_N_ELEMENTS(odd); i++)
        expect_entry(cursor, odd[i], "x", 1);
    expect_entry(cursor, longest, "x", 1);
    expect_end(cursor);
}

static void
climbing_names_are_not_written(void)
{
    static const char *const bad[] = {"", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a"};
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    AUTO(pack_writer) *writer = pack_writer_new(scratch->fd, &keys, PARTS_SIZE, &error);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(pack_writer_entry(writer, bad[i], 1, FALSE, 0, NULL, NULL));
}

/* Runs a command on the tar, which must go without a word on standard error. */
static char *
on_tar(struct scratch *scratch, const char *command)
{
    char *output = NULL;
    g_autofree char *line = g_strdup_printf(
        "export LC_ALL=C.UTF-8; cat data.* | age -d -i KEY | zstd -d | %s 2>complaints", command);
    g_assert_cmpint(scratch_shell(scratch, &output, line), ==, 0);
    g_autofree char *complaints = scratch_read(scratch, "complaints", NULL);
    g_assert_cmpstr(complaints, ==, "");
    return output;
}

static void
stock_tools_list_and_unpack_it(void)
{
    if (!scratch_has_tool("age") || !scratch_has_tool("zstd"))
        return;
    AUTO(scratch) *scratch = scratch_new();
    guint64 places[N_BATCHES];
    g_autofree char *sums = write_archive(scratch, places);
    g_autofree char *secret = age_identity_secret_text(&identity);
    scratch_write(scratch, "KEY", secret, strlen(secret));
    scratch_write(scratch, "SHA256SUMS", sums, strlen(sums));
    g_assert_cmpint(scratch_shell(scratch, NULL, "mkdir x && sha256sum --strict -c SHA256SUMS"), ==,
                    0);
    g_autofree char *listing = on_tar(scratch, "tar -t --quoting-style=literal");
    g_auto(GStrv) lines = g_strsplit(listing, "\n", 0);
    g_assert_cmpuint(g_strv_length(lines), ==, 2 + 2 * N_BATCHES + 1);
    g_assert_cmpstr(lines[0], ==, "header.json");
    g_assert_cmpstr(lines[1], ==, EMPTY);
    g_assert_cmpstr(lines[2 + 2 * N_BATCHES - 1], ==, "db/medic/leaf/000011-0/1");
    g_autofree char *nothing = on_tar(scratch, "tar -x -C x");
    g_assert_cmpstr(nothing, ==, "");
    g_autofree char *batch = text_of(5, BATCH_SIZE);
    g_autofree char *unpacked = scratch_read(scratch, "x/db/medic/docs-000005.json", NULL);
    g_assert_cmpstr(unpacked, ==, batch);
    if (!scratch_has_tool("bsdtar"))
        return;
    g_autofree char *listing_bsd = on_tar(scratch, "bsdtar -tf -");
    g_assert_cmpstr(listing_bsd, ==, listing);
}

/* ---- damage: archives that only somebody with our keys could make ---- */

static gboolean
append(void *context, const void *data, gsize size, GError **error)
{
    (void)error;
    g_byte_array_append(context, data, (guint)size);
    return TRUE;
}

/* Encrypts a compressed stream as a one-part archive and opens it. */
static struct pack *
pack_of(struct scratch *scratch, const void *stream, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) file = g_byte_array_new();
    guint8 digest[HASH_SHA256_SIZE];
    AUTO(age_writer) *writer =
        age_writer_new((const guint8(*)[AGE_KEY_SIZE])recipient, 1, append, file, &error);
    age_writer_add(writer, stream, size, &error);
    age_writer_finish(writer, &error);
    g_assert_no_error(error);
    scratch_write(scratch, "data.000", file->data, file->len);
    hash_sha256(file->data, file->len, digest);
    g_autofree char *hex = hash_hex(digest, sizeof digest);
    g_autofree char *sums = g_strdup_printf("%s  data.000\n", hex);
    return open_archive(scratch, sums);
}

static GByteArray *
zstd_of(const void *data, gsize size, int window)
{
    GByteArray *out = g_byte_array_new();
    g_byte_array_set_size(out, (guint)ZSTD_compressBound(size));
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, window);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0);
    ZSTD_inBuffer in = {data, size, 0};
    ZSTD_outBuffer room = {out->data, out->len, 0};
    gsize left = ZSTD_compressStream2(zstd, &room, &in, ZSTD_e_end);
    g_assert_cmpuint(left, ==, 0);
    ZSTD_freeCCtx(zstd);
    g_byte_array_set_size(out, (guint)room.pos);
    return out;
}

/* Reads all of it; the message must contain `expected`. */
static void
expect_damage(struct scratch *scratch, const void *stream, gsize size, const char *expected)
{
    g_autoptr(GError) error = NULL;
    AUTO(pack) *pack = pack_of(scratch, stream, size);
    AUTO(pack_cursor) *cursor = pack_cursor_new(pack, 0, &error);
    gboolean end = FALSE;
    while (error == NULL && !end) {
        struct pack_entry entry;
        if (!pack_cursor_next(cursor, &entry, &end, &error) || end)
            break;
        g_autoptr(GByteArray) bytes = read_entry(cursor, 4096, &error);
        g_assert_true((bytes == NULL) == (error != NULL));
    }
    g_assert_error(error, FAIL, FAIL_DAMAGED);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, expected));
}

struct attack {
    const char *name;
    const char *link;
    unsigned type;
    gint64 size;
    gboolean hard;
};

static la_ssize_t
append_tar(struct archive *tar, void *context, const void *data, size_t size)
{
    (void)tar;
    g_byte_array_append(context, data, (guint)size);
    return (la_ssize_t)size;
}

/* A tar of one entry of zeros. */
static GByteArray *
tar_of(const struct attack *attack)
{
    GByteArray *bytes = g_byte_array_new();
    struct archive *tar = archive_write_new();
    archive_write_set_format_pax_restricted(tar);
    archive_write_set_bytes_per_block(tar, 0);
    archive_write_open(tar, bytes, NULL, append_tar, NULL);
    struct archive_entry *entry = archive_entry_new();
    archive_entry_copy_pathname(entry, attack->name);
    archive_entry_set_filetype(entry, attack->type);
    archive_entry_set_size(entry, attack->size);
    if (attack->link != NULL && attack->hard)
        archive_entry_copy_hardlink(entry, attack->link);
    else if (attack->link != NULL)
        archive_entry_copy_symlink(entry, attack->link);
    archive_entry_set_perm(entry, 0644);
    g_assert_cmpint(archive_write_header(tar, entry), ==, ARCHIVE_OK);
    archive_entry_free(entry);
    archive_write_close(tar);
    archive_write_free(tar);
    return bytes;
}

static void
what_no_snapshot_holds_is_refused(void)
{
    static const struct attack attacks[] = {
        {"../../etc/cron.d/x", NULL, AE_IFREG, 10, FALSE},
        {"/etc/cron.d/x", NULL, AE_IFREG, 10, FALSE},
        {"a/../../x", NULL, AE_IFREG, 10, FALSE},
        {"a", "/etc/passwd", AE_IFLNK, 0, FALSE},
        {"a", "b", AE_IFREG, 0, TRUE},
        {"a", NULL, AE_IFCHR, 0, FALSE},
        {"a", NULL, AE_IFIFO, 0, FALSE},
        {"a", NULL, AE_IFDIR, 0, FALSE},
    };
    AUTO(scratch) *scratch = scratch_new();
    for (guint i = 0; i < G_N_ELEMENTS(attacks); i++) {
        g_autoptr(GByteArray) tar = tar_of(&attacks[i]);
        g_autoptr(GByteArray) stream = zstd_of(tar->data, tar->len, PACK_WINDOW_LOG);
        expect_damage(scratch, stream->data, stream->len,
                      attacks[i].type == AE_IFREG && !attacks[i].hard ? "no snapshot has"
                      : attacks[i].type == AE_IFDIR                   ? "entry "
                                                                      : "not a regular file");
    }
}

static void
damage_below_the_encryption_has_a_name(void)
{
    static const struct attack plain = {"header.json", NULL, AE_IFREG, 100000, FALSE};
    AUTO(scratch) *scratch = scratch_new();
    g_autoptr(GByteArray) tar = tar_of(&plain);
    g_autoptr(GByteArray) stream = zstd_of(tar->data, tar->len, PACK_WINDOW_LOG);
    expect_damage(scratch, stream->data, stream->len - 10, "cut short: the compressed stream");
    stream->data[stream->len - 1] ^= 1; /* the content checksum */
    expect_damage(scratch, stream->data, stream->len, "damaged compression");
    expect_damage(scratch, "no zstd at all", 14, "damaged compression");

    g_autoptr(GByteArray) unended = zstd_of(tar->data, tar->len - 1024, PACK_WINDOW_LOG);
    expect_damage(scratch, unended->data, unended->len, "cut short: the tar has no end");
    g_autoptr(GByteArray) halved = zstd_of(tar->data, 5000, PACK_WINDOW_LOG);
    expect_damage(scratch, halved->data, halved->len, "cut short: the tar ends within");
    memcpy(tar->data + 148, "77777777", 8); /* the header's checksum */
    g_autoptr(GByteArray) broken = zstd_of(tar->data, tar->len, PACK_WINDOW_LOG);
    expect_damage(scratch, broken->data, broken->len, "damaged tar");
}

static void
a_window_larger_than_ours_is_refused(void)
{
    AUTO(scratch) *scratch = scratch_new();
    static const struct attack large = {"a", NULL, AE_IFREG, 10 << 20, FALSE};
    g_autoptr(GByteArray) tar = tar_of(&large);
    g_autoptr(GByteArray) stream = zstd_of(tar->data, tar->len, PACK_WINDOW_LOG + 2);
    expect_damage(scratch, stream->data, stream->len, "damaged compression");
}

static void
a_damaged_chunk_spares_the_frames_before_it(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    guint64 places[N_BATCHES];
    gsize size = 0;
    gboolean end = FALSE;
    struct pack_entry entry;
    g_autofree char *sums = write_archive(scratch, places);
    g_autofree char *part = scratch_read(scratch, "data.001", &size);
    part[size / 2] ^= 1;
    scratch_write(scratch, "data.001", part, size);
    g_assert_false(parts_verify(scratch->fd, sums, NULL, NULL, NULL));

    AUTO(pack) *pack = open_archive(scratch, sums);
    AUTO(pack_cursor) *cursor = pack_cursor_new(pack, 0, &error);
    expect_entry(cursor, "header.json", "{}", 2);
    expect_entry(cursor, EMPTY, "", 0);
    g_autofree char *first = text_of(0, BATCH_SIZE);
    expect_entry(cursor, "db/medic/docs-000000.json", first, BATCH_SIZE);
    while (error == NULL && !end)
        pack_cursor_next(cursor, &entry, &end, &error);
    g_assert_error(error, FAIL, FAIL_DAMAGED);
    g_assert_nonnull(strstr(error->message, "does not authenticate"));

    AUTO(pack_cursor) *behind = pack_cursor_new(pack, places[N_BATCHES - 2], NULL);
    expect_batches(behind, N_BATCHES - 2);
}

static void
a_failing_write_is_reported_and_stops(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    scratch_write(scratch, "data.001", "", 0); /* in the way */
    AUTO(pack_writer) *writer = pack_writer_new(scratch->fd, &keys, PART, &error);
    g_assert_no_error(error);
    g_autofree char *data = text_of(1, 1 << 20);
    pack_writer_entry(writer, "a", 1 << 20, FALSE, 0, NULL, &error);
    for (guint i = 0; i < 16 && error == NULL; i++)
        pack_writer_data(writer, data + i * (1 << 16), 1 << 16, &error);
    g_assert_nonnull(error);
    g_assert_true(g_str_has_prefix(error->message, "cannot create '/"));
    g_assert_true(g_str_has_suffix(error->message, "/data.001': File exists"));
}

static void
without_a_fitting_key_nothing_opens(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    guint64 places[N_BATCHES];
    g_autofree char *sums = write_archive(scratch, places);
    struct age_identity other;
    age_identity_generate(&other);
    struct keys wrong = {.identities = &other, .n_identities = 1};
    g_assert_null(pack_open(scratch->fd, sums, &wrong, &error));
    g_assert_error(error, FAIL, FAIL_KEY);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    age_identity_generate(&identity);
    memcpy(recipient[0], identity.public, AGE_KEY_SIZE);
    keys.recipients = recipient;
    g_test_add_func("/pack/all-entries-come-back-in-order", all_entries_come_back_in_order);
    g_test_add_func("/pack/a-cursor-starts-at-any-frame-and-two-take-turns",
                    a_cursor_starts_at_any_frame_and_two_take_turns);
    g_test_add_func("/pack/an-entry-tells-the-place-of-its-frame",
                    an_entry_tells_the_place_of_its_frame);
    g_test_add_func("/pack/unread-data-is-passed-over", unread_data_is_passed_over);
    g_test_add_func("/pack/names-survive-whatever-they-are", names_survive_whatever_they_are);
    g_test_add_func("/pack/climbing-names-are-not-written", climbing_names_are_not_written);
    g_test_add_func("/pack/stock-tools-list-and-unpack-it", stock_tools_list_and_unpack_it);
    g_test_add_func("/pack/what-no-snapshot-holds-is-refused", what_no_snapshot_holds_is_refused);
    g_test_add_func("/pack/damage-below-the-encryption-has-a-name",
                    damage_below_the_encryption_has_a_name);
    g_test_add_func("/pack/a-window-larger-than-ours-is-refused",
                    a_window_larger_than_ours_is_refused);
    g_test_add_func("/pack/a-damaged-chunk-spares-the-frames-before-it",
                    a_damaged_chunk_spares_the_frames_before_it);
    g_test_add_func("/pack/a-failing-write-is-reported-and-stops",
                    a_failing_write_is_reported_and_stops);
    g_test_add_func("/pack/without-a-fitting-key-nothing-opens",
                    without_a_fitting_key_nothing_opens);
    return g_test_run();
}
