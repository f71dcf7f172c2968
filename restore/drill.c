/*
 * drill: `lifeboat-restore drill`, the proof that a backup restores. Every database goes into a
 * scratch database on the target, is read back and compared (leaves, JSON byte for byte,
 * attachments by their digests, and what it is beside its documents: drill_frame.h), and is
 * removed, whatever happens.
 */
#include "lib/base/fail.h"
#include "lib/base/stop.h"
#include "lib/couch/read/fetch.h"
#include "lib/couch/scratch.h"
#include "restore/check/check.h"
#include "restore/commands.h"
#include "restore/database/database.h"
#include "restore/drill_frame.h"
#include "restore/run/preflight.h"
#include "restore/run/restore.h"

#include <stdio.h>

struct drill {
    struct restore restore;
    char *prefix;     /* of this drill's databases */
    gboolean writing; /* there may be some */
    gboolean refused; /* we may not remove them */
    guint64 compared; /* leaves read back */
    int newer;        /* FAIL_DAMAGED: a newer snapshot cannot be used, so the proof failed */
    gint64 began;
    struct drill_frame frame;
};

/* ---- reading back ---- */

struct reading {
    struct drill *drill;
    const struct plan_item *item;
    struct expectation *expectation;
    GQueue rows; /* GByteArray: the documents asked for and not yet given, in order */
};

static gboolean
next_wanted(void *context, struct fetch_wanted *wanted, gboolean *end, GError **error)
{
    struct reading *reading = context;
    struct row row;
    if (!row_spool_next(reading->expectation->rows, &row, error) || !stop_check(error))
        return FALSE;
    *end = row.id.data == NULL;
    if (*end)
        return TRUE;
    GByteArray *copy = g_byte_array_new();
    row_append(copy, &row);
    g_queue_push_tail(&reading->rows, copy);
    *wanted = (struct fetch_wanted){.listed = row};
    return TRUE;
}

static void
choose_all(void *context, struct leaf *leaf, const struct row *held)
{
    (void)context;
    (void)held;
    for (guint i = 0; i < leaf->n_attachments; i++)
        leaf->attachments[i].here = TRUE;
}

static gboolean
take_leaf(void *context, const struct leaf *leaf, GError **error)
{
    struct reading *reading = context;
    struct report *report = &reading->drill->restore.report;
    const GByteArray *bytes = g_queue_peek_head(&reading->rows);
    struct row row = row_decode(bytes->data);
    struct row_leaf expected;
    if (!row_find_leaf(&row, leaf->rev, &expected)) {
        report_problem(report, reading->item->name, leaf->id, leaf->rev,
                       "the snapshot has no such revision");
        return stop_check(error);
    }
    const struct packed_where where = {reading->drill->restore.http, reading->item->target};
    g_autofree char *difference = NULL;
    if (!expectation_compare(&expected, leaf, &where, &difference, error))
        return FALSE;
    if (difference != NULL)
        report_problem(report, reading->item->name, leaf->id, leaf->rev, "%s", difference);
    return stop_check(error);
}

static gboolean
take_bytes(void *context, const void *data, gsize size, GError **error)
{
    struct reading *reading = context;
    (void)data;
    progress_add(reading->drill->restore.report.progress, 0, size);
    return stop_check(error);
}

static gboolean
end_leaf(void *context, const struct leaf *leaf, const char *damage, GError **error)
{
    struct reading *reading = context;
    (void)error;
    if (damage != NULL)
        report_problem(&reading->drill->restore.report, reading->item->name, leaf->id, leaf->rev,
                       "%s", damage);
    reading->drill->compared++;
    return TRUE;
}

static gboolean
end_document(void *context, const struct row *listed, gboolean complete, GError **error)
{
    struct reading *reading = context;
    (void)listed;
    (void)complete;
    (void)error;
    g_byte_array_unref(g_queue_pop_head(&reading->rows));
    progress_add(reading->drill->restore.report.progress, 1, 0);
    return TRUE;
}

static void
on_problem(void *context, struct slice id, struct slice rev, const char *reason)
{
    struct reading *reading = context;
    if (!expectation_is_excused(reading->expectation, id, rev))
        report_problem(&reading->drill->restore.report, reading->item->name, id, rev, "%s", reason);
}

static gboolean
read_back(struct drill *drill, const struct plan_item *item, struct expectation *expectation,
          GError **error)
{
    struct reading reading = {.drill = drill, .item = item, .expectation = expectation};
    const struct fetch_handler handler = {next_wanted,  choose_all, take_leaf, take_bytes, end_leaf,
                                          end_document, on_problem, NULL,      &reading};
    g_queue_init(&reading.rows);
    row_spool_rewind(expectation->rows);
    progress_begin(drill->restore.report.progress, "reading back", item->name,
                   expectation->documents);
    gboolean fine = fetch_documents(drill->restore.http, item->target, &handler,
                                    &drill->restore.patience, error);
    g_queue_clear_full(&reading.rows, (GDestroyNotify)g_byte_array_unref);
    return fine;
}

/* ---- scratch databases ---- */

/* Numbers, not names: a source's name may be none that the target takes, or one that makes CouchDB
 * act on it. */
static void
rename_all(struct drill *drill)
{
    for (guint i = 0; i < drill->restore.plan->len; i++) {
        struct plan_item *item = drill->restore.plan->pdata[i];
        g_free(item->target);
        item->target = g_strdup_printf("%s%05u", drill->prefix, i + 1);
    }
}

static gboolean
remove_database(struct drill *drill, const char *name, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *path = server_path(name, "");
    g_autoptr(GString) answer =
        http_fetch(drill->restore.http, "DELETE", path, (struct slice){NULL, 0}, &failure);
    if (answer != NULL || http_has_status(failure, 404))
        return TRUE;
    drill->refused = http_is_refused(failure);
    g_propagate_prefixed_error(error, g_steal_pointer(&failure),
                               "scratch database '%s' cannot be removed: ", name);
    return FALSE;
}

/* Ends at the first that cannot be removed: the others could not be either. */
static gboolean
remove_those_left(struct drill *drill, GError **error)
{
    g_auto(GStrv) names = server_databases(drill->restore.http, error);
    for (char **name = names; name != NULL && *name != NULL; name++)
        if (g_str_has_prefix(*name, drill->prefix) && !remove_database(drill, *name, error))
            return FALSE;
    return names != NULL;
}

/* After a failure there may be some, or one whose removal a node has not heard of. A server that
 * has refused our account is not asked again. */
static void
clean_up(struct drill *drill, const GError *cause)
{
    g_autoptr(GError) failure = NULL;
    if (!drill->writing)
        return;
    stop_grant(RESTORE_CLEAN_UP);
    if (drill->refused || http_has_status(cause, 401) || !remove_those_left(drill, &failure))
        report_problem(&drill->restore.report, NULL, (struct slice){"", 0}, (struct slice){"", 0},
                       "databases that begin with '%s' may be left on the target: remove them by "
                       "hand%s%s",
                       drill->prefix, failure != NULL ? ": " : "",
                       failure != NULL ? failure->message : "");
}

/* ---- the drill ---- */

static gboolean
drill_database(struct drill *drill, const struct plan_item *item, GError **error)
{
    struct expectation expectation;
    expectation_init(&expectation, TRUE, !drill->restore.traits.couchdb);
    gboolean fine = database_restore(&drill->restore, item, &expectation, error) &&
                    read_back(drill, item, &expectation, error) &&
                    drill_frame_compare(&drill->frame, item, error);
    expectation_clear(&expectation);
    fine = fine && remove_database(drill, item->target, error);
    if (!fine)
        g_prefix_error(error, "drill of '%s': ", item->name);
    return fine;
}

static gboolean
drill_all(struct drill *drill, struct selection *selection, const struct command_line *line,
          GError **error)
{
    static const char *const none[] = {NULL};
    struct restore *restore = &drill->restore;
    if (!restore_connect(restore, line, "target", error) ||
        !restore_open_chain(restore, selection, error))
        return FALSE;
    restore->plan = plan_make(chain_manifest(restore->chain), none, none, error);
    if (restore->plan == NULL)
        return FALSE;
    drill->prefix = scratch_prefix(SCRATCH_DRILL);
    drill->frame = (struct drill_frame){
        .restore = restore,
        .empty = g_strconcat(drill->prefix, "empty", NULL),
    };
    rename_all(drill);
    drill->newer = restore_tell_newer(restore, selection);
    if (!preflight(restore, error) || !restore_remove_left(restore, error))
        return FALSE;
    drill->writing = TRUE;
    restore_tell_lacking(restore, none, TRUE);
    for (guint i = 0; i < restore->plan->len; i++)
        if (!stop_check(error) || !drill_database(drill, restore->plan->pdata[i], error))
            return FALSE;
    return TRUE;
}

/* ---- what became of it ---- */

static void
tell(struct drill *drill, const struct selection *selection, gboolean json, int exit_code)
{
    const struct report *report = &drill->restore.report;
    const struct catalogue *catalogue = selection->snapshot->catalogue;
    double seconds = (double)(g_get_monotonic_time() - drill->began) / G_USEC_PER_SEC;
    if (json) {
        GString *event = progress_event_begin(report->progress, "summary");
        json_text_member_string(event, "snapshot", catalogue->id);
        json_text_member_string(event, "started", catalogue->started);
        json_text_member_unsigned(event, "databases", report->databases);
        json_text_member_unsigned(event, "documents", report->documents);
        json_text_member_unsigned(event, "leaves", report->leaves);
        json_text_member_unsigned(event, "attachments", report->attachments);
        json_text_member_unsigned(event, "compared", drill->compared);
        json_text_member_unsigned(event, "problems", report->problems);
        json_text_member_decimal(event, "seconds", seconds);
        json_text_member_integer(event, "exit", exit_code);
        progress_event_end(report->progress);
        return;
    }
    g_autofree char *databases = report_count(report->databases, "database");
    g_autofree char *documents = report_count(report->documents, "document");
    g_autofree char *attachments = report_count(report->attachments, "attachment");
    g_autofree char *problems = report_number(report->problems);
    g_autofree char *duration = report_duration(seconds);
    printf("drill: the state of %s, snapshot %.8s, was restored into scratch databases, read back, "
           "compared, and removed again:\n"
           "%s, %s, %s in %s; ",
           catalogue->started, catalogue->id, databases, documents, attachments, duration);
    if (report->problems == 0)
        printf("this backup restores\n");
    else
        printf("%s PROBLEM%s, named above\n", problems, report->problems == 1 ? "" : "S");
}

int
restore_drill(const struct command_line *line, GError **error)
{
    struct selection selection = {0};
    struct drill drill = {.began = g_get_monotonic_time(), .restore.scratch = TRUE};
    stop_watch();
    AUTO(progress) *progress =
        progress_new(options_flag(line, "json"), options_flag(line, "quiet"));
    drill.restore.report.progress = progress;
    gboolean done =
        selection_open(&selection, line, TRUE, error) && drill_all(&drill, &selection, line, error);
    progress_clear(progress);
    clean_up(&drill, *error);
    if (!http_has_status(*error, 401))
        restore_end_trials(&drill.restore);
    int exit_code = !done                               ? fail_exit_code(*error)
                    : drill.restore.report.problems > 0 ? MAX(FAIL_INCOMPLETE, drill.newer)
                                                        : 0;
    if (done && (options_flag(line, "json") || !options_flag(line, "quiet")))
        tell(&drill, &selection, options_flag(line, "json"), exit_code);
    g_free(drill.prefix);
    drill_frame_clear(&drill.frame);
    restore_clear(&drill.restore);
    selection_clear(&selection);
    return exit_code;
}
