#include "lib/couch/row.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#define HEAD (2 * sizeof(guint32))

gboolean
row_is_design(struct slice id)
{
    static const char prefix[] = "_design/";
    return id.size >= sizeof prefix - 1 && memcmp(id.data, prefix, sizeof prefix - 1) == 0;
}

int
row_compare_ids(struct slice a, struct slice b)
{
    int order = row_is_design(a) - row_is_design(b);
    return order != 0 ? order : slice_compare(a, b);
}

/* ---- writing ---- */

/* Room for so many bytes more. */
static guint8 *
extend(GByteArray *out, gsize size)
{
    guint before = out->len;
    g_byte_array_set_size(out, before + (guint)size);
    return out->data + before;
}

static void
put_number(GByteArray *out, guint64 number)
{
    guint8 bytes[10];
    guint n = 0;
    for (; number >= 0x80; number >>= 7)
        bytes[n++] = (guint8)(number | 0x80);
    bytes[n++] = (guint8)number;
    g_byte_array_append(out, bytes, n);
}

static void
put_text(GByteArray *out, struct slice text)
{
    put_number(out, text.size);
    g_byte_array_append(out, (const guint8 *)text.data, (guint)text.size);
}

gsize
row_begin(GByteArray *out, struct slice id)
{
    gsize mark = out->len;
    guint32 head[2] = {0, (guint32)id.size};
    guint8 *at = extend(out, HEAD + id.size);
    memcpy(at, head, HEAD);
    if (id.size > 0)
        memcpy(at + HEAD, id.data, id.size);
    return mark;
}

void
row_add_leaf(GByteArray *out, struct slice rev, guint n_attachments)
{
    put_text(out, rev);
    put_number(out, n_attachments);
}

void
row_add_attachment(GByteArray *out, struct slice name, struct slice digest, guint64 stored)
{
    put_text(out, name);
    put_text(out, digest);
    put_number(out, stored);
}

void
row_end(GByteArray *out, gsize mark)
{
    guint32 size = (guint32)(out->len - mark - sizeof size);
    memcpy(out->data + mark, &size, sizeof size);
}

void
row_append(GByteArray *out, const struct row *row)
{
    gsize mark = row_begin(out, row->id);
    if (row->leaves.size > 0)
        memcpy(extend(out, row->leaves.size), row->leaves.data, row->leaves.size);
    row_end(out, mark);
}

/* ---- reading ---- */

gsize
row_size(const guint8 *data)
{
    guint32 size;
    memcpy(&size, data, sizeof size);
    return size + sizeof size;
}

struct row
row_decode(const guint8 *data)
{
    guint32 head[2];
    memcpy(head, data, HEAD);
    const char *id = (const char *)data + HEAD;
    return (struct row){{id, head[1]}, {id + head[1], row_size(data) - HEAD - head[1]}};
}

static guint64
take_number(struct slice *in)
{
    guint64 number = 0;
    for (guint shift = 0; in->size > 0 && shift < 64; shift += 7) {
        guint8 byte = (guint8)*in->data;
        in->data++;
        in->size--;
        number |= (guint64)(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
    }
    return number;
}

static struct slice
take_text(struct slice *in)
{
    guint64 number = take_number(in);
    gsize size = MIN(number, in->size);
    struct slice text = {in->data, size};
    in->data += size;
    in->size -= size;
    return text;
}

gboolean
row_next_attachment(struct slice *attachments, struct row_attachment *attachment)
{
    if (attachments->size == 0)
        return FALSE;
    attachment->name = take_text(attachments);
    attachment->digest = take_text(attachments);
    attachment->stored = take_number(attachments);
    return TRUE;
}

gboolean
row_next_leaf(struct slice *leaves, struct row_leaf *leaf)
{
    if (leaves->size == 0)
        return FALSE;
    leaf->rev = take_text(leaves);
    guint64 n = take_number(leaves);
    const char *begin = leaves->data;
    for (struct row_attachment passed; n > 0 && row_next_attachment(leaves, &passed);)
        n--;
    leaf->attachments = (struct slice){begin, (gsize)(leaves->data - begin)};
    return TRUE;
}

guint
row_count_leaves(const struct row *row)
{
    guint n = 0;
    struct slice rest = row->leaves;
    for (struct row_leaf leaf; row_next_leaf(&rest, &leaf);)
        n++;
    return n;
}

gboolean
row_find_leaf(const struct row *row, struct slice rev, struct row_leaf *leaf)
{
    struct slice rest = row->leaves;
    while (row_next_leaf(&rest, leaf))
        if (slice_compare(leaf->rev, rev) == 0)
            return TRUE;
    return FALSE;
}

static gint
compare_revs(gconstpointer a, gconstpointer b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static GArray *
sorted_revs(const struct row *row)
{
    GArray *revs = g_array_new(FALSE, FALSE, sizeof(struct slice));
    struct slice rest = row->leaves;
    for (struct row_leaf leaf; row_next_leaf(&rest, &leaf);)
        g_array_append_val(revs, leaf.rev);
    g_array_sort(revs, compare_revs);
    return revs;
}

gboolean
row_same_leaves(const struct row *a, const struct row *b)
{
    g_autoptr(GArray) left = sorted_revs(a);
    g_autoptr(GArray) right = sorted_revs(b);
    if (left->len != right->len)
        return FALSE;
    for (guint i = 0; i < left->len; i++)
        if (slice_compare(g_array_index(left, struct slice, i),
                          g_array_index(right, struct slice, i)) != 0)
            return FALSE;
    return TRUE;
}

/* ---- a range of a file ---- */

struct row_reader {
    int fd;
    guint64 at, to; /* what of the file is still to be read */
    char *name;
    guint8 *buffer;
    gsize room, filled, used;
};

struct row_reader *
row_reader_new(int fd, guint64 from, guint64 to, gsize buffer, const char *name)
{
    struct row_reader *reader = g_new0(struct row_reader, 1);
    reader->fd = fd;
    reader->at = from;
    reader->to = to;
    reader->room = MAX(buffer, 4096);
    reader->buffer = g_malloc(reader->room);
    reader->name = g_strdup(name);
    return reader;
}

void
row_reader_extend(struct row_reader *reader, guint64 to)
{
    reader->to = to;
}

void
row_reader_free(struct row_reader *reader)
{
    if (reader == NULL)
        return;
    g_free(reader->buffer);
    g_free(reader->name);
    g_free(reader);
}

/* Makes at least `wanted` bytes available at reader->used. */
static gboolean
fill(struct row_reader *reader, gsize wanted, GError **error)
{
    gsize have = reader->filled - reader->used;
    if (have >= wanted)
        return TRUE;
    if (wanted > ROW_MAX || wanted - have > reader->to - reader->at)
        return fail_set(error, FAIL_FAILED, "'%s' is damaged: a row goes beyond its end",
                        reader->name);
    memmove(reader->buffer, reader->buffer + reader->used, have);
    if (wanted > reader->room) {
        reader->room = wanted;
        reader->buffer = g_realloc(reader->buffer, reader->room);
    }
    gsize piece = MIN(reader->room - have, reader->to - reader->at);
    if (!file_read_at(reader->fd, reader->at, reader->buffer + have, piece, reader->name, error))
        return FALSE;
    reader->at += piece;
    reader->used = 0;
    reader->filled = have + piece;
    return TRUE;
}

gboolean
row_reader_next(struct row_reader *reader, struct row *row, GError **error)
{
    *row = (struct row){{NULL, 0}, {NULL, 0}};
    if (reader->used == reader->filled && reader->at == reader->to)
        return TRUE;
    if (!fill(reader, HEAD, error))
        return FALSE;
    gsize size = row_size(reader->buffer + reader->used);
    guint32 head[2];
    memcpy(head, reader->buffer + reader->used, HEAD);
    if (size < HEAD || head[1] > size - HEAD)
        return fail_set(error, FAIL_FAILED, "'%s' is damaged: a row's sizes contradict each other",
                        reader->name);
    if (!fill(reader, size, error))
        return FALSE;
    *row = row_decode(reader->buffer + reader->used);
    reader->used += size;
    return TRUE;
}
