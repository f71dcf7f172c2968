/* command: see the header. */
#include "replicator/offsite/command.h"

#include "lib/base/account.h"
#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/lock.h"
#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "replicator/offsite/fetch.h"
#include "replicator/offsite/list.h"
#include "replicator/offsite/push.h"

#include <stdio.h>

static void
wait_and_tell(void *context, guint milliseconds, const GError *cause)
{
    (void)context;
    log_notice("%s; trying again in %.1f s", cause->message, milliseconds / 1000.0);
    stop_sleep(milliseconds);
}

/* Whoever reads JSON is told how it ended; that there is no network now is no news to him. */
static void
wait_quietly(void *context, guint milliseconds, const GError *cause)
{
    (void)context;
    log_debug("%s; trying again in %.1f s", cause->message, milliseconds / 1000.0);
    stop_sleep(milliseconds);
}

static struct bucket *
open_bucket(const struct command_line *line, GError **error)
{
    const struct bucket_options options = {
        .url = options_string(line, "bucket"),
        .region = options_string(line, "region"),
        .credentials = options_string(line, "credentials"),
        .ca = options_string(line, "ca"),
        .stall_seconds = (guint)options_integer(line, "stall"),
        .bytes_per_second = (guint64)options_integer(line, "rate") * 1000,
        .patience = {.seconds = (guint)options_integer(line, "patience"),
                     .wait = options_flag(line, "json") ? wait_quietly : wait_and_tell,
                     .stopped = stop_is_due},
    };
    struct bucket *bucket = bucket_open(&options, error);
    if (bucket != NULL)
        http_set_stop(bucket->http, stop_is_due, NULL);
    return bucket;
}

/* The node's, or those of --signer; NULL without an error where there are none. */
static gboolean
open_keys(const struct command_line *line, struct keys **keys, GError **error)
{
    const char *const *signers = options_list(line, "signer");
    *keys = NULL;
    if (signers[0] == NULL)
        return keys_open_if_any(options_string(line, "keys"), keys, error);
    *keys = keys_open_bare(NULL, signers, error);
    return *keys != NULL;
}

static void
tell_problems(GString *event, const GPtrArray *problems)
{
    json_text_member_strings(event, "problems", problems);
    if (problems->len > 0)
        json_text_member_string(event, "error", problems->pdata[0]);
}

static int
warn_of(const GPtrArray *problems)
{
    for (guint i = 0; i < problems->len; i++)
        log_warning("%s", (const char *)problems->pdata[i]);
    return problems->len > 0 ? FAIL_INCOMPLETE : 0;
}

/* ---- push ---- */

static void
tell_push(const struct push *push, gboolean json, gboolean quiet, int exit_code)
{
    g_autofree char *size = g_format_size(push->bytes);
    if (!json) {
        if (!quiet)
            printf("'%s': %u snapshot%s there, %s%s; copied %u (%s), removed %u\n",
                   push->bucket->url, push->snapshots, push->snapshots == 1 ? " stands" : "s stand",
                   push->newest != NULL ? "the newest complete one of " : "none of them complete",
                   push->newest != NULL ? push->newest : "", push->put, size, push->removed);
        return;
    }
    GString *event = progress_event_begin(push->progress, "summary");
    json_text_member_string(event, "bucket", push->bucket->url);
    json_text_member_string(event, "store", push->id);
    json_text_member_string(event, "newest", push->newest);
    json_text_member_unsigned(event, "snapshots", push->snapshots);
    json_text_member_unsigned(event, "copied", push->put);
    json_text_member_unsigned(event, "removed", push->removed);
    json_text_member_unsigned(event, "bytes", push->bytes);
    tell_problems(event, push->problems);
    json_text_member_integer(event, "exit", exit_code);
    progress_event_end(push->progress);
}

static gboolean
push_locked(struct push *push, const char *path, GError **error)
{
    AUTO(store) *store = store_open(path, NULL, error); /* none is made */
    AUTO(lock) *lock =
        store != NULL ? lock_take(store->fd, "offsite.lock", "lifeboat offsite push", error) : NULL;
    return lock != NULL && push_store(push, path, error);
}

int
offsite_push_command(const struct command_line *line, GError **error)
{
    const char *path = options_string(line, "store");
    gboolean json = options_flag(line, "json"), quiet = options_flag(line, "quiet");
    if (!account_follow(options_string(line, "user"), path, options_string(line, "state"), error))
        return FAIL_FAILED;
    AUTO(keys) *keys = keys_open(options_string(line, "keys"), error);
    AUTO(bucket) *bucket = keys != NULL ? open_bucket(line, error) : NULL;
    if (bucket == NULL)
        return fail_exit_code(*error);
    AUTO(progress) *progress = progress_new(json, quiet);
    struct push push = {.bucket = bucket, .keys = keys, .progress = progress};
    stop_watch();
    gboolean done = push_locked(&push, path, error);
    progress_clear(progress);
    int exit_code = done ? warn_of(push.problems) : fail_exit_code(*error);
    if (done)
        tell_push(&push, json, quiet, exit_code);
    push_clear(&push);
    return exit_code;
}

/* ---- fetch ---- */

static void
tell_fetch(const struct fetch *fetch, const char *path, gboolean json, gboolean quiet,
           int exit_code)
{
    g_autofree char *size = g_format_size(fetch->bytes);
    if (!json) {
        g_autofree char *quoted = g_shell_quote(path);
        if (!quiet && fetch->snapshots == 0)
            printf("NOTHING THAT CAN BE RESTORED was found in the bucket\n");
        else if (!quiet)
            printf("%u snapshot%s in '%s', %u fetched now (%s); to check: lifeboat-restore verify "
                   "%s%s\n",
                   fetch->snapshots, fetch->snapshots == 1 ? " stands" : "s stand", path,
                   fetch->fetched, size, quoted,
                   fetch->keys == NULL ? " --signer PUBLICKEY (none was checked)" : "");
        return;
    }
    GString *event = progress_event_begin(fetch->progress, "summary");
    json_text_member_string(event, "bucket", fetch->bucket->url);
    json_text_member_unsigned(event, "snapshots", fetch->snapshots);
    json_text_member_unsigned(event, "fetched", fetch->fetched);
    json_text_member_unsigned(event, "bytes", fetch->bytes);
    json_text_member_boolean(event, "checked", fetch->keys != NULL);
    tell_problems(event, fetch->problems);
    json_text_member_integer(event, "exit", exit_code);
    progress_event_end(fetch->progress);
}

int
offsite_fetch_command(const struct command_line *line, GError **error)
{
    const char *path = command_argument(line, "DIR");
    gboolean json = options_flag(line, "json"), quiet = options_flag(line, "quiet");
    AUTO(keys) *keys = NULL;
    if (!open_keys(line, &keys, error))
        return fail_exit_code(*error);
    AUTO(bucket) *bucket = open_bucket(line, error);
    if (bucket == NULL)
        return fail_exit_code(*error);
    AUTO(progress) *progress = progress_new(json, quiet);
    struct fetch fetch = {.bucket = bucket, .keys = keys, .progress = progress};
    stop_watch();
    gboolean done = fetch_store(&fetch, path, error);
    progress_clear(progress);
    int exit_code = done ? warn_of(fetch.problems) : fail_exit_code(*error);
    if (done && fetch.snapshots == 0)
        exit_code = FAIL_DAMAGED;
    if (done)
        tell_fetch(&fetch, path, json, quiet, exit_code);
    fetch_clear(&fetch);
    return exit_code;
}

/* ---- list ---- */

int
offsite_list_command(const struct command_line *line, GError **error)
{
    gboolean json = options_flag(line, "json");
    AUTO(keys) *keys = NULL;
    if (!open_keys(line, &keys, error))
        return fail_exit_code(*error);
    AUTO(bucket) *bucket = open_bucket(line, error);
    if (bucket == NULL)
        return fail_exit_code(*error);
    AUTO(progress) *progress = progress_new(json, TRUE);
    stop_watch();
    AUTO(outline) *outline = outline_read(bucket, NULL, keys, error);
    if (outline == NULL)
        return fail_exit_code(*error);
    return list_tell(outline, progress, json, keys != NULL) ? 0 : FAIL_DAMAGED;
}
