/* sorter: whatever the memory, rows come out as qsort would put them. */
#include "lib/couch/read/sorter.h"

#define N_ROWS 3000

static gint
by_id(gconstpointer a, gconstpointer b)
{
    return row_compare_ids(slice_of(*(char *const *)a), slice_of(*(char *const *)b));
}

static char *
random_id(GRand *rand)
{
    static const char *const heads[] = {"", "_design/", "\xe6\x97\xa5", "_"};
    g_autofree char *tail = g_strdup_printf("%x", g_rand_int_range(rand, 0, N_ROWS));
    if (g_rand_int_range(rand, 0, 50) == 0)
        return g_strnfill((gsize)g_rand_int_range(rand, 1000, 6000), 'z');
    return g_strconcat(heads[g_rand_int_range(rand, 0, G_N_ELEMENTS(heads))], tail, NULL);
}

/* Each row's one leaf tells the place at which it came. */
static void
sort(gsize memory, guint n, guint seed)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) came = g_ptr_array_new();
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    g_autoptr(GError) error = NULL;
    AUTO(sorter) *sorter = sorter_new(memory);
    for (guint i = 0; i < n; i++) {
        char *id = random_id(rand);
        g_autofree char *rev = g_strdup_printf("%u-x", i);
        g_ptr_array_add(ids, id);
        g_ptr_array_add(came, id);
        gsize mark = row_begin(sorter_buffer(sorter), slice_of(id));
        row_add_leaf(sorter_buffer(sorter), slice_of(rev), 0);
        sorter_add(sorter, mark, &error);
        g_assert_no_error(error);
    }
    g_assert_cmpuint(sorter_count(sorter), ==, n);
    g_assert_true(sorter_finish(sorter, &error));
    g_ptr_array_sort(ids, by_id);
    struct row row;
    for (guint i = 0; i < n; i++) {
        struct slice rest;
        struct row_leaf leaf;
        g_assert_true(sorter_next(sorter, &row, &error));
        g_assert_true(row.id.data != NULL && slice_is(row.id, ids->pdata[i]));
        rest = row.leaves;
        g_assert_true(row_next_leaf(&rest, &leaf));
        guint place = (guint)g_ascii_strtoull(leaf.rev.data, NULL, 10);
        g_assert_true(slice_is(row.id, came->pdata[place])); /* still with its own id */
        g_assert_true(g_hash_table_add(seen, GUINT_TO_POINTER(place + 1)));
    }
    for (guint i = 0; i < 2; i++)
        g_assert_true(sorter_next(sorter, &row, &error) && row.id.data == NULL);
}

static void
tiny_memory_sorts_like_qsort(void)
{
    static const gsize memories[] = {1, 100, 1000, 20000, 100000, 0};
    for (guint i = 0; i < G_N_ELEMENTS(memories); i++)
        sort(memories[i], memories[i] == 1 ? 300 : N_ROWS, i);
}

static void
few_rows_are_sorted_too(void)
{
    for (guint n = 0; n < 5; n++)
        for (gsize memory = 1; memory < 300; memory += 60)
            sort(memory, n, n);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sorter/tiny memory sorts like qsort", tiny_memory_sorts_like_qsort);
    g_test_add_func("/sorter/few rows are sorted too", few_rows_are_sorted_too);
    return g_test_run();
}
