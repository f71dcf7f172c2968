#include "replicator/switch/merged.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/couch/server.h"
#include "lib/json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define NOTES "merged.partial"
#define NOTES_MAX (256 * 1024 * 1024) /* bytes of notes that are read again */

struct merged {
    char *state;
    int folder, notes;
    GHashTable *seen; /* lines that were written to the report, … */
    GHashTable *ids;  /* … and "database id" of their documents → whether there is a conflict */
    guint64 documents, conflicts;
    GString *named; /* conflicts, elements of an array */
    guint n_named;
};

struct merged *
merged_open(const char *state, GError **error)
{
    AUTO(merged) *merged = g_new0(struct merged, 1);
    merged->state = g_strdup(state);
    merged->notes = -1;
    merged->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    merged->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    merged->named = g_string_new(NULL);
    merged->folder = file_open_folder(AT_FDCWD, state, TRUE, error);
    if (merged->folder < 0)
        return NULL;
    merged->notes = openat(merged->folder, NOTES, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (merged->notes >= 0)
        return g_steal_pointer(&merged);
    fail_errno(error, errno, "cannot write '%s/%s'", state, NOTES);
    return NULL;
}

void
merged_free(struct merged *merged)
{
    if (merged == NULL)
        return;
    fd_auto_close(&merged->notes);
    fd_auto_close(&merged->folder);
    g_hash_table_unref(merged->seen);
    g_hash_table_unref(merged->ids);
    g_string_free(merged->named, TRUE);
    g_free(merged->state);
    g_free(merged);
}

gboolean
merged_note(struct merged *merged, const char *database, struct slice id, struct slice rev,
            GError **error)
{
    g_autoptr(GString) line = g_string_new(NULL);
    json_text_begin_object(line);
    json_text_member_string(line, "database", database);
    json_text_member_slice(line, "id", id);
    json_text_member_slice(line, "rev", rev);
    json_text_end_object(line);
    g_string_append_c(line, '\n');
    return file_write(merged->notes, line->str, line->len, NOTES, error);
}

/* ---- the report ---- */

struct note {
    char *database, *id, *rev;
};

static void
note_clear(struct note *note)
{
    g_free(note->database);
    g_free(note->id);
    g_free(note->rev);
}

/* Whether the revision is one of several that are not deleted, *came: or is there at all. */
static gboolean
look_at(struct http *http, const struct note *note, gboolean *came, gboolean *conflict,
        GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *path =
        server_document_path(note->database, slice_of(note->id), "?conflicts=true");
    struct slice conflicts, one;
    *came = *conflict = FALSE;
    g_autoptr(GString) text = http_fetch(http, "GET", path, (struct slice){NULL, 0}, &failure);
    if (text == NULL && !http_has_status(failure, 404)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    *came = TRUE;
    if (text == NULL) /* deleted there, and so here */
        return TRUE;
    struct slice json = {text->str, text->len};
    g_autofree char *rev = NULL;
    if (!json_member_text(json, "_rev", &rev) || !json_member(json, "_conflicts", &conflicts) ||
        json_type(conflicts) != JSON_ARRAY)
        return TRUE;
    *conflict = g_str_equal(rev, note->rev);
    for (gsize place = 0; json_next_element(conflicts, &place, &one);)
        *conflict |= json_type(one) == JSON_STRING && one.size == strlen(note->rev) + 2 &&
                     memcmp(one.data + 1, note->rev, one.size - 2) == 0;
    return TRUE;
}

static void
name_conflict(struct merged *merged, const struct note *note)
{
    merged->conflicts++;
    if (merged->n_named >= MERGED_NAMED || merged->named->len > MERGED_BYTES)
        return;
    merged->n_named++;
    json_text_begin_object(merged->named);
    json_text_member_string(merged->named, "db", note->database);
    json_text_member_string(merged->named, "id", note->id);
    json_text_end_object(merged->named);
}

/* A document of which several revisions came is one. */
static void
count(struct merged *merged, const struct note *note, gboolean conflict)
{
    g_autofree char *key = g_strconcat(note->database, " ", note->id, NULL);
    gpointer told = NULL;
    if (!g_hash_table_lookup_extended(merged->ids, key, NULL, &told))
        merged->documents++;
    if (conflict && !GPOINTER_TO_INT(told))
        name_conflict(merged, note);
    g_hash_table_insert(merged->ids, g_steal_pointer(&key),
                        GINT_TO_POINTER(conflict || GPOINTER_TO_INT(told)));
}

static gboolean
report_one(struct merged *merged, struct http *http, struct slice line, FILE *file, GError **error)
{
    struct note note = {NULL, NULL, NULL};
    gboolean came, conflict, done = TRUE;
    if (json_check(line, NULL) && json_member_text(line, "database", &note.database) &&
        json_member_text(line, "id", &note.id) && json_member_text(line, "rev", &note.rev) &&
        g_hash_table_add(merged->seen, slice_dup(line))) {
        done = look_at(http, &note, &came, &conflict, error);
        if (done) {
            g_autoptr(GString) out = g_string_new(NULL);
            json_text_begin_object(out);
            json_text_member_string(out, "database", note.database);
            json_text_member_string(out, "id", note.id);
            json_text_member_string(out, "rev", note.rev);
            json_text_member_boolean(out, "conflict", conflict);
            json_text_end_object(out);
            fprintf(file, "%s\n", out->str);
            count(merged, &note, conflict);
        }
    }
    note_clear(&note);
    return done;
}

static gboolean
report_all(struct merged *merged, struct http *http, struct slice notes, FILE *file, GError **error)
{
    while (notes.size > 0) {
        const char *end = memchr(notes.data, '\n', notes.size);
        gsize size = end != NULL ? (gsize)(end - notes.data) : notes.size;
        if (size > 0 && !report_one(merged, http, (struct slice){notes.data, size}, file, error))
            return FALSE;
        size += end != NULL;
        notes = (struct slice){notes.data + size, notes.size - size};
    }
    return TRUE;
}

/* ---- the files ---- */

static gboolean
write_summary(const struct merged *merged, const char *report, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_time(text, "when", g_get_real_time() / G_USEC_PER_SEC);
    json_text_member_unsigned(text, "documents", merged->documents);
    json_text_member_unsigned(text, "conflicts", merged->conflicts);
    json_text_member_string(text, "report", report);
    json_text_end_object(text);
    g_string_append_c(text, '\n');
    return file_replace(merged->folder, MERGED_SUMMARY, text->str, text->len, 0600, error);
}

static gboolean
write_report(struct merged *merged, struct http *http, struct slice notes, const char *name,
             GError **error)
{
    g_autofree char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL)
        return fail_errno(error, errno, "no memory for the report");
    gboolean done = report_all(merged, http, notes, file, error);
    fclose(file);
    return done && file_replace(merged->folder, name, text, size, 0600, error);
}

static void
append_answer(const struct merged *merged, const char *report, GString *answer)
{
    json_text_member_unsigned(answer, "documents", merged->documents);
    json_text_member_unsigned(answer, "n_conflicts", merged->conflicts);
    json_text_member_array(answer, "conflicts");
    if (merged->named->len > 0)
        json_text_raw(answer, (struct slice){merged->named->str, merged->named->len});
    json_text_end_array(answer);
    json_text_member_string(answer, "report", report);
}

/* Caller frees. */
static char *
free_name(int folder)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *stem = g_date_time_format(now, "merged-%Y%m%d-%H%M%S");
    char *name = g_strconcat(stem, ".jsonl", NULL);
    for (guint i = 2; !file_is_absent(folder, name) && i < 1000; i++) {
        g_free(name);
        name = g_strdup_printf("%s-%u.jsonl", stem, i);
    }
    return name;
}

gboolean
merged_finish(struct merged *merged, struct http *http, GString *answer, GError **error)
{
    gsize size = 0;
    g_autofree char *name = free_name(merged->folder);
    g_autofree char *path = g_build_filename(merged->state, name, NULL);
    g_autofree char *notes = file_read(merged->folder, NOTES, NOTES_MAX, &size, error);
    if (notes == NULL)
        return FALSE;
    if (size > 0 && (!write_report(merged, http, (struct slice){notes, size}, name, error) ||
                     !write_summary(merged, path, error)))
        return FALSE;
    if (unlinkat(merged->folder, NOTES, 0) != 0)
        return fail_errno(error, errno, "cannot remove '%s/%s'", merged->state, NOTES);
    append_answer(merged, size > 0 ? path : NULL, answer);
    return TRUE;
}
