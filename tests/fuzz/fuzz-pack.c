/*
 * fuzz-pack: archives made by somebody who has our keys. The first byte says what the rest is: 0
 * the compressed stream, 1 the tar, 2 SHA256SUMS. The second is the place where reading starts (for
 * 0).
 */
#include "lib/archive/pack.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/part.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>

#define READ_MAX (4 << 20) /* bytes of an entry that are read; more is only more of the same */

/* FALSE when it is not worth or not possible to go on. */
static gboolean
read_entry(struct pack_cursor *cursor, const struct pack_entry *entry)
{
    static char bytes[60000];
    g_autoptr(GError) error = NULL;
    guint64 total = 0;
    gsize got = 1;
    g_assert(strlen(entry->name) <= PACK_NAME_MAX && entry->name[0] != '/');
    g_assert(strstr(entry->name, "/../") == NULL && entry->size <= G_MAXINT64);
    while (got > 0 && total < READ_MAX) {
        if (!pack_cursor_read(cursor, bytes, sizeof bytes, &got, &error)) {
            g_assert(error != NULL);
            return FALSE;
        }
        total += got;
    }
    g_assert(got > 0 || total == entry->size);
    return got == 0;
}

static void
read_all(const char *sums, guint64 place)
{
    g_autoptr(GError) error = NULL;
    struct keys keys = {.identities = &part_identity, .n_identities = 1};
    struct pack_entry entry;
    gboolean end = FALSE;
    AUTO(pack) *pack = pack_open(part_folder_fd, sums, &keys, &error);
    g_assert((pack == NULL) == (error != NULL));
    if (pack == NULL)
        return;
    AUTO(pack_cursor) *cursor = pack_cursor_new(pack, place, &error);
    g_assert((cursor == NULL) == (error != NULL));
    while (cursor != NULL && pack_cursor_next(cursor, &entry, &end, &error)) {
        g_assert(error == NULL);
        if (end || !read_entry(cursor, &entry))
            return;
    }
    g_assert(error != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *zeros = g_strnfill(64, '0');
    g_autofree char *sums = g_strdup_printf("%s  data.000\n", zeros);
    if (size < 2)
        return 0;
    part_set_up();
    const guint8 *rest = data + 2;
    gsize length = size - 2;
    if (data[0] % 3 == 0) {
        part_write(rest, length);
        read_all(sums, data[1]);
    } else if (data[0] % 3 == 1) {
        gsize room = ZSTD_compressBound(length);
        g_autofree guint8 *stream = g_malloc(room);
        part_write(stream, ZSTD_compress(stream, room, rest, length, 1));
        read_all(sums, 0);
    } else {
        g_autofree char *text = g_strndup((const char *)rest, length);
        part_write("", 0);
        read_all(text, 0);
    }
    return 0;
}
