/* snapshot_reader: see the header. */
#include "lib/archive/snapshot_reader.h"

#include "lib/base/fail.h"
#include "lib/json/json.h"

#define PIECE (128 * 1024) /* bytes of an entry read at once */

struct snapshot_reader {
    char *name; /* of the folder */
    guint64 manifest;
    struct pack *pack;
};

struct snapshot_reader *
snapshot_reader_open_folder(int folder_fd, const char *name, const char *sums, guint64 manifest,
                            const struct keys *keys, GError **error)
{
    AUTO(snapshot_reader) *reader = g_new0(struct snapshot_reader, 1);
    reader->name = g_strdup(name);
    reader->manifest = manifest;
    reader->pack = pack_open(folder_fd, sums, keys, error);
    if (reader->pack == NULL) {
        g_prefix_error(error, "snapshot %s: ", name);
        return NULL;
    }
    return g_steal_pointer(&reader);
}

struct snapshot_reader *
snapshot_reader_open(const struct store *store, const struct snapshot *snapshot,
                     const struct keys *keys, GError **error)
{
    AUTO_FD int fd = store_open_snapshot(store, snapshot, error);
    g_autofree char *sums = fd >= 0 ? store_read_sums(fd, snapshot, error) : NULL;
    return sums == NULL ? NULL
                        : snapshot_reader_open_folder(fd, snapshot->folder, sums,
                                                      snapshot->catalogue->manifest, keys, error);
}

void
snapshot_reader_free(struct snapshot_reader *reader)
{
    if (reader == NULL)
        return;
    pack_free(reader->pack);
    g_free(reader->name);
    g_free(reader);
}

struct manifest *
snapshot_reader_manifest(struct snapshot_reader *reader, manifest_look look, void *context,
                         GError **error)
{
    struct manifest *manifest = manifest_read(reader->pack, reader->manifest, look, context, error);
    if (manifest == NULL)
        g_prefix_error(error, "snapshot %s: ", reader->name);
    return manifest;
}

gboolean
snapshot_reader_blame(const struct snapshot_reader *reader, const char *entry, GError **error)
{
    if (error != NULL && *error != NULL)
        (*error)->code = FAIL_DAMAGED;
    g_prefix_error(error, "snapshot %s: entry '%.200s': ", reader->name, entry);
    return FALSE;
}

/* ---- entries ---- */

struct snapshot_entries {
    struct snapshot_reader *reader;
    struct pack_cursor *cursor;
    struct pack_entry entry;
    gboolean end;
};

struct snapshot_entries *
snapshot_entries_new(struct snapshot_reader *reader, guint64 place, GError **error)
{
    AUTO(snapshot_entries) *entries = g_new0(struct snapshot_entries, 1);
    entries->reader = reader;
    entries->cursor = pack_cursor_new(reader->pack, place, error);
    if (entries->cursor == NULL) {
        g_prefix_error(error, "snapshot %s: ", reader->name);
        return NULL;
    }
    return snapshot_entries_next(entries, error) ? g_steal_pointer(&entries) : NULL;
}

void
snapshot_entries_free(struct snapshot_entries *entries)
{
    if (entries == NULL)
        return;
    pack_cursor_free(entries->cursor);
    g_free(entries);
}

const struct pack_entry *
snapshot_entries_now(const struct snapshot_entries *entries)
{
    return entries->end ? NULL : &entries->entry;
}

gboolean
snapshot_entries_next(struct snapshot_entries *entries, GError **error)
{
    g_assert(!entries->end);
    if (pack_cursor_next(entries->cursor, &entries->entry, &entries->end, error))
        return TRUE;
    g_prefix_error(error, "snapshot %s: ", entries->reader->name);
    return FALSE;
}

gboolean
snapshot_entries_is(const struct snapshot_entries *entries, const char *name)
{
    return !entries->end && g_str_equal(entries->entry.name, name);
}

gboolean
snapshot_entries_expect(const struct snapshot_entries *entries, const char *name, GError **error)
{
    if (snapshot_entries_is(entries, name))
        return TRUE;
    return fail_set(error, FAIL_DAMAGED, "snapshot %s: entry '%.200s' where '%.200s' should be",
                    entries->reader->name, entries->end ? "(end)" : entries->entry.name, name);
}

gboolean
snapshot_entries_blame(const struct snapshot_entries *entries, GError **error)
{
    return snapshot_reader_blame(entries->reader, entries->end ? "(end)" : entries->entry.name,
                                 error);
}

gboolean
snapshot_entries_read(struct snapshot_entries *entries, void *data, gsize size, gsize *got,
                      GError **error)
{
    g_assert(!entries->end);
    if (pack_cursor_read(entries->cursor, data, size, got, error))
        return TRUE;
    g_prefix_error(error, "snapshot %s: entry '%.200s': ", entries->reader->name,
                   entries->entry.name);
    return FALSE;
}

/* The buffer grows with what is really there, never with what the header says alone. */
gboolean
snapshot_entries_text(struct snapshot_entries *entries, GString *text, GError **error)
{
    g_string_truncate(text, 0);
    if (entries->entry.size > SNAPSHOT_TEXT_MAX) {
        fail_set(error, FAIL_DAMAGED,
                 "%" G_GUINT64_FORMAT " bytes are more than the %d that are read at once",
                 entries->entry.size, SNAPSHOT_TEXT_MAX);
        return snapshot_entries_blame(entries, error);
    }
    for (gsize left = (gsize)entries->entry.size; left > 0;) {
        gsize at = text->len, got = 0, piece = MIN(left, PIECE);
        g_string_set_size(text, at + piece);
        if (!snapshot_entries_read(entries, text->str + at, piece, &got, error))
            return FALSE;
        g_string_truncate(text, at + got);
        left -= got;
        if (got == 0) {
            fail_set(error, FAIL_DAMAGED, "cut short at byte %" G_GSIZE_FORMAT, at);
            return snapshot_entries_blame(entries, error);
        }
    }
    return TRUE;
}

gboolean
snapshot_entries_json(struct snapshot_entries *entries, GString *text, GError **error)
{
    return snapshot_entries_text(entries, text, error) &&
           (json_check((struct slice){text->str, text->len}, error) ||
            snapshot_entries_blame(entries, error));
}
