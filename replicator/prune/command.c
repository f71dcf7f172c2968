/* command: see the header. */
#include "replicator/prune/command.h"

#include "lib/base/account.h"
#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/lock.h"
#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "replicator/prune/prune.h"

#include <fcntl.h>
#include <stdio.h>

/* ---- rules ---- */

static gboolean
take_rules(const struct command_line *line, guint counts[KEEP_RULES])
{
    gboolean some = FALSE;
    for (enum keep_rule rule = 0; rule < KEEP_RULES; rule++) {
        g_autofree char *name = g_strconcat("keep-", keep_rule_name(rule), NULL);
        counts[rule] = (guint)options_integer(line, name);
        some = some || counts[rule] > 0;
    }
    return some;
}

/* ---- what became of it ---- */

static const char *
fate_name(enum plan_fate fate)
{
    static const char *const names[] = {"kept", "deleted", "merged", "base", "no room"};
    return names[fate];
}

static void
add_counts(GString *event, const struct prune *prune)
{
    guint waiting = prune_count(prune, PLAN_BASE) + prune_count(prune, PLAN_ROOM);
    json_text_member_unsigned(event, "points", prune->plan->points->len);
    json_text_member_unsigned(event, "kept", prune_count(prune, PLAN_KEEP));
    json_text_member_unsigned(event, "removed",
                              prune_count(prune, PLAN_MERGE) + prune_count(prune, PLAN_DELETE));
    json_text_member_unsigned(event, "waiting", waiting);
    json_text_member_integer(event, "freed", prune->freed);
}

static void
tell_json(const struct prune *prune, gboolean dry, double seconds, int exit_code)
{
    for (guint i = 0; i < prune->plan->points->len; i++) {
        const struct plan_point *point = prune->plan->points->pdata[i];
        GString *event = progress_event_begin(prune->progress, "point");
        json_text_member_string(event, "snapshot", point->id);
        json_text_member_string(event, "folder", point->folder);
        json_text_member_string(event, "started", point->started);
        json_text_member_string(event, "fate", fate_name(point->fate));
        json_text_member_array(event, "rules");
        for (enum keep_rule rule = 0; rule < KEEP_RULES; rule++)
            if ((point->by & 1u << rule) != 0)
                json_text_string(event, keep_rule_name(rule));
        json_text_end_array(event);
        progress_event_end(prune->progress);
    }
    GString *event = progress_event_begin(prune->progress, "summary");
    json_text_member_boolean(event, "dry_run", dry);
    add_counts(event, prune);
    json_text_member_decimal(event, "seconds", seconds);
    json_text_member_integer(event, "exit", exit_code);
    progress_event_end(prune->progress);
}

static char *
say_rules(guint by)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (enum keep_rule rule = 0; rule < KEEP_RULES; rule++)
        if ((by & 1u << rule) != 0)
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", keep_rule_name(rule));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Each point, the newest first, and why it stays. */
static void
tell_points(const struct prune *prune)
{
    for (guint i = 0; i < prune->plan->points->len; i++) {
        const struct plan_point *point = prune->plan->points->pdata[i];
        g_autofree char *rules = say_rules(point->by);
        const char *what = point->fate == PLAN_BASE   ? "expired, stays as the base as yet"
                           : point->fate != PLAN_KEEP ? "goes"
                           : point->by == 0           ? "stays: others build upon it"
                                                      : "stays: ";
        printf("%-20s  %.8s  %s%s\n", point->started, point->id, what, rules);
    }
}

static char *
say_summary(const struct prune *prune)
{
    g_autofree char *size = g_format_size((guint64)MAX(prune->freed, 0));
    guint base = prune_count(prune, PLAN_BASE), room = prune_count(prune, PLAN_ROOM);
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "kept %u of %u restore points, freed %s\n",
                           prune_count(prune, PLAN_KEEP), prune->plan->points->len, size);
    if (base > 0)
        g_string_append_printf(text,
                               "%u expired stay%s as base until the increments to be merged with "
                               "it exceed half its size\n",
                               base, base == 1 ? "s" : "");
    if (room > 0)
        g_string_append_printf(text, "%u expired stay%s for lack of room\n", room,
                               room == 1 ? "s" : "");
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* ---- the commands ---- */

static gboolean
prune_locked(struct prune *prune, const char *path, GError **error)
{
    AUTO_FD int folder = -1;
    AUTO(store) *store = store_open(path, NULL, error); /* none is made */
    if (store == NULL)
        return FALSE;
    folder = file_open_folder(store->fd, ".", FALSE, error);
    AUTO(lock) *lock = folder >= 0 ? lock_take(folder, "lock", "lifeboat prune", error) : NULL;
    return lock != NULL && prune_store(prune, path, error);
}

int
prune_command(const struct command_line *line, GError **error)
{
    const char *path = command_argument(line, "STORE");
    gboolean dry = options_flag(line, "dry-run"), json = options_flag(line, "json");
    struct prune prune = {0};
    if (!take_rules(line, prune.counts)) {
        fail_set(error, FAIL_USAGE,
                 "no rule says which restore points to keep\nhint: --keep-daily 7 --keep-weekly 4 "
                 "--keep-monthly 12, or keep_daily and so on in [retention] of lifeboat.conf");
        return FAIL_USAGE;
    }
    if (!account_follow(options_string(line, "user"), path, options_string(line, "state"), error))
        return FAIL_FAILED;
    AUTO(keys) *keys = keys_open(options_string(line, "keys"), error);
    if (keys == NULL)
        return FAIL_KEY;
    AUTO(progress) *progress = progress_new(json, options_flag(line, "quiet"));
    prune.keys = keys;
    prune.progress = progress;
    stop_watch();
    gint64 began = g_get_monotonic_time();
    gboolean done = dry ? prune_look(&prune, path, error) : prune_locked(&prune, path, error);
    double seconds = (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC;
    int exit_code = !done                                ? fail_exit_code(*error)
                    : prune_count(&prune, PLAN_ROOM) > 0 ? FAIL_INCOMPLETE
                                                         : 0;
    progress_clear(progress);
    if (done && json) {
        tell_json(&prune, dry, seconds, exit_code);
    } else if (done && (dry || !options_flag(line, "quiet"))) {
        g_autofree char *summary = say_summary(&prune);
        if (dry)
            tell_points(&prune);
        else
            printf("%s", summary);
    }
    prune_clear(&prune);
    return exit_code;
}

gboolean
prune_beside_snapshot(const struct command_line *line, const char *store, const struct keys *keys,
                      struct progress *progress, char **said)
{
    g_autoptr(GError) error = NULL;
    struct prune prune = {.keys = keys, .progress = progress};
    if (!take_rules(line, prune.counts))
        return FALSE;
    if (!prune_store(&prune, store, &error)) {
        log_warning("store '%s': old restore points stay as they are: %s", store, error->message);
        progress_event(progress, "problem", "message", error->message, NULL);
    } else {
        GString *event = progress_event_begin(progress, "pruned");
        add_counts(event, &prune);
        progress_event_end(progress);
        g_free(*said);
        *said = say_summary(&prune);
    }
    gboolean roomier = prune.freed > 0;
    prune_clear(&prune);
    return roomier;
}
