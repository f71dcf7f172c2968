/*
 * import: `lifeboat-restore import`, which brings a standby up to date from a drive.
 *
 *     the newest complete snapshot that another node took → what of it the server lacks is written
 * → checked → marked as applied → the drive is told how old the standby is now
 *
 * It is a restore beside what is there (restore.h): CouchDB merges revisions, so nothing that is
 * newer here is lost.
 */
#include "lib/base/fail.h"
#include "lib/base/stop.h"
#include "lib/store/standing.h"
#include "restore/commands.h"
#include "restore/database/database.h"
#include "restore/import/applied.h"
#include "restore/run/configuration.h"
#include "restore/run/preflight.h"
#include "restore/run/restore.h"

#include <stdio.h>

#define ACCEPT_HERE                                                                                \
    "on this node: `lifeboat key accept`, with what `lifeboat key show` tells on the other one"
#define ACCEPT_THERE                                                                               \
    "on the other node: `lifeboat key accept`, with what `lifeboat key show` tells on this one, "  \
    "then a snapshot there: what was encrypted before stays closed to this node"

struct import {
    struct restore restore;
    struct selection selection;
    struct applied applied;
    gboolean needless; /* the standby has that state, or a later one */
    gint64 began;
};

/* ---- which snapshot ---- */

/* What this node took itself it has. */
static struct snapshot *
newest_of_others(const struct import *import)
{
    const struct store *store = import->selection.store;
    const char *own = import->selection.keys->node;
    struct snapshot *newest = NULL;
    for (guint i = 0; i < store->snapshots->len; i++) {
        struct snapshot *snapshot = store->snapshots->pdata[i];
        if (snapshot->trust == SNAPSHOT_TRUSTED && snapshot->rooted && !snapshot->replaced &&
            snapshot->catalogue->complete && g_strcmp0(snapshot->catalogue->node, own) != 0 &&
            (newest == NULL || snapshot->catalogue->number > newest->catalogue->number))
            newest = snapshot;
    }
    return newest;
}

static gboolean
choose(struct import *import, GError **error)
{
    struct snapshot *snapshot = newest_of_others(import);
    if (snapshot == NULL)
        return fail_set(error, FAIL_DAMAGED,
                        "store '%s' has no complete snapshot that another node took and that is "
                        "trusted here\nhint: " ACCEPT_HERE,
                        import->selection.store->path);
    import->selection.snapshot = snapshot;
    return applied_read(import->restore.http, &import->applied, error);
}

static gboolean
has_foreign(const struct store *store)
{
    for (guint i = 0; i < store->snapshots->len; i++)
        if (((const struct snapshot *)store->snapshots->pdata[i])->trust == SNAPSHOT_FOREIGN)
            return TRUE;
    return FALSE;
}

static gboolean
open_store(struct import *import, const struct command_line *line, GError **error)
{
    const struct selection *selection = &import->selection;
    if (selection_open(&import->selection, line, TRUE, error))
        return TRUE;
    if (selection->store != NULL && selection->store->snapshots->len == 0)
        fail_add_hint(error, "insert the drive in the other node first: it takes one");
    else if (g_error_matches(*error, FAIL, FAIL_DAMAGED) && selection->store != NULL &&
             has_foreign(selection->store))
        fail_add_hint(error, ACCEPT_HERE);
    return FALSE;
}

/* ---- the work ---- */

static gboolean
import_database(struct restore *restore, const struct plan_item *item, GError **error)
{
    struct expectation expectation;
    expectation_init(&expectation, FALSE, !restore->traits.couchdb);
    gboolean fine = stop_check(error) && database_restore(restore, item, &expectation, error);
    expectation_clear(&expectation);
    return fine;
}

static gboolean
prepare(struct import *import, GError **error)
{
    static const char *const none[] = {NULL};
    struct restore *restore = &import->restore;
    if (!restore_open_chain(restore, &import->selection, error)) {
        if (g_error_matches(*error, FAIL, FAIL_KEY))
            fail_add_hint(error, ACCEPT_THERE);
        return FALSE;
    }
    restore_tell_newer(restore, &import->selection);
    restore->plan = plan_make(chain_manifest(restore->chain), none, none, error);
    restore->with_config = restore->config != NULL && restore->traits.config != NULL;
    if (restore->plan == NULL || !preflight(restore, error))
        return FALSE;
    restore_tell_lacking(restore, none, TRUE);
    return TRUE;
}

static gboolean
apply(struct import *import, GError **error)
{
    struct restore *restore = &import->restore;
    const struct catalogue *catalogue = import->selection.snapshot->catalogue;
    if (!prepare(import, error) || !restore_remove_left(restore, error) ||
        !restore_set_limits(restore, error))
        return FALSE;
    for (guint i = 0; i < restore->plan->len; i++)
        if (!import_database(restore, restore->plan->pdata[i], error))
            return FALSE;
    return restore_set_rest(restore, error) &&
           (restore->report.problems > 0 || applied_write(restore->http, catalogue, error));
}

/* Said again where nothing had to be done: the drive may be another one. */
static gboolean
tell_drive(struct import *import, GError **error)
{
    struct catalogue of = {.id = import->applied.snapshot, .started = import->applied.state};
    const struct catalogue *now = import->needless ? &of : import->selection.snapshot->catalogue;
    return import->restore.report.problems > 0 || import->selection.keys->signing == NULL ||
           standing_write(import->selection.store, import->selection.keys, now, error);
}

static gboolean
run(struct import *import, const struct command_line *line, GError **error)
{
    import->restore.standby = TRUE;
    if (!store_check_id(import->selection.store, options_string(line, "store"), error) ||
        !restore_connect(&import->restore, line, "source", error) || !choose(import, error))
        return FALSE;
    import->needless = applied_is_enough(&import->applied, import->selection.snapshot->catalogue);
    return (import->needless || apply(import, error)) && tell_drive(import, error);
}

/* ---- what became of it ---- */

static void
tell_json(const struct import *import, int exit_code)
{
    const struct report *report = &import->restore.report;
    const struct catalogue *catalogue = import->selection.snapshot->catalogue;
    GString *event = progress_event_begin(report->progress, "summary");
    json_text_member_string(event, "snapshot", catalogue->id);
    json_text_member_string(event, "started", catalogue->started);
    json_text_member_string(event, "node", catalogue->node);
    json_text_member_boolean(event, "applied", !import->needless && report->problems == 0);
    json_text_member_unsigned(event, "databases", report->databases);
    json_text_member_unsigned(event, "created", report->created);
    json_text_member_unsigned(event, "leaves", report->leaves);
    json_text_member_unsigned(event, "written", report->written);
    json_text_member_unsigned(event, "problems", report->problems);
    standing_append_all(import->selection.store, import->selection.keys, TRUE, event);
    json_text_member_integer(event, "exit", exit_code);
    progress_event_end(report->progress);
}

static void
tell_person(const struct import *import)
{
    const struct report *report = &import->restore.report;
    const struct catalogue *catalogue = import->selection.snapshot->catalogue;
    double seconds = (double)(g_get_monotonic_time() - import->began) / G_USEC_PER_SEC;
    if (import->needless) {
        printf("nothing to do: this server has the state of %s, and the newest here is of %s\n",
               import->applied.state, catalogue->started);
        return;
    }
    g_autofree char *written = report_count(report->written, "revision");
    g_autofree char *databases = report_count(report->databases, "database");
    g_autofree char *duration = report_duration(seconds);
    g_autofree char *problems = report_count(report->problems, "thing");
    printf("state of %s, taken by node %s: %s written into %s in %s; ", catalogue->started,
           catalogue->node, written, databases, duration);
    if (report->problems == 0)
        printf("verified: this server has all of it\n");
    else
        printf("INCOMPLETE: %s missing, named above; the next drive brings them\n", problems);
}

int
restore_import(const struct command_line *line, GError **error)
{
    struct import import = {.began = g_get_monotonic_time()};
    stop_watch();
    AUTO(progress) *progress =
        progress_new(options_flag(line, "json"), options_flag(line, "quiet"));
    import.restore.report.progress = progress;
    gboolean done = open_store(&import, line, error) && run(&import, line, error);
    if (!http_has_status(*error, 401))
        restore_end_trials(&import.restore);
    int exit_code = !done                                ? fail_exit_code(*error)
                    : import.restore.report.problems > 0 ? FAIL_INCOMPLETE
                                                         : 0;
    progress_clear(progress);
    if (done && options_flag(line, "json"))
        tell_json(&import, exit_code);
    else if (done && !options_flag(line, "quiet"))
        tell_person(&import);
    applied_clear(&import.applied);
    restore_clear(&import.restore);
    selection_clear(&import.selection);
    return exit_code;
}
