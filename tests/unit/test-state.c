/* state: what was put in place is read again; anything that is not exactly that counts as nothing.
 */
#include "replicator/snapshot/state.h"
#include "tests/unit/scratch.h"

#define N_ROWS 20000 /* more than a buffer */
#define NAME "d/b\"\xe6\x97\xa5"

static void
fill(GByteArray *out, guint i)
{
    g_autofree char *id = g_strdup_printf("%06u", i);
    gsize mark = row_begin(out, slice_of(id));
    for (guint k = 0; k < i % 3; k++)
        row_add_leaf(out, slice_of("1-0123456789abcdef0123456789abcdef"), 0);
    row_end(out, mark);
}

static void
write_state(int folder, const char *snapshot, gboolean commit)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    AUTO(state_writer) *writer = state_writer_new(folder, NAME, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < N_ROWS; i++) {
        g_byte_array_set_size(bytes, 0);
        fill(bytes, i);
        struct row row = row_decode(bytes->data);
        g_assert_true(state_writer_add(writer, &row, &error));
    }
    struct state head = {.snapshot = (char *)snapshot,
                         .last_seq = (char *)"\"9-a\\u0062\"",
                         .tokens = (char *)"{\"0\":\"x\"}",
                         .setup = (char *)"s",
                         .unread = 3};
    g_assert_true(state_writer_finish(writer, &head, &error));
    if (commit)
        g_assert_true(state_writer_commit(writer, &error));
}

static guint
count_files(const char *path)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    guint n = 0;
    while (g_dir_read_name(folder) != NULL)
        n++;
    return n;
}

static void
what_was_written_is_read(void)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autoptr(GError) error = NULL;
    write_state(scratch->fd, "S1", TRUE);
    AUTO(state) *state = state_open(scratch->fd, NAME, "S1", &error);
    g_assert_nonnull(state);
    g_assert_cmpstr(state->last_seq, ==, "\"9-a\\u0062\"");
    g_assert_cmpstr(state->tokens, ==, "{\"0\":\"x\"}");
    g_assert_true(state->purge_seq == NULL && state->instance_start_time == NULL &&
                  state->unread == 3);
    g_assert_cmpuint(state->documents, ==, N_ROWS - (N_ROWS + 2) / 3);
    AUTO(row_reader) *reader = state_rows(state);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    struct row row;
    for (guint i = 0; i < N_ROWS; i++) {
        if (i % 3 == 0)
            continue; /* no leaves: passed over */
        g_byte_array_set_size(bytes, 0);
        fill(bytes, i);
        struct row expected = row_decode(bytes->data);
        g_assert_true(row_reader_next(reader, &row, &error));
        g_assert_true(slice_compare(row.id, expected.id) == 0 &&
                      slice_compare(row.leaves, expected.leaves) == 0);
    }
    g_assert_true(row_reader_next(reader, &row, &error) && row.id.data == NULL);
}

static void
another_snapshot_or_database_is_nothing(void)
{
    AUTO(scratch) *scratch = scratch_new();
    g_assert_null(state_open(scratch->fd, NAME, "S1", NULL));
    write_state(scratch->fd, "S1", TRUE);
    g_assert_null(state_open(scratch->fd, NAME, "S2", NULL));
    g_assert_null(state_open(scratch->fd, "other", "S1", NULL));
}

static void
what_was_not_committed_leaves_the_old_one(void)
{
    AUTO(scratch) *scratch = scratch_new();
    write_state(scratch->fd, "S1", TRUE);
    write_state(scratch->fd, "S2", FALSE);
    AUTO(state) *state = state_open(scratch->fd, NAME, "S1", NULL);
    g_assert_nonnull(state);
    g_assert_cmpuint(count_files(scratch->path), ==, 1);
}

/* Without the care for durability that scratch_write takes. */
static void
overwrite(struct scratch *scratch, const char *name, const char *data, gsize size)
{
    AUTO_FD int fd = openat(scratch->fd, name, O_WRONLY | O_CLOEXEC);
    g_assert_true(file_write(fd, data, size, name, NULL) && ftruncate(fd, (off_t)size) == 0);
}

static void
a_damaged_file_is_nothing(void)
{
    AUTO(scratch) *scratch = scratch_new();
    write_state(scratch->fd, "S1", TRUE);
    g_autoptr(GDir) folder = g_dir_open(scratch->path, 0, NULL);
    const char *name = g_dir_read_name(folder);
    gsize size;
    g_autofree char *data = scratch_read(scratch, name, &size);
    for (gsize at = 0; at < size;
         at += at + 800 < size && at > 800 ? 30011 : 1) { /* both ends, and here and there */
        data[at] ^= 0x20;
        overwrite(scratch, name, data, size);
        AUTO(state) *state = state_open(scratch->fd, NAME, "S1", NULL);
        if (state != NULL) /* a head's text may change where nothing depends on it */
            g_assert_cmpuint(at, >, size - 800);
        data[at] ^= 0x20;
    }
    for (gsize cut = 0; cut < size; cut += cut + 800 < size && cut > 30 ? 30011 : 1) {
        overwrite(scratch, name, data, cut);
        g_assert_null(state_open(scratch->fd, NAME, "S1", NULL));
    }
}

static void
the_setup_changes_with_what_it_covers(void)
{
    static const char *const texts[] = {
        "{\"q\":2,\"n\":1,\"security\":{},\"revs_limit\":1000}",
        "{\"q\":2,\"n\":1,\"security\":{},\"revs_limit\":1001}",
        "{\"q\":21,\"n\":1,\"security\":{},\"revs_limit\":1000}",
        "{\"q\":2,\"n\":11,\"security\":{},\"revs_limit\":1000}",
        "{\"q\":2,\"n\":1,\"security\":{\"a\":1},\"revs_limit\":1000}",
        "{\"q\":2,\"n\":1,\"partitioned\":true,\"security\":{},\"revs_limit\":1000}",
        "{}"};
    g_autofree char *first = state_setup(slice_of(texts[0]), slice_of("{}"));
    g_autofree char *local = state_setup(slice_of(texts[0]), slice_of("{ }"));
    g_autofree char *more = state_setup(
        slice_of("{\"x\":1,\"q\":2,\"n\":1,\"security\":{},\"revs_limit\":1000,\"doc_count\":7}"),
        slice_of("{}"));
    g_assert_cmpstr(first, !=, local);
    g_assert_cmpstr(first, ==, more);
    for (guint i = 1; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *other = state_setup(slice_of(texts[i]), slice_of("{}"));
        g_assert_cmpstr(first, !=, other);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/state/what was written is read", what_was_written_is_read);
    g_test_add_func("/state/another snapshot or database is nothing",
                    another_snapshot_or_database_is_nothing);
    g_test_add_func("/state/what was not committed leaves the old one",
                    what_was_not_committed_leaves_the_old_one);
    g_test_add_func("/state/a damaged file is nothing", a_damaged_file_is_nothing);
    g_test_add_func("/state/the setup changes with what it covers",
                    the_setup_changes_with_what_it_covers);
    return g_test_run();
}
