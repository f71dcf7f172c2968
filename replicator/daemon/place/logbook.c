#include "replicator/daemon/place/logbook.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/json/json.h"

#include <fcntl.h>

#define NAME "last-runs.json"
#define SIZE_MAX_READ (1024 * 1024) /* bytes; some thousand stores */

struct logbook {
    int folder;
    GHashTable *entries; /* path → struct logbook_entry */
};

static void
entry_free(gpointer data)
{
    struct logbook_entry *entry = data;
    g_free(entry->snapshot);
    g_free(entry->message);
    g_free(entry->drill_message);
    g_free(entry);
}

struct logbook_entry *
logbook_entry(struct logbook *logbook, const char *store)
{
    struct logbook_entry *entry = g_hash_table_lookup(logbook->entries, store);
    if (entry == NULL) {
        entry = g_new0(struct logbook_entry, 1);
        g_hash_table_insert(logbook->entries, g_strdup(store), entry);
    }
    return entry;
}

struct logbook_entry *
logbook_offsite(struct logbook *logbook, const char *bucket, const char *store)
{
    g_autofree char *key = g_strdup_printf("offsite:%s %s", bucket, store);
    return logbook_entry(logbook, key);
}

void
logbook_remove(struct logbook *logbook, const char *store)
{
    g_hash_table_remove(logbook->entries, store);
}

void
logbook_append(const struct logbook_entry *entry, gboolean overdue, GString *out)
{
    json_text_member_time(out, "last_good", entry->good);
    json_text_member_boolean(out, "overdue", overdue);
    json_text_member_time(out, "last_run", entry->ended);
    if (entry->ended > 0)
        json_text_member_integer(out, "exit", entry->exit);
    json_text_member_string(out, "message", entry->message);
}

void
logbook_each(struct logbook *logbook,
             void (*show)(const char *store, const struct logbook_entry *entry, void *context),
             void *context)
{
    GHashTableIter iter;
    gpointer store, entry;
    g_hash_table_iter_init(&iter, logbook->entries);
    while (g_hash_table_iter_next(&iter, &store, &entry))
        show(store, entry, context);
}

/* ---- the file ---- */

static void
read_number(struct slice object, const char *name, gint64 *number)
{
    guint64 value;
    if (json_member_unsigned(object, name, &value) && value <= G_MAXINT64)
        *number = (gint64)value;
}

static void
read_entry(struct logbook *logbook, struct slice key, struct slice value)
{
    g_autoptr(GString) path = g_string_new(NULL);
    gint64 exit = 0, drill_exit = 0;
    json_unescape((struct slice){key.data - 1, key.size + 2}, path);
    struct logbook_entry *entry = logbook_entry(logbook, path->str);
    read_number(value, "since", &entry->since);
    read_number(value, "good", &entry->good);
    read_number(value, "ended", &entry->ended);
    read_number(value, "exit", &exit);
    read_number(value, "drilled", &entry->drilled);
    read_number(value, "drill_exit", &drill_exit);
    entry->exit = (int)CLAMP(exit, 0, 255);
    entry->drill_exit = (int)CLAMP(drill_exit, 0, 255);
    g_clear_pointer(&entry->snapshot, g_free);
    g_clear_pointer(&entry->message, g_free);
    g_clear_pointer(&entry->drill_message, g_free);
    json_member_text(value, "snapshot", &entry->snapshot);
    json_member_text(value, "message", &entry->message);
    json_member_text(value, "drill_message", &entry->drill_message);
}

static gboolean
read_file(struct logbook *logbook, GError **error)
{
    gsize size;
    if (file_is_absent(logbook->folder, NAME))
        return TRUE;
    g_autofree char *text = file_read(logbook->folder, NAME, SIZE_MAX_READ, &size, error);
    struct slice json = {text, text != NULL ? size : 0}, key, value;
    if (text == NULL || !json_check(json, error))
        return FALSE;
    for (gsize place = 0; json_next_member(json, &place, &key, &value);)
        if (json_type(value) == JSON_OBJECT)
            read_entry(logbook, key, value);
    return TRUE;
}

struct logbook *
logbook_open(const char *folder, GError **error)
{
    AUTO(logbook) *logbook = g_new0(struct logbook, 1);
    g_autoptr(GError) damage = NULL;
    logbook->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    logbook->folder = file_open_folder(AT_FDCWD, folder, TRUE, error);
    if (logbook->folder < 0)
        return NULL;
    if (!read_file(logbook, &damage))
        log_warning("'%s/%s' cannot be used: %s; all runs count as not yet done", folder, NAME,
                    damage->message);
    return g_steal_pointer(&logbook);
}

void
logbook_free(struct logbook *logbook)
{
    if (logbook == NULL)
        return;
    fd_auto_close(&logbook->folder);
    g_hash_table_unref(logbook->entries);
    g_free(logbook);
}

gboolean
logbook_write(struct logbook *logbook, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    GHashTableIter iter;
    gpointer path, data;
    json_text_begin_object(text);
    g_hash_table_iter_init(&iter, logbook->entries);
    while (g_hash_table_iter_next(&iter, &path, &data)) {
        const struct logbook_entry *entry = data;
        json_text_member_object(text, path);
        json_text_member_integer(text, "since", entry->since);
        json_text_member_integer(text, "good", entry->good);
        json_text_member_integer(text, "ended", entry->ended);
        json_text_member_integer(text, "exit", entry->exit);
        json_text_member_string(text, "snapshot", entry->snapshot);
        json_text_member_string(text, "message", entry->message);
        if (entry->drilled > 0) {
            json_text_member_integer(text, "drilled", entry->drilled);
            json_text_member_integer(text, "drill_exit", entry->drill_exit);
            json_text_member_string(text, "drill_message", entry->drill_message);
        }
        json_text_end_object(text);
    }
    json_text_end_object(text);
    g_string_append_c(text, '\n');
    return file_replace(logbook->folder, NAME, text->str, text->len, 0600, error);
}
