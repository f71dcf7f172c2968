/* run: `lifeboat-restore run`, from its options to what the operator reads. */
#include "lib/base/fail.h"
#include "lib/base/stop.h"
#include "restore/commands.h"
#include "restore/database/database.h"
#include "restore/database/revive.h"
#include "restore/run/configuration.h"
#include "restore/run/files.h"
#include "restore/run/preflight.h"
#include "restore/run/restore.h"

#include <stdio.h>

struct run {
    struct restore restore;
    const struct command_line *line;
    guint64 files;              /* written, or to be written */
    guint64 files_left;         /* in the snapshot, and not asked for */
    gboolean partial;           /* the snapshot is an incomplete one */
    const struct catalogue *at; /* of the snapshot */
    gint64 began;
};

static double
seconds_since(gint64 began)
{
    return (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC;
}

/* ---- what became of it ---- */

static void
tell_json(struct run *run, int exit_code)
{
    const struct report *report = &run->restore.report;
    GString *event = progress_event_begin(report->progress, "summary");
    json_text_member_string(event, "snapshot", run->at->id);
    json_text_member_string(event, "started", run->at->started);
    json_text_member_boolean(event, "dry_run", options_flag(run->line, "dry-run"));
    json_text_member_unsigned(event, "databases", report->databases);
    json_text_member_unsigned(event, "created", report->created);
    json_text_member_unsigned(event, "documents", report->documents);
    json_text_member_unsigned(event, "leaves", report->leaves);
    json_text_member_unsigned(event, "attachments", report->attachments);
    json_text_member_unsigned(event, "written", report->written);
    json_text_member_unsigned(event, "present", report->present);
    json_text_member_unsigned(event, "superseded", report->superseded);
    json_text_member_unsigned(event, "foreign", report->foreign);
    json_text_member_unsigned(event, "kept", report->kept);
    json_text_member_unsigned(event, "bytes", report->bytes);
    json_text_member_unsigned(event, "files", run->files);
    json_text_member_unsigned(event, "problems", report->problems);
    json_text_member_unsigned(event, "notes", report->notes);
    json_text_member_boolean(event, "verified",
                             report->problems == 0 && !options_flag(run->line, "dry-run"));
    json_text_member_boolean(event, "partial", run->partial);
    json_text_member_decimal(event, "seconds", seconds_since(run->began));
    json_text_member_integer(event, "exit", exit_code);
    progress_event_end(report->progress);
}

/* What else the snapshot has, for whom restores all that he names no part of. */
static void
tell_left(const struct run *run)
{
    gboolean files = run->files_left > 0;
    gboolean settings = run->restore.config != NULL && !run->restore.with_config;
    g_autofree char *count = report_count(run->files_left, "extra file");
    if (*options_list(run->line, "db") != NULL || *options_list(run->line, "doc") != NULL ||
        (!files && !settings))
        return;
    printf("%s%s%s %s in the snapshot too: %s%s%s %s\n", files ? count : "",
           files && settings ? " and " : "", settings ? "the server's settings" : "",
           settings || run->files_left > 1 ? "are" : "is", files ? "--files DIR" : "",
           files && settings ? " and " : "", settings ? "--server-config" : "",
           files != settings ? "brings them back" : "bring them back");
}

static void
tell_preview(const struct run *run)
{
    const struct report *report = &run->restore.report;
    g_autofree char *databases = report_count(report->databases, "database");
    g_autofree char *written = report_count(report->written, "revision");
    g_autofree char *present = report_number(report->present);
    g_autofree char *created = report_count(report->created, "database");
    printf("state of %s, snapshot %.8s: nothing was written; a restore of %s would add "
           "%s (%s there already) and make %s\n",
           run->at->started, run->at->id, databases, written, present, created);
    tell_left(run);
    if (report->problems > 0) {
        g_autofree char *problems = report_count(report->problems, "thing");
        printf("INCOMPLETE: %s would be missing or older, named above\n", problems);
    }
}

static void
tell_person(struct run *run)
{
    const struct report *report = &run->restore.report;
    g_autofree char *databases = report_count(report->databases, "database");
    g_autofree char *documents = report_count(report->documents, "document");
    g_autofree char *attachments = report_count(report->attachments, "attachment");
    g_autofree char *problems = report_count(report->problems, "thing");
    g_autofree char *present = report_count(report->present, "revision");
    g_autofree char *duration = report_duration(seconds_since(run->began));
    const GPtrArray *plan = run->restore.plan;
    const char *name = plan->len == 1 ? ((struct plan_item *)plan->pdata[0])->name : "NAME";
    g_autofree char *beside = g_strdup_printf(" (--db '%s=NEW' restores %s beside them)", name,
                                              plan->len == 1 ? "the old ones" : "a database");
    if (report->present > 0 || report->superseded > 0)
        printf("%s %s there already; %" G_GUINT64_FORMAT " %s newer ones in the target, which were "
               "kept%s\n",
               present, report->present == 1 ? "was" : "were", report->superseded,
               report->superseded == 1 ? "has" : "have", report->superseded > 0 ? beside : "");
    if (report->foreign > 0)
        printf("%" G_GUINT64_FORMAT " document%s written by others meanwhile\n", report->foreign,
               report->foreign == 1 ? " was" : "s were");
    if (run->files > 0)
        printf("%" G_GUINT64_FORMAT " extra file%s written below '%s'\n", run->files,
               run->files == 1 ? "" : "s", options_string(run->line, "files"));
    tell_left(run);
    printf("state of %s, snapshot %.8s: restored %s, %s, %s in %s; ", run->at->started, run->at->id,
           databases, documents, attachments, duration);
    if (report->problems == 0 && report->kept > 0)
        printf("verified: all is there but for %" G_GUINT64_FORMAT
               ", named above, where the target keeps its own\n",
               report->kept);
    else if (report->problems == 0)
        printf("verified: everything is there\n");
    else
        printf("INCOMPLETE: %s missing or older, named above\n", problems);
}

/* ---- the work ---- */

static gboolean
check_options(const struct command_line *line, GError **error)
{
    gboolean some = *options_list(line, "doc") != NULL;
    if (some && options_flag(line, "server-config"))
        return fail_set(error, FAIL_USAGE, "--doc and --server-config do not go together");
    return TRUE;
}

static gboolean
prepare(struct run *run, struct selection *selection, GError **error)
{
    struct restore *restore = &run->restore;
    const struct command_line *line = run->line;
    restore->with_config = options_flag(line, "server-config");
    run->partial = selection->partial;
    if (!restore_connect(restore, line, "target", error) ||
        !restore_open_chain(restore, selection, error))
        return FALSE;
    run->at = selection->snapshot->catalogue;
    restore_tell_newer(restore, selection);
    restore->plan = plan_make(chain_manifest(restore->chain), options_list(line, "db"),
                              options_list(line, "doc"), error);
    if (restore->plan == NULL)
        return FALSE;
    return (!restore->with_config || configuration_check(restore, error)) &&
           preflight(restore, error);
}

/* The command that tells which snapshots have a document. */
static char *
versions_command(const struct run *run, const struct plan_item *item, const char *id)
{
    g_autofree char *document = g_strconcat(item->name, "/", id, NULL);
    g_autofree char *quoted_document = g_shell_quote(document);
    g_autofree char *quoted_store = g_shell_quote(command_argument(run->line, "STORE"));
    return g_strdup_printf("lifeboat-restore extract %s --to DIR --doc %s", quoted_store,
                           quoted_document);
}

static void
tell_unfound(struct run *run, const struct plan_item *item)
{
    GHashTableIter iter;
    gpointer id, value;
    if (item->documents == NULL)
        return;
    g_hash_table_iter_init(&iter, item->documents);
    while (g_hash_table_iter_next(&iter, &id, &value)) {
        const struct plan_document *document = value;
        g_autofree char *command = versions_command(run, item, id);
        if (!document->found)
            report_problem(
                &run->restore.report, item->name, slice_of(id), (struct slice){"", 0},
                "it is not in this snapshot; `%s` gives every version that the store has", command);
        else if (document->winner == NULL && !g_str_has_prefix(id, "_local/"))
            report_note(&run->restore.report,
                        "document '%s/%s' is deleted in this snapshot; `%s` gives every version "
                        "that the store has",
                        item->name, (const char *)id, command);
    }
}

static void
tell_lacking(struct run *run)
{
    const char *const *databases = options_list(run->line, "db");
    gboolean all = *databases == NULL && *options_list(run->line, "doc") == NULL;
    if (run->partial)
        report_problem(&run->restore.report, NULL, (struct slice){"", 0}, (struct slice){"", 0},
                       "the snapshot is unfinished, since its run was interrupted: the databases "
                       "that are older for that, or missing, are named here");
    restore_tell_lacking(&run->restore, databases, all);
}

static gboolean
preview(struct run *run, GError **error)
{
    struct restore *restore = &run->restore;
    const char *folder = options_string(run->line, "files");
    for (guint i = 0; i < restore->plan->len; i++) {
        if (!database_preview(restore, restore->plan->pdata[i], error))
            return FALSE;
        tell_unfound(run, restore->plan->pdata[i]);
    }
    if (run->files > 0)
        report_note(&restore->report, "would write %" G_GUINT64_FORMAT " extra file%s below '%s'",
                    run->files, run->files == 1 ? "" : "s", folder);
    return !restore->with_config || configuration_preview(restore, error);
}

static gboolean
write_databases(struct run *run, GError **error)
{
    struct restore *restore = &run->restore;
    for (guint i = 0; i < restore->plan->len; i++) {
        const struct plan_item *item = restore->plan->pdata[i];
        struct expectation expectation;
        expectation_init(&expectation, FALSE, !restore->traits.couchdb);
        gboolean fine = stop_check(error) && database_restore(restore, item, &expectation, error);
        expectation_clear(&expectation);
        if (!fine)
            return FALSE;
        tell_unfound(run, item);
        if (!revive(restore, item, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
perform(struct run *run, GError **error)
{
    struct restore *restore = &run->restore;
    const char *folder = run->files > 0 ? options_string(run->line, "files") : NULL;
    return restore_remove_left(restore, error) && restore_set_limits(restore, error) &&
           write_databases(run, error) &&
           (folder == NULL || files_restore(restore, folder, &run->files, error)) &&
           restore_set_rest(restore, error);
}

/* What the operator can do: what passes can be tried again, what is damaged stays so. */
static void
add_hint(const struct selection *selection, GError **error)
{
    g_autofree char *damage = g_strdup_printf(
        "`lifeboat-restore verify '%s'` tells what is damaged; --snapshot ID restores an older "
        "state, and --db NAME the databases that are whole",
        selection->store->path);
    if (g_error_matches(*error, FAIL, FAIL_DAMAGED))
        fail_add_hint(error, damage);
    else if (http_is_transient(*error) || stop_requested())
        fail_add_hint(error, "run the same command again: it goes on");
}

static gboolean
count_files(struct run *run, GError **error)
{
    if (options_string(run->line, "files") == NULL)
        return files_count(&run->restore, &run->files_left, NULL) || TRUE; /* only to be told */
    if (!files_count(&run->restore, &run->files, error))
        return FALSE;
    if (run->files == 0)
        report_note(&run->restore.report, "the snapshot holds no extra files");
    return TRUE;
}

static gboolean
run_all(struct run *run, struct selection *selection, GError **error)
{
    gboolean dry = options_flag(run->line, "dry-run");
    gboolean done = prepare(run, selection, error) && count_files(run, error);
    if (done) {
        tell_lacking(run);
        done = dry ? preview(run, error) : perform(run, error);
    }
    if (!done)
        add_hint(selection, error);
    return done;
}

int
restore_run(const struct command_line *line, GError **error)
{
    struct selection selection = {0};
    struct run run = {.line = line, .began = g_get_monotonic_time()};
    if (!check_options(line, error))
        return FAIL_USAGE;
    stop_watch();
    AUTO(progress) *progress =
        progress_new(options_flag(line, "json"), options_flag(line, "quiet"));
    run.restore.report.progress = progress;
    gboolean done =
        selection_open(&selection, line, TRUE, error) && run_all(&run, &selection, error);
    if (!http_has_status(*error, 401))
        restore_end_trials(&run.restore);
    int exit_code = !done                             ? fail_exit_code(*error)
                    : run.restore.report.problems > 0 ? FAIL_INCOMPLETE
                                                      : 0;
    progress_clear(progress);
    if (done && options_flag(line, "json"))
        tell_json(&run, exit_code);
    else if (done && !options_flag(line, "quiet"))
        options_flag(line, "dry-run") ? tell_preview(&run) : tell_person(&run);
    restore_clear(&run.restore);
    selection_clear(&selection);
    return exit_code;
}
