#include "replicator/standby/checkpoint.h"

#include "lib/base/jsontext.h"
#include "lib/couch/write/local.h"
#include "lib/json/json.h"

#define HISTORY_MAX 5 /* entries that are kept */

static struct slice
text_of(const GString *string)
{
    return (struct slice){string->str, string->len};
}

void
lacking_free(gpointer data)
{
    struct lacking *lacking = data;
    g_free(lacking->id);
    g_free(lacking->rev);
    g_free(lacking->reason);
    g_free(lacking);
}

void
mark_free(gpointer data)
{
    struct mark *mark = data;
    g_free(mark->sequence);
    g_free(mark);
}

void
checkpoint_init(struct checkpoint *checkpoint)
{
    *checkpoint = (struct checkpoint){0};
    checkpoint->lacking = g_ptr_array_new_with_free_func(lacking_free);
    checkpoint->marks = g_ptr_array_new_with_free_func(mark_free);
}

static void
forget(struct checkpoint *checkpoint)
{
    g_clear_pointer(&checkpoint->since, g_free);
    g_clear_pointer(&checkpoint->source, g_free);
    g_clear_pointer(&checkpoint->tokens, g_free);
    g_clear_pointer(&checkpoint->here, g_free);
    g_clear_pointer(&checkpoint->purge_seq, g_free);
    g_clear_pointer(&checkpoint->created, g_free);
    g_clear_pointer(&checkpoint->seen, g_free);
    g_ptr_array_set_size(checkpoint->lacking, 0);
    g_ptr_array_set_size(checkpoint->marks, 0);
    checkpoint->unnamed = checkpoint->former = 0;
}

void
checkpoint_clear(struct checkpoint *checkpoint)
{
    forget(checkpoint);
    g_ptr_array_unref(checkpoint->lacking);
    g_ptr_array_unref(checkpoint->marks);
}

static void
append_mark(GPtrArray *marks, char *sequence, gint64 at)
{
    struct mark *mark = g_new(struct mark, 1);
    *mark = (struct mark){sequence, at};
    g_ptr_array_add(marks, mark);
}

/* One goes where the two beside it are less than four times apart in age: so each is about twice as
 * old as the next newer one, and never more than four times. A clock that was set makes them
 * useless, and no worse. */
static void
thin_marks(GPtrArray *marks, gint64 now)
{
    for (guint i = 1; i + 1 < marks->len;) {
        const struct mark *before = marks->pdata[i - 1], *after = marks->pdata[i + 1];
        if (now - after->at < 4 * (now - before->at))
            g_ptr_array_remove_index(marks, i);
        else
            i++;
    }
    if (marks->len > CHECKPOINT_MARKS_MAX)
        g_ptr_array_set_size(marks, CHECKPOINT_MARKS_MAX);
}

void
checkpoint_add_mark(struct checkpoint *checkpoint, const char *sequence, gint64 now)
{
    const struct mark *newest = checkpoint->marks->len > 0 ? checkpoint->marks->pdata[0] : NULL;
    if (sequence == NULL || (newest != NULL && g_str_equal(newest->sequence, sequence)))
        return;
    struct mark *mark = g_new(struct mark, 1);
    *mark = (struct mark){g_strdup(sequence), now};
    g_ptr_array_insert(checkpoint->marks, 0, mark);
    thin_marks(checkpoint->marks, now);
}

void
checkpoint_add_lacking(struct checkpoint *checkpoint, struct slice id, struct slice rev,
                       const char *reason)
{
    for (guint i = 0; i < checkpoint->lacking->len; i++) {
        struct lacking *there = checkpoint->lacking->pdata[i];
        if (!slice_is(id, there->id) || !slice_is(rev, there->rev))
            continue;
        g_free(there->reason);
        there->reason = g_strdup(reason);
        return;
    }
    if (checkpoint->lacking->len == CHECKPOINT_LACKING_MAX) {
        checkpoint->unnamed++;
        return;
    }
    struct lacking *lacking = g_new(struct lacking, 1);
    *lacking = (struct lacking){slice_dup(id), slice_dup(rev), g_strdup(reason)};
    g_ptr_array_add(checkpoint->lacking, lacking);
}

char *
checkpoint_tell_former(const struct checkpoint *checkpoint, const char *database)
{
    if (checkpoint->former == 0)
        return NULL;
    return g_strdup_printf(
        "database '%s' was dropped and made anew on the active node, and on this "
        "one the former one's is still mixed with it, in %" G_GUINT64_FORMAT
        " documents: delete the database on this node, and it is copied anew",
        database, checkpoint->former);
}

/* ---- reading ---- */

static char *
local_id(const char *id)
{
    return g_strconcat("_local/lifeboat-standby-", id, NULL);
}

static char *
raw_member(struct slice json, const char *name)
{
    struct slice value;
    return json_member(json, name, &value) && json_type(value) != JSON_NULL ? slice_dup(value)
                                                                            : NULL;
}

static void
read_lacking(struct checkpoint *checkpoint, struct slice json)
{
    struct slice list, one;
    if (!json_member(json, "lacking", &list) || json_type(list) != JSON_ARRAY)
        return;
    for (gsize place = 0; json_next_element(list, &place, &one);) {
        g_autofree char *id = NULL;
        g_autofree char *rev = NULL;
        g_autofree char *reason = NULL;
        if (json_member_text(one, "id", &id) && json_member_text(one, "rev", &rev) &&
            json_member_text(one, "reason", &reason))
            checkpoint_add_lacking(checkpoint, slice_of(id), slice_of(rev), reason);
    }
}

static void
read_marks(struct checkpoint *checkpoint, struct slice json)
{
    struct slice list, one, sequence;
    guint64 at;
    if (!json_member(json, "marks", &list) || json_type(list) != JSON_ARRAY)
        return;
    for (gsize place = 0; json_next_element(list, &place, &one);)
        if (json_member(one, "seq", &sequence) && json_member_unsigned(one, "at", &at) &&
            at < G_MAXINT64 / 4 && checkpoint->marks->len < CHECKPOINT_MARKS_MAX)
            append_mark(checkpoint->marks, slice_dup(sequence), (gint64)at);
}

static char *
path_of(const char *database, const char *id)
{
    g_autofree char *local = local_id(id);
    return local_path(database, slice_of(local));
}

gboolean
checkpoint_ahead(struct http *target, const char *database, const char *id)
{
    g_autofree char *path = path_of(database, id);
    return http_ahead(target, path);
}

gboolean
checkpoint_read(struct checkpoint *checkpoint, struct http *target, const char *database,
                const char *id, GError **error)
{
    g_autofree char *path = path_of(database, id);
    GError *failure = NULL;
    g_autoptr(GString) text = local_fetch(target, path, &failure);
    forget(checkpoint);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    if (text == NULL)
        return TRUE;
    struct slice json = text_of(text);
    checkpoint->since = raw_member(json, "source_last_seq");
    checkpoint->tokens = raw_member(json, "tokens");
    checkpoint->here = raw_member(json, "here");
    checkpoint->purge_seq = raw_member(json, "purge_seq");
    checkpoint->seen = raw_member(json, "seen");
    json_member_text(json, "source", &checkpoint->source);
    json_member_text(json, "created", &checkpoint->created);
    json_member_unsigned(json, "former", &checkpoint->former);
    read_lacking(checkpoint, json);
    read_marks(checkpoint, json);
    return TRUE;
}

/* ---- writing ---- */

static void
append_lacking(GString *text, const GPtrArray *all)
{
    json_text_member_array(text, "lacking");
    for (guint i = 0; i < all->len; i++) {
        const struct lacking *lacking = all->pdata[i];
        json_text_begin_object(text);
        json_text_member_string(text, "id", lacking->id);
        json_text_member_string(text, "rev", lacking->rev);
        json_text_member_string(text, "reason", lacking->reason);
        json_text_end_object(text);
    }
    json_text_end_array(text);
}

static void
append_marks(GString *text, const GPtrArray *marks)
{
    json_text_member_array(text, "marks");
    for (guint i = 0; i < marks->len; i++) {
        const struct mark *mark = marks->pdata[i];
        json_text_begin_object(text);
        json_text_member_raw(text, "seq", slice_of(mark->sequence));
        json_text_member_integer(text, "at", mark->at);
        json_text_end_object(text);
    }
    json_text_end_array(text);
}

static void
append_raw(GString *text, const char *name, const char *raw)
{
    if (raw != NULL)
        json_text_member_raw(text, name, slice_of(raw));
}

/* The newest entry is this one; older ones are those that stood there. */
static void
append_history(GString *text, const struct checkpoint *checkpoint, const char *session,
               const GString *present)
{
    struct slice history, entry, since;
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%a, %d %b %Y %H:%M:%S GMT");
    gboolean old = present != NULL && json_member(text_of(present), "history", &history) &&
                   json_type(history) == JSON_ARRAY;
    json_text_member_array(text, "history");
    json_text_begin_object(text);
    json_text_member_string(text, "session_id", session);
    json_text_member_raw(text, "start_last_seq",
                         present != NULL && json_member(text_of(present), "source_last_seq", &since)
                             ? since
                             : slice_of("0"));
    json_text_member_raw(text, "end_last_seq", slice_of(checkpoint->since));
    json_text_member_raw(text, "recorded_seq", slice_of(checkpoint->since));
    json_text_member_string(text, "end_time", time);
    json_text_end_object(text);
    gsize place = 0;
    for (guint i = 1; old && i < HISTORY_MAX && json_next_element(history, &place, &entry); i++)
        json_text_raw(text, entry);
    json_text_end_array(text);
}

static gboolean
write_one(const struct checkpoint *checkpoint, struct http *http, const char *database,
          const char *id, const char *session, gboolean whole, GError **error)
{
    g_autofree char *local = local_id(id);
    g_autofree char *path = local_path(database, slice_of(local));
    g_autoptr(GString) text = g_string_new(NULL);
    GError *failure = NULL;
    g_autoptr(GString) present = local_fetch(http, path, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    json_text_begin_object(text);
    json_text_member_string(text, "_id", local);
    json_text_member_string(text, "session_id", session);
    json_text_member_raw(text, "source_last_seq", slice_of(checkpoint->since));
    json_text_member_integer(text, "replication_id_version", 4);
    append_history(text, checkpoint, session, present);
    if (whole) {
        json_text_member_string(text, "source", checkpoint->source);
        append_raw(text, "tokens", checkpoint->tokens);
        append_raw(text, "here", checkpoint->here);
        append_raw(text, "purge_seq", checkpoint->purge_seq);
        append_raw(text, "seen", checkpoint->seen);
        json_text_member_string(text, "created", checkpoint->created);
        json_text_member_unsigned(text, "former", checkpoint->former);
        append_lacking(text, checkpoint->lacking);
        append_marks(text, checkpoint->marks);
    }
    json_text_end_object(text);
    return local_put(http, path, text_of(text), present, error);
}

gboolean
checkpoint_write(const struct checkpoint *checkpoint, struct http *target, struct http *source,
                 const char *database, const char *id, GError **error)
{
    g_autofree char *session = g_uuid_string_random();
    g_autoptr(GError) failure = NULL;
    if (!write_one(checkpoint, target, database, id, session, TRUE, error))
        return FALSE;
    if (write_one(checkpoint, source, database, id, session, FALSE, &failure) ||
        http_is_refused(failure))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}
