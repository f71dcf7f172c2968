/* restore: what every kind of restore begins and ends with. See the header. */
#include "restore/run/restore.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "lib/command/command.h"
#include "lib/couch/scratch.h"
#include "restore/lacking.h"
#include "restore/run/configuration.h"

#define MERGE_MEMORY (24 * 1024 * 1024) /* bytes for the chain; writing takes as much again */

static void
wait_and_tell(void *context, guint milliseconds, const GError *cause)
{
    (void)context;
    if (cause != NULL)
        log_notice("%s; trying again in %.1f s", cause->message, milliseconds / 1000.0);
    stop_sleep(milliseconds);
}

gboolean
restore_connect(struct restore *restore, const struct command_line *line, const char *url,
                GError **error)
{
    const struct http_options target = {.url = options_string(line, url),
                                        .stall_seconds = (guint)options_integer(line, "stall")};
    restore->http = http_connect(&target, options_string(line, "credentials"), error);
    if (restore->http == NULL)
        return FALSE;
    restore->patience = (struct patience){.seconds = (guint)options_integer(line, "patience"),
                                          .wait = wait_and_tell,
                                          .stopped = stop_is_due};
    http_set_stop(restore->http, stop_is_due, NULL);
    if (!traits_fetch(restore->http, &restore->traits, error))
        return FALSE;
    http_be_patient(restore->http,
                    &restore->patience); /* not before: a wrong address fails at once */
    restore->repack = repack_new(restore->http, &restore->traits);
    return TRUE;
}

gboolean
restore_open_chain(struct restore *restore, struct selection *selection, GError **error)
{
    if (selection->snapshot == NULL)
        return fail_set(error, FAIL_FAILED, "'%s' holds no complete snapshot",
                        selection->store->path);
    if (!store_check_chain(selection->store, selection->snapshot, restore->report.progress, error))
        return FALSE;
    restore->chain =
        chain_open(selection->store, selection->snapshot, selection->keys, MERGE_MEMORY, error);
    if (restore->chain == NULL)
        return FALSE;
    g_autoptr(GError) failure = NULL;
    restore->snapshot = selection->snapshot->catalogue->id;
    restore->source_version = selection->snapshot->catalogue->couchdb;
    restore->config = chain_server_config(restore->chain, &failure);
    if (failure == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

void
restore_clear(struct restore *restore)
{
    if (restore->plan != NULL)
        g_ptr_array_unref(restore->plan);
    if (restore->config != NULL)
        g_string_free(restore->config, TRUE);
    chain_free(restore->chain);
    repack_free(restore->repack);
    traits_clear(&restore->traits);
    http_free(restore->http);
}

int
restore_tell_newer(struct restore *restore, const struct selection *selection)
{
    int worst = 0;
    for (guint i = 0; i < selection->newer->len; i++) {
        const struct newer *newer = selection->newer->pdata[i];
        report_problem(&restore->report, NULL, (struct slice){"", 0}, (struct slice){"", 0},
                       "snapshot %s is newer than the one that is used, but cannot be used: %s",
                       newer->folder, newer->reason);
        worst = MAX(worst, newer->code);
    }
    return worst;
}

/* ---- scratch databases ---- */

void
restore_end_trials(struct restore *restore)
{
    g_autoptr(GError) failure = NULL;
    stop_grant(RESTORE_CLEAN_UP);
    if (restore->repack != NULL && !repack_end(restore->repack, &failure))
        report_note(&restore->report, "%s", failure->message);
    stop_grant(0);
}

/* FALSE when no more need be tried, with an error when nothing else need be tried either. */
static gboolean
remove_left(struct restore *restore, const char *name, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *path = server_path(name, "");
    g_autoptr(GString) answer =
        http_fetch(restore->http, "DELETE", path, (struct slice){NULL, 0}, &failure);
    if (answer != NULL || http_has_status(failure, 404)) {
        log_info("removed scratch database '%s', which was left behind", name);
        return TRUE;
    }
    if (http_has_status(failure, 401) || failure->domain != HTTP)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        report_note(&restore->report,
                    "scratch database '%s', which was left behind, cannot be removed: %s", name,
                    failure->message);
    return FALSE;
}

gboolean
restore_remove_left(struct restore *restore, GError **error)
{
    guint others = 0;
    g_autoptr(GError) failure = NULL;
    g_auto(GStrv) names = server_databases(restore->http, error);
    if (names == NULL)
        return FALSE;
    for (char **name = names; *name != NULL; name++)
        if (scratch_is_left(*name)) {
            if (!remove_left(restore, *name, &failure))
                break;
        } else {
            others += scratch_is(*name);
        }
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (others > 0)
        report_note(&restore->report,
                    "the target has %u scratch databases (lifeboat-drill-…, lifeboat-trial-…) of "
                    "another restore or drill, which may be removed unless it is under way",
                    others);
    return TRUE;
}

/* ---- what the snapshot lacks ---- */

struct telling {
    struct restore *restore;
    const char *const *databases;
    gboolean all;
};

static gboolean
is_wanted(void *context, const char *database, const char *id)
{
    const struct telling *telling = context;
    for (guint i = 0; i < telling->restore->plan->len; i++) {
        const struct plan_item *item = telling->restore->plan->pdata[i];
        if (g_str_equal(item->name, database))
            return id == NULL || item->documents == NULL ||
                   g_hash_table_contains(item->documents, id);
    }
    return telling->all || plan_names(telling->databases, database);
}

static void
tell_problem(void *context, const char *database, const char *id, const char *rev,
             const char *reason)
{
    struct telling *telling = context;
    report_problem(&telling->restore->report, database, slice_of(id), slice_of(rev), "%s", reason);
}

static void
tell_left_out(void *context, const char *database, const char *reason)
{
    struct telling *telling = context;
    if (plan_names(telling->databases, database))
        tell_problem(context, database, "", "", reason);
    else
        report_note(&telling->restore->report, "database '%s': %s", database, reason);
}

void
restore_tell_lacking(struct restore *restore, const char *const *databases, gboolean all)
{
    struct telling telling = {restore, databases, all};
    const struct lacking lacking = {is_wanted, tell_problem, tell_left_out, &telling};
    lacking_tell(restore->chain, &lacking);
}

void
restore_tell_lost(struct restore *restore, const struct plan_item *item, const struct leaf *leaf)
{
    for (guint i = 0; i < leaf->n_attachments; i++)
        if (!leaf->attachments[i].here)
            report_problem(&restore->report, item->target, leaf->id, leaf->rev,
                           "restored without its attachment " SLICE_FORMAT
                           ", which no snapshot of the chain holds",
                           SLICE_ARGS(leaf->attachments[i].name));
}

const char *
restore_shown(const struct restore *restore, const struct plan_item *item)
{
    return restore->scratch ? item->name : item->target;
}

/* The limits that were just set are those that hold now. */
gboolean
restore_set_limits(struct restore *restore, GError **error)
{
    if (!restore->with_config)
        return TRUE;
    if (!configuration_set_limits(restore, error))
        return FALSE;
    restore_end_trials(restore);
    g_clear_pointer(&restore->repack, repack_free);
    traits_clear(&restore->traits);
    if (!traits_fetch(restore->http, &restore->traits, error))
        return FALSE;
    restore->repack = repack_new(restore->http, &restore->traits);
    return TRUE;
}

/* The settings come last, and before them what needs the password that we have now. */
gboolean
restore_set_rest(struct restore *restore, GError **error)
{
    if (!restore->with_config)
        return TRUE;
    restore_end_trials(restore);
    return configuration_set_rest(restore, error);
}
