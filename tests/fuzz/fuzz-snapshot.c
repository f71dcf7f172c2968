/*
 * fuzz-snapshot: what is inside an archive, made by somebody who has our keys: manifest, batches,
 * leaves.
 *
 *     entry NUL entry NUL …     each its name, a line feed, and its bytes
 *
 * The database 'm' is read twice at once and merged with itself, so that stubs find older leaves.
 */
#include "lib/archive/merge.h"
#include "lib/base/fail.h"
#include "lib/couch/row.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/part.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

#define TAR_BLOCK 512

static char sums[] = "0000000000000000000000000000000000000000000000000000000000000000  data.000\n";

static void
tar_entry(GByteArray *tar, const char *name, const guint8 *data, gsize size)
{
    char header[TAR_BLOCK] = {0};
    static const guint8 zeros[TAR_BLOCK];
    static const char magic[8] = {'u', 's', 't', 'a', 'r', '\0', '0', '0'};
    guint sum = 0;
    g_strlcpy(header, name, 100);
    memcpy(header + 100, "0000600", 8);
    snprintf(header + 124, 12, "%011o", (guint)size);
    memcpy(header + 136, "00000000000", 12);
    memset(header + 148, ' ', 8);
    header[156] = '0';
    memcpy(header + 257, magic, sizeof magic);
    for (guint i = 0; i < TAR_BLOCK; i++)
        sum += (guint8)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    g_byte_array_append(tar, (const guint8 *)header, TAR_BLOCK);
    g_byte_array_append(tar, data, (guint)size);
    g_byte_array_append(tar, zeros, (guint)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK));
}

static void
write_archive(const guint8 *data, gsize size)
{
    static const guint8 end[2 * TAR_BLOCK];
    g_autoptr(GByteArray) tar = g_byte_array_new();
    while (size > 0) {
        const guint8 *zero = memchr(data, 0, size);
        gsize length = zero != NULL ? (gsize)(zero - data) : size;
        const guint8 *line = memchr(data, '\n', length);
        if (line != NULL) {
            g_autofree char *name = g_strndup((const char *)data, (gsize)(line - data));
            tar_entry(tar, name, line + 1, length - (gsize)(line + 1 - data));
        }
        length += zero != NULL;
        data += length;
        size -= length;
    }
    g_byte_array_append(tar, end, sizeof end);
    gsize room = ZSTD_compressBound(tar->len);
    g_autofree guint8 *stream = g_malloc(room);
    part_write(stream, ZSTD_compress(stream, room, tar->data, tar->len, 1));
}

static gboolean
read_leaf(struct merge *merge, const struct leaf *leaf, GError **error)
{
    for (guint i = 0; i < leaf->n_attachments; i++) {
        char bytes[1000];
        guint64 total = 0;
        if (!leaf->attachments[i].here || i % 3 == 2)
            continue;
        if (!merge_attachment(merge, i, error))
            return FALSE;
        for (gsize got = 1; got > 0; total += got)
            if (!merge_data(merge, bytes, sizeof bytes, &got, error))
                return FALSE;
        g_assert(total == leaf->attachments[i].stored);
    }
    return TRUE;
}

static void
read_merged(struct snapshot_reader *reader)
{
    g_autoptr(GError) error = NULL;
    struct snapshot_stream *streams[2] = {snapshot_stream_new(reader, "m", 0, &error), NULL};
    g_assert((streams[0] == NULL) == (error != NULL));
    if (streams[0] == NULL)
        return;
    streams[1] = snapshot_stream_new(reader, "m", 0, &error);
    g_assert(error == NULL);
    AUTO(merge) *merge = merge_new(streams, 2);
    g_autoptr(GString) last = g_string_new(NULL);
    struct snapshot_item item;
    for (;;) {
        if (!merge_next(merge, &item, &error))
            break;
        if (item.kind == SNAPSHOT_END)
            return;
        g_assert(last->len == 0 ||
                 row_compare_ids((struct slice){last->str, last->len}, item.id) <= 0);
        g_string_truncate(last, 0);
        g_string_append_len(last, item.id.data, (gssize)item.id.size);
        if (item.kind == SNAPSHOT_LEAF && !read_leaf(merge, item.leaf, &error))
            break;
    }
    g_assert(error != NULL && error->domain == FAIL && error->code == FAIL_DAMAGED);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    const struct keys keys = {.identities = &part_identity, .n_identities = 1};
    part_set_up();
    write_archive(data, size);
    AUTO(snapshot_reader) *reader =
        snapshot_reader_open_folder(part_folder_fd, "fuzz", sums, 0, &keys, &error);
    g_assert(error == NULL);
    AUTO(manifest) *manifest = snapshot_reader_manifest(reader, NULL, NULL, &error);
    g_assert((manifest == NULL) == (error != NULL));
    read_merged(reader);
    return 0;
}
