/* row: what is written is read again, from memory, a spool or a file; damage is told. */
#include "lib/base/file.h"
#include "lib/couch/row.h"

static void
put(GByteArray *out, const char *id, guint n_leaves)
{
    gsize mark = row_begin(out, slice_of(id));
    for (guint i = 0; i < n_leaves; i++) {
        g_autofree char *rev = g_strdup_printf("%u-%s", i + 1, id);
        row_add_leaf(out, slice_of(rev), i);
        for (guint k = 0; k < i; k++)
            row_add_attachment(out, slice_of("\"n\""), slice_of("md5-x"), G_MAXUINT64 - k);
    }
    row_end(out, mark);
}

static void
expect(const struct row *row, const char *id, guint n_leaves)
{
    g_assert_true(slice_is(row->id, id));
    g_assert_cmpuint(row_count_leaves(row), ==, n_leaves);
    struct slice rest = row->leaves;
    struct row_leaf leaf;
    struct row_attachment attachment;
    for (guint i = 0; i < n_leaves; i++) {
        g_autofree char *rev = g_strdup_printf("%u-%s", i + 1, id);
        g_assert_true(row_next_leaf(&rest, &leaf) && slice_is(leaf.rev, rev));
        for (guint k = 0; k < i; k++)
            g_assert_true(row_next_attachment(&leaf.attachments, &attachment) &&
                          slice_is(attachment.name, "\"n\"") &&
                          slice_is(attachment.digest, "md5-x") &&
                          attachment.stored == G_MAXUINT64 - k);
        g_assert_false(row_next_attachment(&leaf.attachments, &attachment));
    }
    g_assert_false(row_next_leaf(&rest, &leaf));
}

static void
design_documents_come_last(void)
{
    static const char *const order[] = {
        "",         "A",         "_",         "_design",    "_designs",
        "a",        "a\x01",     "ab",        "b",          "\xe6\x97\xa5",
        "_design/", "_design/A", "_design/a", "_design/a/b"};
    for (guint i = 0; i < G_N_ELEMENTS(order); i++)
        for (guint k = 0; k < G_N_ELEMENTS(order); k++) {
            int compared = row_compare_ids(slice_of(order[i]), slice_of(order[k]));
            g_assert_cmpint((compared > 0) - (compared < 0), ==, (i > k) - (i < k));
        }
}

static void
leaf_sets_compare_whatever_their_order(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    static const char *const sets[][3] = {{"1-a", "2-b", "3-c"},
                                          {"3-c", "1-a", "2-b"},
                                          {"1-a", "2-b", NULL},
                                          {"1-a", "2-b", "2-b"},
                                          {NULL, NULL, NULL}};
    gsize marks[5];
    for (guint i = 0; i < 5; i++) {
        marks[i] = row_begin(bytes, slice_of("x"));
        for (guint k = 0; k < 3 && sets[i][k] != NULL; k++)
            row_add_leaf(bytes, slice_of(sets[i][k]), 0);
        row_end(bytes, marks[i]);
    }
    for (guint i = 0; i < 5; i++)
        for (guint k = 0; k < 5; k++) {
            struct row a = row_decode(bytes->data + marks[i]),
                       b = row_decode(bytes->data + marks[k]);
            g_assert_true(row_same_leaves(&a, &b) == (i == k || (i < 2 && k < 2)));
        }
}

static void
random_bytes_as_leaves_do_no_harm(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(2);
    for (guint round = 0; round < 20000; round++) {
        gsize size = (gsize)g_rand_int_range(rand, 1, 40);
        g_autofree char *bytes = g_malloc(size);
        for (gsize i = 0; i < size; i++)
            bytes[i] = (char)(g_rand_int_range(rand, 0, 3) == 0 ? g_rand_int_range(rand, 0, 256)
                                                                : g_rand_int_range(rand, 0, 6));
        struct row row = {{bytes, 0}, {bytes, size}};
        struct row_leaf leaf;
        row_count_leaves(&row);
        row_same_leaves(&row, &row);
        row_find_leaf(&row, slice_of("1-a"), &leaf);
    }
}

static void
a_spool_gives_rows_in_their_order_while_it_grows(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    g_autoptr(GError) error = NULL;
    AUTO(row_spool) *spool = row_spool_new();
    guint added = 0, given = 0;
    struct row row;
    for (guint round = 0; round < 2000; round++) {
        for (gint n = g_rand_int_range(rand, 0, 40); n > 0; n--) {
            g_autofree char *id = g_strdup_printf("%u", added);
            gsize mark = row_spool_buffer(spool)->len;
            put(row_spool_buffer(spool), id, added % 4);
            row_spool_add(spool, mark, &error);
            g_assert_no_error(error);
            added++;
        }
        for (gint n = g_rand_int_range(rand, 0, 40); n > 0; n--) {
            g_assert_true(row_spool_next(spool, &row, &error));
            g_assert_true((row.id.data == NULL) == (given == added));
            if (row.id.data == NULL)
                break;
            g_autofree char *id = g_strdup_printf("%u", given);
            expect(&row, id, given % 4);
            given++;
        }
        if (g_rand_int_range(rand, 0, 200) == 0) {
            row_spool_rewind(spool);
            given = 0;
        }
    }
    g_assert_cmpuint(row_spool_count(spool), ==, added);
}

static int
file_of(const GByteArray *bytes)
{
    g_autoptr(GError) error = NULL;
    int fd = file_temporary(&error);
    g_assert_no_error(error);
    g_assert_true(file_write(fd, bytes->data, bytes->len, "rows", &error));
    return fd;
}

static void
a_reader_reads_rows_larger_than_its_buffer(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    struct row row;
    put(bytes, "before", 1);
    gsize from = bytes->len;
    for (guint i = 0; i < 300; i += 7)
        put(bytes, "some", i);
    gsize to = bytes->len;
    put(bytes, "after", 1);
    AUTO_FD int fd = file_of(bytes);
    AUTO(row_reader) *reader = row_reader_new(fd, from, to, 0, "rows");
    for (guint i = 0; i < 300; i += 7) {
        row_reader_next(reader, &row, &error);
        g_assert_no_error(error);
        expect(&row, "some", i);
    }
    g_assert_true(row_reader_next(reader, &row, &error) && row.id.data == NULL);
    row_reader_extend(reader, bytes->len);
    g_assert_true(row_reader_next(reader, &row, &error));
    expect(&row, "after", 1);
}

static void
damaged_rows_are_told(void)
{
    static const guint32 sizes[][2] = {{0, 0},       {3, 0},           {4, 1},
                                       {8, 5},       {8, G_MAXUINT32}, {100, 2},
                                       {ROW_MAX, 1}, {G_MAXUINT32, 1}, {G_MAXUINT32 - 4, 1}};
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        g_autoptr(GError) error = NULL;
        struct row row;
        g_byte_array_append(bytes, (const guint8 *)sizes[i], sizeof sizes[i]);
        g_byte_array_append(bytes, (const guint8 *)"abcdefgh", 8);
        AUTO_FD int fd = file_of(bytes);
        AUTO(row_reader) *reader = row_reader_new(fd, 0, bytes->len, 0, "rows");
        if (row_reader_next(reader, &row, &error))
            g_error("not told: %u", i);
        g_assert_nonnull(strstr(error->message, "'rows' is damaged"));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/row/design documents come last", design_documents_come_last);
    g_test_add_func("/row/leaf sets compare whatever their order",
                    leaf_sets_compare_whatever_their_order);
    g_test_add_func("/row/random bytes as leaves do no harm", random_bytes_as_leaves_do_no_harm);
    g_test_add_func("/row/a spool gives rows in their order while it grows",
                    a_spool_gives_rows_in_their_order_while_it_grows);
    g_test_add_func("/row/a reader reads rows larger than its buffer",
                    a_reader_reads_rows_larger_than_its_buffer);
    g_test_add_func("/row/damaged rows are told", damaged_rows_are_told);
    return g_test_run();
}
