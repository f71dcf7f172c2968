/* parts: what is cut comes together again, coreutils agrees on the sums, and damage is named by
 * part. */
#include "lib/base/fail.h"
#include "lib/store/parts.h"
#include "tests/unit/scratch.h"

#include <sys/stat.h>

#define PART 5000 /* bytes */
#define SIZE (3 * PART + 1234)

static char *
pattern(gsize size)
{
    char *data = g_malloc(size + 1);
    for (gsize i = 0; i < size; i++)
        data[i] = (char)(i * 7 + i / 251);
    data[size] = '\0';
    return data;
}

/* Writes in pieces that end nowhere near the parts; gives SHA256SUMS and keeps it as a file too. */
static char *
write_parts(struct scratch *scratch, const char *data, gsize size, guint64 part_size)
{
    g_autoptr(GError) error = NULL;
    AUTO(parts_writer) *writer = parts_writer_new(scratch->fd, part_size);
    for (gsize at = 0; at < size; at += 777777 % (part_size + 13))
        parts_writer_add(writer, data + at, MIN(777777 % (part_size + 13), size - at), &error);
    g_assert_no_error(error);
    parts_writer_finish(writer, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(parts_writer_size(writer), ==, size);
    char *sums = parts_writer_sums(writer);
    scratch_write(scratch, "SHA256SUMS", sums, strlen(sums));
    return sums;
}

static guint64
length_of(struct scratch *scratch, const char *name)
{
    struct stat status;
    return fstatat(scratch->fd, name, &status, 0) == 0 ? (guint64)status.st_size : G_MAXUINT64;
}

static void
expect_damage(struct scratch *scratch, const char *sums, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(parts_verify(scratch->fd, sums, NULL, NULL, &error));
    g_assert_error(error, FAIL, FAIL_DAMAGED);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, expected));
}

static void
parts_have_their_size_and_coreutils_agrees(void)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *data = pattern(SIZE);
    g_autofree char *sums = write_parts(scratch, data, SIZE, PART);
    g_assert_cmpuint(length_of(scratch, "data.000"), ==, PART);
    g_assert_cmpuint(length_of(scratch, "data.002"), ==, PART);
    g_assert_cmpuint(length_of(scratch, "data.003"), ==, 1234);
    g_assert_cmpuint(length_of(scratch, "data.004"), ==, G_MAXUINT64);
    g_assert_cmpint(scratch_shell(scratch, NULL, "sha256sum --strict -c SHA256SUMS"), ==, 0);
    g_autofree char *theirs = NULL;
    g_assert_cmpint(scratch_shell(scratch, &theirs, "sha256sum data.*"), ==, 0);
    g_assert_cmpstr(sums, ==, theirs);
}

static void
a_full_last_part_is_not_followed_by_an_empty_one(void)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *data = pattern(2 * PART);
    g_autofree char *sums = write_parts(scratch, data, 2 * PART, PART);
    g_assert_cmpuint(length_of(scratch, "data.001"), ==, PART);
    g_assert_cmpuint(length_of(scratch, "data.002"), ==, G_MAXUINT64);
    g_assert_true(parts_verify(scratch->fd, sums, NULL, NULL, NULL));
}

static void
any_place_reads_what_was_written(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *data = pattern(SIZE);
    g_autofree char *sums = write_parts(scratch, data, SIZE, PART);
    g_autofree char *buffer = g_malloc(SIZE);
    AUTO(parts_reader) *reader = parts_reader_open(scratch->fd, sums, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(parts_reader_size(reader), ==, SIZE);
    for (gsize offset = 0; offset <= SIZE; offset += 331)
        for (gsize size = 0; size <= SIZE - offset; size += 2999) {
            parts_reader_read(reader, offset, buffer, size, &error);
            g_assert_no_error(error);
            g_assert_true(memcmp(buffer, data + offset, size) == 0);
        }
    g_assert_false(parts_reader_read(reader, SIZE - 10, buffer, 11, &error));
    g_assert_error(error, FAIL, FAIL_DAMAGED);
    g_assert_false(parts_reader_read(reader, G_MAXUINT64 - 5, buffer, 11, NULL));
}

static void
count_progress(void *context, guint64 bytes)
{
    guint64 *last = context;
    g_assert_cmpuint(bytes, >, *last);
    *last = bytes;
}

static void
verifying_reads_every_byte(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    gsize size =
        (5 << 20) + 4097; /* more than a block, and neither aligned nor the last one full */
    guint64 seen = 0;
    g_autofree char *data = pattern(size);
    g_autofree char *sums = write_parts(scratch, data, size, 3 << 20);
    parts_verify(scratch->fd, sums, count_progress, &seen, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(seen, ==, size);
    g_autofree char *part = scratch_read(scratch, "data.001", &size);
    part[size - 1] ^= 1;
    scratch_write(scratch, "data.001", part, size);
    expect_damage(scratch, sums, "'data.001' (2101249 bytes) is damaged");
}

static void
damage_names_the_first_part(void)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *data = pattern(SIZE);
    g_autofree char *sums = write_parts(scratch, data, SIZE, PART);
    g_assert_cmpint(scratch_shell(scratch, NULL, "printf x >>data.002"), ==, 0);
    expect_damage(scratch, sums, "'data.002' (5001 bytes)");
    g_assert_cmpint(scratch_shell(scratch, NULL, "truncate -s 4999 data.001"), ==, 0);
    expect_damage(scratch, sums, "'data.001' (4999 bytes)");
    g_assert_cmpint(scratch_shell(scratch, NULL, "rm data.000 && ln -s data.001 data.000"), ==, 0);
    expect_damage(scratch, sums, "not a regular file");
    g_assert_cmpint(scratch_shell(scratch, NULL, "rm data.000 && mkfifo data.000"), ==, 0);
    expect_damage(scratch, sums, "not a regular file");
    g_assert_cmpint(scratch_shell(scratch, NULL, "rm data.000"), ==, 0);
    expect_damage(scratch, sums, "'data.000' is missing");
    g_autoptr(GError) error = NULL;
    g_assert_null(parts_reader_open(scratch->fd, sums, &error));
    g_assert_error(error, FAIL, FAIL_DAMAGED);
}

static void
a_file_that_shrinks_while_it_is_read_is_an_error(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    char buffer[100];
    g_autofree char *data = pattern(SIZE);
    g_autofree char *sums = write_parts(scratch, data, SIZE, PART);
    AUTO(parts_reader) *reader = parts_reader_open(scratch->fd, sums, &error);
    g_assert_cmpint(scratch_shell(scratch, NULL, "truncate -s 100 data.000"), ==, 0);
    g_assert_false(parts_reader_read(reader, 50, buffer, 100, &error));
    g_assert_error(error, FAIL, FAIL_DAMAGED);
}

static void
sums_of_any_other_form_are_refused(void)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *data = pattern(SIZE);
    g_autofree char *sums = write_parts(scratch, data, SIZE, PART);
    gsize line = strlen(sums) / 4;
    g_autofree char *swapped = g_strdup_printf("%.*s%.*s", (int)line, sums + line, (int)line, sums);
    g_autofree char *gap = g_strdup_printf("%.*s%s", (int)line, sums, sums + 2 * line);
    g_autofree char *binary = g_strdup(sums);
    g_autofree char *upper = g_ascii_strup(sums, -1);
    g_autofree char *path = g_strdup_printf("%.64s  ../a.000\n", sums);
    g_autofree char *unended = g_strndup(sums, strlen(sums) - 1);
    g_autoptr(GString) many = g_string_new(NULL);
    for (guint i = 0; i <= PARTS_MAX; i++)
        g_string_append_printf(many, "%.64s  data.%03u\n", sums, i);
    binary[65] = '*';
    const char *const bad[] = {"", swapped, gap, binary, upper, path, unended, many->str};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(parts_reader_open(scratch->fd, bad[i], &error));
        g_assert_error(error, FAIL, FAIL_DAMAGED);
        expect_damage(scratch, bad[i], "SHA256SUMS");
    }
}

static void
existing_parts_are_never_overwritten(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    scratch_write(scratch, "data.000", "old", 3);
    AUTO(parts_writer) *writer = parts_writer_new(scratch->fd, PART);
    g_assert_false(parts_writer_add(writer, "x", 1, &error));
    g_assert_true(g_str_has_prefix(error->message, "cannot create '/"));
    g_assert_true(g_str_has_suffix(error->message, "/data.000': File exists"));
}

static void
the_thousandth_part_is_the_last(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *data = pattern(PARTS_MAX);
    AUTO(parts_writer) *writer = parts_writer_new(scratch->fd, 1);
    parts_writer_add(writer, data, PARTS_MAX, &error);
    g_assert_no_error(error);
    g_assert_false(parts_writer_add(writer, "x", 1, &error));
    g_assert_nonnull(strstr(error->message, "1000 parts"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/parts/parts-have-their-size-and-coreutils-agrees",
                    parts_have_their_size_and_coreutils_agrees);
    g_test_add_func("/parts/a-full-last-part-is-not-followed-by-an-empty-one",
                    a_full_last_part_is_not_followed_by_an_empty_one);
    g_test_add_func("/parts/any-place-reads-what-was-written", any_place_reads_what_was_written);
    g_test_add_func("/parts/verifying-reads-every-byte", verifying_reads_every_byte);
    g_test_add_func("/parts/damage-names-the-first-part", damage_names_the_first_part);
    g_test_add_func("/parts/a-file-that-shrinks-while-it-is-read-is-an-error",
                    a_file_that_shrinks_while_it_is_read_is_an_error);
    g_test_add_func("/parts/sums-of-any-other-form-are-refused",
                    sums_of_any_other_form_are_refused);
    g_test_add_func("/parts/existing-parts-are-never-overwritten",
                    existing_parts_are_never_overwritten);
    g_test_add_func("/parts/the-thousandth-part-is-the-last", the_thousandth_part_is_the_last);
    return g_test_run();
}
