/* report: how the standby stands, for the daemon that started it. See standby.h. */
#include "lib/base/jsontext.h"
#include "replicator/standby/lag.h"

#include <stdio.h>

#define EVERY (1 * G_TIME_SPAN_SECOND)
#define NAMED_MAX 100           /* databases, and revisions, that are named, … */
#define NAMED_BYTES (24 * 1024) /* … each kind in so many bytes, about (JOB_LINE_MAX) */

static gint64
seconds_behind(const struct followed *database, gint64 now)
{
    return database->behind == 0 ? 0 : (now - database->behind) / G_TIME_SPAN_SECOND;
}

static void
append_database(GString *text, const struct followed *database, gint64 now)
{
    json_text_begin_object(text);
    json_text_member_string(text, "database", database->name);
    json_text_member_unsigned(text, "changes", lag_changes(database));
    json_text_member_boolean(text, "counted", lag_is_counted(database));
    json_text_member_integer(text, "seconds", seconds_behind(database, now));
    if (database->problem != NULL)
        json_text_member_string(text, "problem", database->problem);
    json_text_end_object(text);
}

static void
append_lacking(GString *text, const struct standby *standby)
{
    guint named = 0;
    gsize room = text->len + NAMED_BYTES;
    json_text_member_array(text, "refused");
    for (guint i = 0; i < standby->databases->len; i++) {
        const struct followed *database = standby->databases->pdata[i];
        const GPtrArray *all = database->checkpoint.lacking;
        for (guint k = 0; k < all->len && named < NAMED_MAX && text->len < room; k++, named++) {
            const struct lacking *lacking = all->pdata[k];
            json_text_begin_object(text);
            json_text_member_string(text, "database", database->name);
            json_text_member_string(text, "id", lacking->id);
            json_text_member_string(text, "rev", lacking->rev);
            json_text_member_string(text, "reason", lacking->reason);
            json_text_end_object(text);
        }
    }
    json_text_end_array(text);
}

/* The worst first. */
static gint
by_lag(gconstpointer a, gconstpointer b)
{
    const struct followed *one = *(const struct followed *const *)a;
    const struct followed *other = *(const struct followed *const *)b;
    guint64 more = lag_changes(one), less = lag_changes(other);
    if (more != less)
        return more > less ? -1 : 1;
    return one->behind == other->behind ? 0 : one->behind < other->behind ? -1 : 1;
}

static GPtrArray *
find_behind(const struct standby *standby)
{
    GPtrArray *behind = g_ptr_array_new();
    for (guint i = 0; i < standby->databases->len; i++) {
        const struct followed *database = standby->databases->pdata[i];
        if (!database->gone && database->behind != 0)
            g_ptr_array_add(behind, (gpointer)database);
    }
    g_ptr_array_sort(behind, by_lag);
    return behind;
}

static void
append_behind(GString *text, const struct standby *standby)
{
    gint64 now = g_get_monotonic_time(), seconds = 0;
    guint64 changes = 0;
    gboolean counted = TRUE;
    gsize room = text->len + NAMED_BYTES;
    g_autoptr(GPtrArray) behind = find_behind(standby);
    json_text_member_array(text, "behind");
    for (guint i = 0; i < behind->len; i++) {
        const struct followed *database = behind->pdata[i];
        seconds = MAX(seconds, seconds_behind(database, now));
        changes += lag_changes(database);
        counted &= lag_is_counted(database);
        if (i < NAMED_MAX && text->len < room)
            append_database(text, database, now);
    }
    json_text_end_array(text);
    json_text_member_unsigned(text, "databases_behind", behind->len);
    json_text_member_unsigned(text, "changes_behind", changes);
    json_text_member_boolean(text, "changes_counted", counted);
    json_text_member_integer(text, "seconds_behind", seconds);
}

static void
append_all(GString *text, const struct standby *standby)
{
    guint followed = 0;
    guint64 lacking = 0;
    for (guint i = 0; i < standby->databases->len; i++) {
        const struct followed *database = standby->databases->pdata[i];
        lacking += database->checkpoint.lacking->len + database->checkpoint.unnamed;
        followed += !database->gone;
    }
    json_text_member_unsigned(text, "databases", followed);
    append_behind(text, standby);
    json_text_member_unsigned(text, "databases_gone", g_hash_table_size(standby->memory->gone));
    json_text_member_unsigned(text, "revisions_lacking", lacking);
    append_lacking(text, standby);
}

void
report_tell(struct standby *standby, gboolean at_once)
{
    gint64 now = g_get_monotonic_time();
    if (!standby->options->json || (!at_once && now - standby->told < EVERY))
        return;
    g_autoptr(GString) text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_string(text, "event", "following");
    json_text_member_string(text, "source", http_name(standby->source));
    json_text_member_time(text, "contact", standby->contact);
    json_text_member_string(text, "trouble", standby->trouble);
    json_text_member_string(text, "settings", standby->unshared);
    json_text_member_string(text, "idle", standby->idle);
    json_text_member_boolean(text, "backwards", standby->memory->backwards != NULL);
    json_text_member_unsigned(text, "copied", standby->documents);
    append_all(text, standby);
    json_text_end_object(text);
    printf("%s\n", text->str);
    fflush(stdout);
    standby->told = now;
}
