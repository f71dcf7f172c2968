#include "replicator/standby/memory.h"

#include "lib/base/chance.h"
#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/json/json.h"

#include <fcntl.h>

#define NAME "standby.json"
#define SIZE_MAX_READ (64 * 1024 * 1024) /* bytes; a million databases that are gone */
#define ID_SIZE 16                       /* bytes */

void
memory_free(struct memory *memory)
{
    if (memory == NULL)
        return;
    fd_auto_close(&memory->folder);
    g_free(memory->id);
    g_free(memory->source_uuid);
    g_free(memory->backwards);
    g_hash_table_unref(memory->gone);
    g_free(memory);
}

static gboolean
read_gone(struct memory *memory, struct slice gone)
{
    struct slice key, value;
    for (gsize place = 0; json_next_member(gone, &place, &key, &value);) {
        g_autoptr(GString) name = g_string_new(NULL);
        guint64 since;
        if (!json_unsigned(value, &since) || since > G_MAXINT64)
            return FALSE;
        json_unescape((struct slice){key.data - 1, key.size + 2}, name);
        gint64 *seconds = g_new(gint64, 1);
        *seconds = (gint64)since;
        g_hash_table_insert(memory->gone, g_string_free(g_steal_pointer(&name), FALSE), seconds);
    }
    return TRUE;
}

static gboolean
read_file(struct memory *memory, GError **error)
{
    gsize size;
    struct slice gone, looked;
    guint64 seconds;
    g_autofree char *text = file_read(memory->folder, NAME, SIZE_MAX_READ, &size, error);
    struct slice json = {text, text != NULL ? size : 0};
    if (text == NULL || !json_check(json, error))
        return FALSE;
    json_member_text(json, "source", &memory->source_uuid);
    json_member_text(json, "backwards", &memory->backwards);
    if (json_member(json, "looked", &looked) && json_unsigned(looked, &seconds) &&
        seconds <= G_MAXINT64)
        memory->looked = (gint64)seconds;
    if (!json_member_text(json, "id", &memory->id) || !json_member(json, "gone", &gone) ||
        json_type(gone) != JSON_OBJECT || !read_gone(memory, gone))
        return fail_set(error, FAIL_DAMAGED, "it is not complete");
    return TRUE;
}

static struct memory *
load(const char *state, gboolean *is_new, GError **error)
{
    AUTO(memory) *memory = g_new0(struct memory, 1);
    memory->gone = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    memory->folder = file_open_folder(AT_FDCWD, state, TRUE, error);
    if (memory->folder < 0)
        return NULL;
    *is_new = file_is_absent(memory->folder, NAME);
    if (*is_new) {
        memory->id = chance_hex(ID_SIZE);
    } else if (!read_file(memory, error)) {
        g_prefix_error(error, "what the standby remembers, '%s/%s', cannot be used: ", state, NAME);
        fail_add_hint(error, "remove it: then everything is compared once more");
        return NULL;
    }
    return g_steal_pointer(&memory);
}

struct memory *
memory_open(const char *state, GError **error)
{
    gboolean is_new;
    AUTO(memory) *memory = load(state, &is_new, error);
    return memory != NULL && (!is_new || memory_write(memory, error)) ? g_steal_pointer(&memory)
                                                                      : NULL;
}

struct memory *
memory_peek(const char *state, GError **error)
{
    gboolean is_new;
    return load(state, &is_new, error);
}

gboolean
memory_write(const struct memory *memory, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    GHashTableIter iter;
    gpointer name, since;
    json_text_begin_object(text);
    json_text_member_string(text, "id", memory->id);
    json_text_member_string(text, "source", memory->source_uuid);
    json_text_member_string(text, "backwards", memory->backwards);
    json_text_member_integer(text, "looked", memory->looked);
    json_text_member_object(text, "gone");
    g_hash_table_iter_init(&iter, memory->gone);
    while (g_hash_table_iter_next(&iter, &name, &since))
        json_text_member_integer(text, name, *(gint64 *)since);
    json_text_end_object(text);
    json_text_end_object(text);
    g_string_append_c(text, '\n');
    return file_replace(memory->folder, NAME, text->str, text->len, 0600, error);
}
