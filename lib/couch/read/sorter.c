#include "lib/couch/read/sorter.h"

#include "lib/base/file.h"

struct run {
    struct row_reader *reader;
    struct row row; /* its next; NULL id.data when used up */
};

struct sorter {
    gsize memory;
    guint64 count;
    GByteArray *rows; /* encoded, as they came */
    GArray *places;   /* guint32 offsets into rows, sorted when full */
    guint next;       /* when all rows fitted into memory */
    int file;         /* the runs, one behind the other; -1 until needed */
    guint64 written;
    GArray *run_ends; /* guint64 */
    GArray *runs;     /* struct run, a heap with the smallest id at its top */
    gboolean advance; /* the top's row was given out */
};

struct sorter *
sorter_new(gsize memory)
{
    struct sorter *sorter = g_new0(struct sorter, 1);
    sorter->memory = memory != 0 ? memory : SORTER_MEMORY;
    sorter->rows = g_byte_array_new();
    sorter->places = g_array_new(FALSE, FALSE, sizeof(guint32));
    sorter->run_ends = g_array_new(FALSE, FALSE, sizeof(guint64));
    sorter->runs = g_array_new(FALSE, FALSE, sizeof(struct run));
    sorter->file = -1;
    return sorter;
}

void
sorter_free(struct sorter *sorter)
{
    if (sorter == NULL)
        return;
    for (guint i = 0; i < sorter->runs->len; i++)
        row_reader_free(g_array_index(sorter->runs, struct run, i).reader);
    if (sorter->rows != NULL)
        g_byte_array_unref(sorter->rows);
    g_array_free(sorter->places, TRUE);
    g_array_free(sorter->run_ends, TRUE);
    g_array_free(sorter->runs, TRUE);
    fd_auto_close(&sorter->file);
    g_free(sorter);
}

GByteArray *
sorter_buffer(struct sorter *sorter)
{
    return sorter->rows;
}

guint64
sorter_count(const struct sorter *sorter)
{
    return sorter->count;
}

static gint
compare_places(gconstpointer a, gconstpointer b, gpointer rows)
{
    const guint8 *data = ((const GByteArray *)rows)->data;
    struct row left = row_decode(data + *(const guint32 *)a);
    struct row right = row_decode(data + *(const guint32 *)b);
    return row_compare_ids(left.id, right.id);
}

static gboolean
write_run(struct sorter *sorter, GError **error)
{
    if (sorter->file < 0)
        sorter->file = file_temporary(error);
    if (sorter->file < 0)
        return FALSE;
    g_array_sort_with_data(sorter->places, compare_places, sorter->rows);
    g_autoptr(GByteArray) out = g_byte_array_sized_new(1 << 18);
    for (guint i = 0; i < sorter->places->len; i++) {
        const guint8 *row = sorter->rows->data + g_array_index(sorter->places, guint32, i);
        g_byte_array_append(out, row, (guint)row_size(row));
        if (out->len < 1 << 17 && i + 1 < sorter->places->len)
            continue;
        if (!file_write(sorter->file, out->data, out->len, "temporary file", error))
            return FALSE;
        sorter->written += out->len;
        g_byte_array_set_size(out, 0);
    }
    g_array_append_val(sorter->run_ends, sorter->written);
    g_array_set_size(sorter->places, 0);
    g_byte_array_set_size(sorter->rows, 0);
    return TRUE;
}

gboolean
sorter_add(struct sorter *sorter, gsize mark, GError **error)
{
    guint32 place = (guint32)mark;
    row_end(sorter->rows, mark);
    g_array_append_val(sorter->places, place);
    sorter->count++;
    gsize held = sorter->rows->len + sorter->places->len * sizeof place;
    return held < sorter->memory ? TRUE : write_run(sorter, error);
}

/* ---- merging ---- */

static gboolean
run_before(const struct run *a, const struct run *b)
{
    return row_compare_ids(a->row.id, b->row.id) < 0;
}

static void
sift_down(GArray *heap, guint at)
{
    struct run *runs = (struct run *)(void *)heap->data;
    for (;;) {
        guint least = at;
        for (guint child = 2 * at + 1; child <= 2 * at + 2 && child < heap->len; child++)
            if (run_before(&runs[child], &runs[least]))
                least = child;
        if (least == at)
            return;
        struct run other = runs[at];
        runs[at] = runs[least];
        runs[least] = other;
        at = least;
    }
}

static gboolean
open_runs(struct sorter *sorter, GError **error)
{
    guint n = sorter->run_ends->len;
    guint64 from = 0;
    for (guint i = 0; i < n; i++) {
        guint64 to = g_array_index(sorter->run_ends, guint64, i);
        struct run run = {
            row_reader_new(sorter->file, from, to, sorter->memory / n, "temporary file"),
            {{0}, {0}}};
        g_array_append_val(sorter->runs, run);
        if (!row_reader_next(run.reader, &g_array_index(sorter->runs, struct run, i).row, error))
            return FALSE;
        from = to;
    }
    for (guint i = n / 2; i-- > 0;)
        sift_down(sorter->runs, i);
    return TRUE;
}

gboolean
sorter_finish(struct sorter *sorter, GError **error)
{
    if (sorter->file < 0) {
        g_array_sort_with_data(sorter->places, compare_places, sorter->rows);
        return TRUE;
    }
    if (sorter->places->len > 0 && !write_run(sorter, error))
        return FALSE;
    g_clear_pointer(&sorter->rows, g_byte_array_unref);
    return open_runs(sorter, error);
}

static gboolean
advance_top(struct sorter *sorter, GError **error)
{
    struct run *top = &g_array_index(sorter->runs, struct run, 0);
    if (!row_reader_next(top->reader, &top->row, error))
        return FALSE;
    if (top->row.id.data == NULL) {
        row_reader_free(top->reader);
        g_array_remove_index_fast(sorter->runs, 0);
    }
    if (sorter->runs->len > 0)
        sift_down(sorter->runs, 0);
    return TRUE;
}

gboolean
sorter_next(struct sorter *sorter, struct row *row, GError **error)
{
    *row = (struct row){{NULL, 0}, {NULL, 0}};
    if (sorter->file < 0) {
        if (sorter->next < sorter->places->len)
            *row = row_decode(sorter->rows->data +
                              g_array_index(sorter->places, guint32, sorter->next++));
        return TRUE;
    }
    if (sorter->advance && !advance_top(sorter, error))
        return FALSE;
    sorter->advance = sorter->runs->len > 0;
    if (sorter->advance)
        *row = g_array_index(sorter->runs, struct run, 0).row;
    return TRUE;
}
