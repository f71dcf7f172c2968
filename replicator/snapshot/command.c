/* command: see the header. From options to a run, and from a run to what the operator reads. */
#include "replicator/snapshot/command.h"

#include "lib/base/account.h"
#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/lock.h"
#include "lib/base/log.h"
#include "lib/base/rfc3339.h"
#include "lib/base/stop.h"
#include "lib/store/removal.h"
#include "lib/store/standing.h"
#include "replicator/prune/command.h"
#include "replicator/snapshot/run.h"
#include "replicator/snapshot/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static void
wait_and_tell(void *context, guint milliseconds, const GError *cause)
{
    (void)context;
    log_notice("%s; trying again in %.1f s", cause->message, milliseconds / 1000.0);
    stop_sleep(milliseconds);
}

/* ---- what became of it ---- */

static void
tell_json(const struct run *run, double seconds, int exit_code)
{
    const struct catalogue_counts *counts = &run->counts;
    GString *event = progress_event_begin(run->progress, "summary");
    json_text_member_string(event, "snapshot", run->catalogue != NULL ? run->catalogue->id : NULL);
    json_text_member_string(event, "kind", run->catalogue != NULL ? run->catalogue->kind : NULL);
    json_text_member_unsigned(event, "databases", counts->databases);
    json_text_member_unsigned(event, "unchanged", run->unchanged);
    json_text_member_unsigned(event, "failed", run->failed);
    json_text_member_unsigned(event, "dropped", run->dropped);
    json_text_member_unsigned(event, "documents", counts->documents);
    json_text_member_unsigned(event, "leaves", counts->leaves);
    json_text_member_unsigned(event, "attachments", counts->attachments);
    json_text_member_unsigned(event, "gone", counts->gone);
    json_text_member_unsigned(event, "unread", counts->unread);
    json_text_member_unsigned(event, "files", run->catalogue != NULL ? run->files->len : 0);
    json_text_member_unsigned(event, "bytes", run->bytes_stored);
    json_text_member_decimal(event, "seconds", seconds);
    standing_append_all(run->store, run->keys, FALSE, event);
    json_text_member_integer(event, "exit", exit_code);
    progress_event_end(run->progress);
}

/* `1 document`, `2 documents` */
static void
append_count(GString *text, const char *before, guint64 count, const char *what)
{
    g_string_append_printf(text, "%s%" G_GUINT64_FORMAT " %s%s", before, count, what,
                           count == 1 ? "" : "s");
}

static void
tell_sealed(const struct run *run, double seconds)
{
    const struct catalogue_counts *counts = &run->counts;
    g_autofree char *size = g_format_size(run->bytes_stored);
    g_autoptr(GString) text = g_string_new(NULL);
    append_count(text, "", counts->documents, "document");
    append_count(text, " and ", counts->attachments, "attachment");
    append_count(text, " from ", counts->databases, "database");
    if (run->unchanged > 0)
        g_string_append_printf(text, " (%" G_GUINT64_FORMAT " more unchanged)", run->unchanged);
    if (run->files->len > 0)
        append_count(text, ", ", run->files->len, "extra file");
    printf("%s snapshot %.8s sealed and verified: %s, %s in %.1f s\n", run->catalogue->kind,
           run->catalogue->id, text->str, size, seconds);
    if (counts->gone > 0)
        printf("%" G_GUINT64_FORMAT " %s left %s\n", counts->gone,
               counts->gone == 1 ? "document had" : "documents had",
               counts->gone == 1 ? "its database" : "their databases");
}

static void
tell_person(const struct run *run, double seconds)
{
    if (run->catalogue == NULL)
        printf("nothing changed since the snapshot of %s; nothing written\n",
               run->parent->catalogue->started);
    else
        tell_sealed(run, seconds);
    if (run->problems > 0)
        printf("INCOMPLETE: %u %s; see above\n", run->problems,
               run->problems == 1 ? "thing could not be read" : "things could not be read");
}

/* ---- the command ---- */

/* A store is not begun inside another: whoever names lifeboat/ itself means the folder above. */
static gboolean
refuse_inside(const char *to, GError **error)
{
    g_autofree char *json = g_build_filename(to, "store.json", NULL);
    if (!g_file_test(json, G_FILE_TEST_EXISTS))
        return TRUE;
    g_autofree char *folder = g_canonicalize_filename(to, NULL);
    g_autofree char *above = g_path_get_dirname(folder);
    return fail_set(error, FAIL_USAGE,
                    "'%s' is itself a store\n"
                    "hint: name the folder that holds 'lifeboat/': --to '%s'",
                    to, above);
}

/* The lock comes first: two runs may be the first in a new store. */
static struct lock *
take_lock(const char *to, GError **error)
{
    AUTO_FD int above = file_open_folder(AT_FDCWD, to, FALSE, error);
    if (above < 0 && fail_came_of(*error, ENOENT))
        fail_add_hint(error, "is the drive mounted?");
    AUTO_FD int folder = above >= 0 ? file_open_folder(above, "lifeboat", TRUE, error) : -1;
    if (folder < 0 && fail_came_of(*error, EACCES)) {
        g_autofree char *hint = g_strdup_printf(
            "give the folder to the user who writes to it: chown %s '%s'", g_get_user_name(), to);
        fail_add_hint(error, hint);
    }
    return folder >= 0 ? lock_take(folder, "lock", "lifeboat snapshot", error) : NULL;
}

/* Snapshots that somebody copied here from another store. */
static void
tell_elsewhere(const struct store *store)
{
    for (guint i = 0; i < store->snapshots->len; i++) {
        const struct snapshot *snapshot = store->snapshots->pdata[i];
        if (snapshot->trust == SNAPSHOT_ELSEWHERE)
            log_warning("store '%s': snapshot %s is not used: %s", store->path, snapshot->folder,
                        snapshot->problem);
    }
}

/* The store on a drive that the daemon knows is not made anew, and no other is taken for it. */
static gboolean
check_there(const char *to, const char *id, GError **error)
{
    g_autofree char *json = g_build_filename(to, "lifeboat", "store.json", NULL);
    g_autofree char *snapshots = g_build_filename(to, "lifeboat", "snapshots", NULL);
    return id == NULL || g_file_test(json, G_FILE_TEST_EXISTS) ||
           g_file_test(snapshots, G_FILE_TEST_EXISTS) ||
           fail_set(error, FAIL_DAMAGED,
                    "the store is gone from '%s'\n"
                    "hint: if the drive was emptied on purpose: `lifeboat drive add` it again",
                    to);
}

/* Order in a chain is by parent, so that no harm comes of it; but what people see are times. */
static void
tell_clock(struct run *run, const char *now)
{
    const struct snapshot *newest = store_tip(run->store, FALSE);
    if (newest == NULL || strcmp(newest->catalogue->started, now) <= 0)
        return;
    g_autofree char *message = g_strdup_printf(
        "the clock says %s, which is before the newest snapshot there, of %s: is it set right?",
        now, newest->catalogue->started);
    log_warning("%s", message);
    progress_event(run->progress, "problem", "message", message, NULL);
}

static gboolean
take_into(struct run *run, const char *to, const char *state, const char *id, GError **error)
{
    g_autofree char *created = rfc3339_now();
    guint64 freed = 0; /* by finishing what an interrupted prune began */
    run->store = store_open_for_writing(to, run->keys, created, error);
    if (run->store == NULL || !store_check_id(run->store, id, error) ||
        !store_remove_unsealed(run->store, error) ||
        !removal_originals(run->store, run->keys, run->progress, &freed, error))
        return FALSE;
    tell_elsewhere(run->store);
    tell_clock(run, created);
    if (run->store->nameless)
        log_warning("store '%s': its store.json was missing, and was made anew with the id that "
                    "its snapshots name",
                    run->store->path);
    run->state_fd = state_open_folder(state, run->store->id, error);
    return run->state_fd >= 0 && run_snapshot(run, error);
}

/* `roomier`: it failed for lack of room, and there is more now. */
static gboolean
take_snapshot(struct run *run, const struct command_line *line, char **pruned, gboolean *roomier,
              GError **error)
{
    const char *to = options_list(line, "to")[0], *id = options_string(line, "store");
    const struct http_options source = {.url = options_string(line, "source"),
                                        .stall_seconds = (guint)options_integer(line, "stall")};
    run->http = http_connect(&source, options_string(line, "credentials"), error);
    if (run->http == NULL)
        return FALSE;
    http_set_stop(run->http, stop_is_due, NULL);
    http_be_patient(run->http, &run->patience);
    if (!refuse_inside(to, error) || !check_there(to, id, error) || !run_check_choice(run, error))
        return FALSE;
    AUTO(lock) *lock = take_lock(to, error);
    if (lock == NULL)
        return FALSE;
    gboolean done = take_into(run, to, options_string(line, "state"), id, error);
    if (!done) /* what was not sealed is removed while the lock holds */
        g_clear_pointer(&run->writer, snapshot_writer_free);
    if (done || fail_came_of(*error, ENOSPC))
        *roomier = prune_beside_snapshot(line, to, run->keys, run->progress, pruned) && !done;
    return done;
}

static void
begin_run(struct run *run, const struct command_line *line, const struct keys *keys,
          const struct run_options *options, struct progress *progress)
{
    *run = (struct run){.keys = keys, .options = options, .progress = progress, .state_fd = -1};
    run->patience = (struct patience){.seconds = (guint)options_integer(line, "patience"),
                                      .wait = wait_and_tell,
                                      .stopped = stop_is_due};
}

/* How the store stands after a failure, and what the operator can do. */
static void
explain(const struct run *run, GError **error)
{
    const char *stands =
        run->links > 0 ? "what was sealed so far counts" : "the store is as it was";
    if (stop_requested() && g_error_matches(*error, FAIL, FAIL_LATER)) {
        g_clear_error(error);
        fail_set(error, FAIL_LATER, "stopped; %s\nhint: the next run goes on", stands);
    } else if (fail_came_of(*error, ENOSPC)) {
        g_autofree char *hint = g_strdup_printf("%s; free space, or use another drive", stands);
        fail_add_hint(error, hint);
    }
}

static gboolean
check_target(const struct command_line *line, GError **error)
{
    return options_require(line, "to", error) &&
           (options_list(line, "to")[1] == NULL ||
            fail_set(error, FAIL_USAGE,
                     "a snapshot goes to one store, and several are named\n"
                     "hint: --to names one; `lifeboat-replicator run` serves all that stand in the "
                     "configuration"));
}

int
snapshot_command(const struct command_line *line, GError **error)
{
    if (!check_target(line, error))
        return FAIL_USAGE;
    if (!account_follow(options_string(line, "user"), options_list(line, "to")[0],
                        options_string(line, "state"), error))
        return FAIL_FAILED;
    AUTO(keys) *keys = keys_open(options_string(line, "keys"), error);
    if (keys == NULL)
        return FAIL_KEY;
    AUTO(progress) *progress =
        progress_new(options_flag(line, "json"), options_flag(line, "quiet"));
    const struct run_options options = {
        .choice = {options_list(line, "include"), options_list(line, "exclude")},
        .files = options_list(line, "file"),
        .full = options_flag(line, "full"),
        .link_bytes = (guint64)options_integer(line, "link-size") << 20,
        .link_seconds = (guint)options_integer(line, "link-time"),
        .scrub_bytes = (guint64)options_integer(line, "scrub") << 20,
    };
    struct run run;
    begin_run(&run, line, keys, &options, progress);
    stop_watch();
    gint64 began = g_get_monotonic_time();
    g_autofree char *pruned = NULL;
    gboolean roomier = FALSE;
    gboolean done = take_snapshot(&run, line, &pruned, &roomier, error);
    if (roomier) {
        log_notice("%s; old restore points were let go, trying again", (*error)->message);
        g_clear_error(error);
        run_clear(&run);
        begin_run(&run, line, keys, &options, progress);
        done = take_snapshot(&run, line, &pruned, &roomier, error);
    }
    if (!done)
        explain(&run, error);
    double seconds = (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC;
    int exit_code = !done ? fail_exit_code(*error) : run.problems > 0 ? FAIL_INCOMPLETE : 0;
    progress_clear(progress);
    if (done && options_flag(line, "json"))
        tell_json(&run, seconds, exit_code);
    else if (done && !options_flag(line, "quiet"))
        tell_person(&run, seconds);
    if (pruned != NULL && !options_flag(line, "json") && !options_flag(line, "quiet"))
        printf("%s", pruned);
    run_clear(&run);
    return exit_code;
}
