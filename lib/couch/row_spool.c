#include "lib/base/file.h"
#include "lib/couch/row.h"

#define PENDING (64 * 1024) /* bytes gathered before they go to the file */

struct row_spool {
    int file; /* -1 until needed */
    guint64 written, count;
    GByteArray *pending;       /* rows that are not in the file yet */
    struct row_reader *reader; /* of the file */
    gsize given;               /* bytes of `pending` already given */
};

struct row_spool *
row_spool_new(void)
{
    struct row_spool *spool = g_new0(struct row_spool, 1);
    spool->file = -1;
    spool->pending = g_byte_array_new();
    return spool;
}

void
row_spool_free(struct row_spool *spool)
{
    if (spool == NULL)
        return;
    row_reader_free(spool->reader);
    fd_auto_close(&spool->file);
    g_byte_array_unref(spool->pending);
    g_free(spool);
}

GByteArray *
row_spool_buffer(struct row_spool *spool)
{
    return spool->pending;
}

guint64
row_spool_count(const struct row_spool *spool)
{
    return spool->count;
}

/* Moves what is pending to the file. What was given of it stays given. */
static gboolean
flush(struct row_spool *spool, GError **error)
{
    if (spool->file < 0) {
        spool->file = file_temporary(error);
        if (spool->file < 0)
            return FALSE;
        spool->reader = row_reader_new(spool->file, 0, 0, PENDING, "temporary file");
    }
    if (!file_write(spool->file, spool->pending->data, spool->pending->len, "temporary file",
                    error))
        return FALSE;
    gboolean file_was_given = spool->given > 0;
    guint64 from = spool->written + spool->given;
    spool->written += spool->pending->len;
    if (file_was_given) {
        row_reader_free(spool->reader);
        spool->reader =
            row_reader_new(spool->file, from, spool->written, PENDING, "temporary file");
    } else {
        row_reader_extend(spool->reader, spool->written);
    }
    g_byte_array_set_size(spool->pending, 0);
    spool->given = 0;
    return TRUE;
}

gboolean
row_spool_add(struct row_spool *spool, gsize mark, GError **error)
{
    row_end(spool->pending, mark);
    spool->count++;
    return spool->pending->len < PENDING ? TRUE : flush(spool, error);
}

gboolean
row_spool_next(struct row_spool *spool, struct row *row, GError **error)
{
    *row = (struct row){{NULL, 0}, {NULL, 0}};
    if (spool->reader != NULL && !row_reader_next(spool->reader, row, error))
        return FALSE;
    if (row->id.data != NULL || spool->given == spool->pending->len)
        return TRUE;
    *row = row_decode(spool->pending->data + spool->given);
    spool->given += row_size(spool->pending->data + spool->given);
    return TRUE;
}

void
row_spool_rewind(struct row_spool *spool)
{
    spool->given = 0;
    if (spool->reader != NULL) {
        row_reader_free(spool->reader);
        spool->reader = row_reader_new(spool->file, 0, spool->written, PENDING, "temporary file");
    }
}
