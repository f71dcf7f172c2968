/* report: how the standby stands, for the daemon that started it. See standby.h. */
#include "lib/base/jsontext.h"
#include "replicator/standby/standby.h"

#include <stdio.h>

#define EVERY (1 * G_TIME_SPAN_SECOND)
#define NAMED_MAX 20 /* databases, and revisions, that are named */

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
    json_text_member_integer(text, "seconds", seconds_behind(database, now));
    if (database->problem != NULL)
        json_text_member_string(text, "problem", database->problem);
    json_text_end_object(text);
}

static void
append_lacking(GString *text, const struct standby *standby)
{
    guint named = 0;
    json_text_member_array(text, "refused");
    for (guint i = 0; i < standby->databases->len; i++) {
        const struct followed *database = standby->databases->pdata[i];
        const GPtrArray *all = database->checkpoint.lacking;
        for (guint k = 0; k < all->len && named < NAMED_MAX; k++, named++) {
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

static void
append_all(GString *text, const struct standby *standby)
{
    gint64 now = g_get_monotonic_time(), seconds = 0;
    guint behind = 0, followed = 0;
    guint64 lacking = 0;
    json_text_member_array(text, "behind");
    for (guint i = 0; i < standby->databases->len; i++) {
        const struct followed *database = standby->databases->pdata[i];
        lacking += database->checkpoint.lacking->len + database->checkpoint.unnamed;
        if (database->gone)
            continue;
        followed++;
        if (database->behind == 0)
            continue;
        seconds = MAX(seconds, seconds_behind(database, now));
        if (behind++ < NAMED_MAX)
            append_database(text, database, now);
    }
    json_text_end_array(text);
    json_text_member_unsigned(text, "databases", followed);
    json_text_member_unsigned(text, "databases_behind", behind);
    json_text_member_unsigned(text, "databases_gone", g_hash_table_size(standby->memory->gone));
    json_text_member_integer(text, "seconds_behind", seconds);
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
    json_text_member_unsigned(text, "copied", standby->documents);
    append_all(text, standby);
    json_text_end_object(text);
    printf("%s\n", text->str);
    fflush(stdout);
    standby->told = now;
}
