#include "lib/archive/manifest.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/http/http.h"
#include "lib/json/json.h"

#include <unistd.h>

#define SPOOL (128 * 1024) /* bytes gathered before they go to the temporary file */
/* Bytes beside the entries: databases and what was not read. */
#define REST_CAP (64 * 1024 * 1024)

#define REASON_MAX 300 /* bytes of a reason: the server's words may be many */

char *
manifest_folder(const char *database)
{
    GString *folder = g_string_new("db/");
    gboolean dot = *database == '.';
    if (dot)
        g_string_append(folder, "%2E");
    http_escape(folder, slice_of(database + dot));
    return g_string_free(folder, FALSE);
}

/* ---- writing ---- */

struct manifest_writer {
    int spool;
    guint64 spooled;
    GString *rows;
    GString *databases;
    GString *unread;
};

struct manifest_writer *
manifest_writer_new(GError **error)
{
    int spool = file_temporary(error);
    if (spool < 0)
        return NULL;
    struct manifest_writer *writer = g_new0(struct manifest_writer, 1);
    writer->spool = spool;
    writer->rows = g_string_new(NULL);
    writer->databases = g_string_new(NULL);
    writer->unread = g_string_new(NULL);
    json_text_begin_array(writer->databases);
    json_text_begin_array(writer->unread);
    return writer;
}

void
manifest_writer_free(struct manifest_writer *writer)
{
    if (writer == NULL)
        return;
    close(writer->spool);
    g_string_free(writer->rows, TRUE);
    g_string_free(writer->databases, TRUE);
    g_string_free(writer->unread, TRUE);
    g_free(writer);
}

static gboolean
spool_rows(struct manifest_writer *writer, GError **error)
{
    if (!file_write(writer->spool, writer->rows->str, writer->rows->len, "temporary file", error))
        return FALSE;
    writer->spooled += writer->rows->len;
    g_string_truncate(writer->rows, 0);
    return TRUE;
}

gboolean
manifest_writer_add(struct manifest_writer *writer, const struct manifest_entry *entry,
                    GError **error)
{
    g_autofree char *hex = hash_hex(entry->sha256, sizeof entry->sha256);
    g_string_append(writer->rows,
                    writer->spooled + writer->rows->len > 0 ? ",\n{\"name\":" : "{\"name\":");
    json_append_string(writer->rows, slice_of(entry->name));
    g_string_append_printf(writer->rows,
                           ",\"place\":%" G_GUINT64_FORMAT ",\"size\":%" G_GUINT64_FORMAT
                           ",\"sha256\":\"%s\"}",
                           entry->place, entry->size, hex);
    return writer->rows->len < SPOOL ? TRUE : spool_rows(writer, error);
}

static void
add_reason(GString *text, const char *reason)
{
    gsize size = strcspn(reason, "\n"); /* a hint may follow */
    if (size > REASON_MAX)
        size = (gsize)(g_utf8_find_prev_char(reason, reason + REASON_MAX + 1) - reason);
    json_text_member_slice(text, "reason", (struct slice){reason, size});
}

void
manifest_writer_database(struct manifest_writer *writer, const struct manifest_database *database)
{
    GString *text = writer->databases;
    json_text_begin_object(text);
    json_text_member_string(text, "name", database->name);
    json_text_member_string(text, "status", database->status);
    if (database->at != NULL)
        json_text_member_string(text, "at", database->at);
    if (database->reason != NULL)
        add_reason(text, database->reason);
    if (database->unfinished)
        json_text_member_boolean(text, "unfinished", TRUE);
    if (database->unread > 0)
        json_text_member_unsigned(text, "unread", database->unread);
    if (database->as_of != NULL)
        json_text_member_string(text, "as_of", database->as_of);
    if (manifest_is_here(database)) {
        json_text_member_unsigned(text, "place", database->place);
        json_text_member_unsigned(text, "end", database->end);
    }
    json_text_end_object(text);
}

gsize
manifest_writer_mark(const struct manifest_writer *writer)
{
    return writer->unread->len;
}

void
manifest_writer_rewind(struct manifest_writer *writer, gsize mark)
{
    g_string_truncate(writer->unread, mark);
}

void
manifest_writer_unread(struct manifest_writer *writer, const char *database, struct slice id,
                       struct slice rev, const char *reason)
{
    GString *text = writer->unread;
    json_text_begin_object(text);
    json_text_member_string(text, "database", database);
    json_text_member_slice(text, "id", id);
    json_text_member_slice(text, "rev", rev);
    add_reason(text, reason);
    json_text_end_object(text);
}

static gboolean
copy_spool(struct manifest_writer *writer, struct pack_writer *pack, GError **error)
{
    g_autofree char *buffer = g_malloc(SPOOL);
    for (guint64 at = 0; at < writer->spooled;) {
        gsize piece = MIN(SPOOL, writer->spooled - at);
        if (!file_read_at(writer->spool, at, buffer, piece, "temporary file", error) ||
            !pack_writer_data(pack, buffer, piece, error))
            return FALSE;
        at += piece;
    }
    return TRUE;
}

gboolean
manifest_writer_finish(struct manifest_writer *writer, struct pack_writer *pack,
                       const char *snapshot_id, guint64 *place, GError **error)
{
    guint8 digest[HASH_SHA256_SIZE];
    if (!spool_rows(writer, error))
        return FALSE;
    json_text_end_array(writer->databases);
    json_text_end_array(writer->unread);
    if (writer->databases->len + writer->unread->len > REST_CAP)
        return fail_set(error, FAIL_FAILED,
                        "there are more databases than the manifest of a snapshot can list");
    g_autofree char *head =
        g_strdup_printf("{\"format\":1,\"snapshot\":\"%s\",\"entries\":[", snapshot_id);
    g_autofree char *tail = g_strdup_printf("],\n\"databases\":%s,\n\"unread\":%s}\n",
                                            writer->databases->str, writer->unread->str);
    guint64 size = strlen(head) + writer->spooled + strlen(tail);
    return pack_writer_entry(pack, "manifest.json", size, TRUE, 0, place, error) &&
           pack_writer_data(pack, head, strlen(head), error) && copy_spool(writer, pack, error) &&
           pack_writer_data(pack, tail, strlen(tail), error) &&
           pack_writer_entry_end(pack, digest, error);
}

/* ---- reading ---- */

static void
database_free(gpointer data)
{
    struct manifest_database *database = data;
    g_free(database->name);
    g_free(database->status);
    g_free(database->at);
    g_free(database->reason);
    g_free(database->as_of);
    g_free(database);
}

static void
unread_free(gpointer data)
{
    struct manifest_unread *unread = data;
    g_free(unread->database);
    g_free(unread->id);
    g_free(unread->rev);
    g_free(unread->reason);
    g_free(unread);
}

void
manifest_free(struct manifest *manifest)
{
    if (manifest == NULL)
        return;
    g_ptr_array_unref(manifest->databases);
    g_ptr_array_unref(manifest->unread);
    g_free(manifest);
}

const struct manifest_database *
manifest_find(const struct manifest *manifest, const char *name)
{
    for (guint i = 0; i < manifest->databases->len; i++) {
        const struct manifest_database *database = manifest->databases->pdata[i];
        if (g_str_equal(database->name, name))
            return database;
    }
    return NULL;
}

/* No database lies at 0, where header.json is. */
gboolean
manifest_is_here(const struct manifest_database *database)
{
    return g_str_equal(database->status, "read") || database->place > 0;
}

gboolean
manifest_is_held(const struct manifest_database *database)
{
    return database->at != NULL || manifest_is_here(database);
}

static gboolean
malformed(GError **error, const char *what)
{
    return fail_set(error, FAIL_DAMAGED, "manifest.json is malformed: %s", what);
}

static gboolean
take_entry(struct slice text, manifest_look look, void *context, GError **error)
{
    struct manifest_entry entry;
    g_autofree char *name = NULL;
    g_autofree char *sha256 = NULL;
    if (!json_member_text(text, "name", &name) ||
        !json_member_unsigned(text, "place", &entry.place) ||
        !json_member_unsigned(text, "size", &entry.size) ||
        !json_member_text(text, "sha256", &sha256) ||
        !hash_from_hex(sha256, strlen(sha256), entry.sha256, sizeof entry.sha256))
        return malformed(error, "an entry lacks its name, place, size or hash");
    entry.name = name;
    return look == NULL || look(context, &entry, error);
}

static gboolean
take_databases(struct manifest *manifest, struct slice list, GError **error)
{
    struct slice one;
    for (gsize place = 0; json_next_element(list, &place, &one);) {
        struct manifest_database *database = g_new0(struct manifest_database, 1);
        g_ptr_array_add(manifest->databases, database);
        json_member_text(one, "at", &database->at);
        json_member_text(one, "reason", &database->reason);
        json_member_text(one, "as_of", &database->as_of);
        json_member_unsigned(one, "unread", &database->unread);
        database->unfinished = json_member_true(one, "unfinished");
        gboolean has_place = json_member_unsigned(one, "place", &database->place) &&
                             json_member_unsigned(one, "end", &database->end);
        if (!json_member_text(one, "name", &database->name) ||
            !json_member_text(one, "status", &database->status) ||
            (g_str_equal(database->status, "read") && !has_place))
            return malformed(error, "a database lacks its name, status or place");
    }
    return TRUE;
}

static gboolean
take_unread(struct manifest *manifest, struct slice list, GError **error)
{
    struct slice one;
    for (gsize place = 0; json_next_element(list, &place, &one);) {
        struct manifest_unread *unread = g_new0(struct manifest_unread, 1);
        g_ptr_array_add(manifest->unread, unread);
        if (!json_member_text(one, "rev", &unread->rev))
            unread->rev = g_strdup("");
        if (!json_member_text(one, "reason", &unread->reason))
            unread->reason = g_strdup("no reason given");
        if (!json_member_text(one, "database", &unread->database) ||
            !json_member_text(one, "id", &unread->id))
            return malformed(error, "something unread lacks its database or id");
    }
    return TRUE;
}

static gboolean
read_stream(struct pack_cursor *cursor, struct json_split *split, manifest_look look, void *context,
            GError **error)
{
    g_autofree char *buffer = g_malloc(SPOOL);
    for (;;) {
        gsize got;
        struct slice element;
        if (!pack_cursor_read(cursor, buffer, SPOOL, &got, error))
            return FALSE;
        if (got == 0)
            return malformed(error, "it is cut short");
        struct slice input = {buffer, got};
        enum json_event event;
        while ((event = json_split_feed(split, &input, &element, error)) == JSON_ELEMENT)
            if (!take_entry(element, look, context, error))
                return FALSE;
        if (event == JSON_FAILED) {
            g_prefix_error(error, "manifest.json: ");
            return FALSE;
        }
        if (event == JSON_END)
            return TRUE;
    }
}

struct manifest *
manifest_read(struct pack *pack, guint64 place, manifest_look look, void *context, GError **error)
{
    struct pack_entry entry;
    gboolean end;
    AUTO(pack_cursor) *cursor = pack_cursor_new(pack, place, error);
    if (cursor == NULL || !pack_cursor_next(cursor, &entry, &end, error))
        return NULL;
    if (end || !g_str_equal(entry.name, "manifest.json")) {
        malformed(error, "it is not where snapshot.json says");
        return NULL;
    }
    AUTO(json_split) *split = json_split_new("entries", NULL, REST_CAP);
    if (!read_stream(cursor, split, look, context, error))
        return NULL;
    AUTO(manifest) *manifest = g_new0(struct manifest, 1);
    manifest->databases = g_ptr_array_new_with_free_func(database_free);
    manifest->unread = g_ptr_array_new_with_free_func(unread_free);
    struct slice rest = json_split_rest(split), list;
    if (!json_member(rest, "databases", &list)) {
        malformed(error, "it lists no databases");
        return NULL;
    }
    if (!take_databases(manifest, list, error))
        return NULL;
    if (json_member(rest, "unread", &list) && !take_unread(manifest, list, error))
        return NULL;
    return g_steal_pointer(&manifest);
}
