#include "replicator/snapshot/run.h"

#include "config.h"
#include "lib/archive/snapshot_reader.h"
#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/base/rfc3339.h"
#include "lib/base/stop.h"
#include "replicator/snapshot/files.h"
#include "replicator/snapshot/idle.h"
#include "replicator/snapshot/recipients.h"
#include "replicator/snapshot/scrub.h"
#include "replicator/snapshot/state.h"

/* ---- what is known of the parent ---- */

gboolean
run_open_chain(struct run *run, GError **error)
{
    if (run->chain == NULL)
        run->chain = chain_open(run->store, run->parent, run->keys, 0, error);
    return run->chain != NULL;
}

const struct manifest_database *
run_parent_database(const struct run *run, const char *name)
{
    return run->parent_manifest != NULL ? manifest_find(run->parent_manifest, name) : NULL;
}

const char *
run_parent_at(const struct run *run, const char *name)
{
    const struct manifest_database *database = run_parent_database(run, name);
    return database != NULL ? database->at : NULL;
}

/* Compares the parent's server entries with ours: `same` counts those that are alike, `others` the
 * rest. */
struct server_look {
    GHashTable *ours; /* name → SHA-256 hex */
    guint same, others;
    guint
        left_out; /* extra files that ours lacks though they are there, or though none was named */
    gboolean named; /* some extra files were */
};

static gboolean
look_at_server_entry(void *context, const struct manifest_entry *entry, GError **error)
{
    struct server_look *look = context;
    (void)error;
    if (!g_str_has_prefix(entry->name, "server/"))
        return TRUE;
    g_autofree char *hex = hash_hex(entry->sha256, sizeof entry->sha256);
    if (g_strcmp0(g_hash_table_lookup(look->ours, entry->name), hex) == 0)
        look->same++;
    else
        look->others++;
    const char *path = entry->name + strlen("server/files");
    if (g_str_has_prefix(entry->name, "server/files/") &&
        !g_hash_table_contains(look->ours, entry->name) &&
        (!look->named || g_file_test(path, G_FILE_TEST_EXISTS)))
        look->left_out++;
    return TRUE;
}

/* Settings that could not be read are taken over from the parent. */
static gboolean
recall_config(struct run *run, GError **error)
{
    GError *failure = NULL;
    if (!run->no_config || !run_open_chain(run, error))
        return !run->no_config;
    run->config = chain_server_config(run->chain, &failure);
    if (failure == NULL)
        return TRUE;
    g_propagate_error(error, failure);
    return FALSE;
}

/* Reads the parent's manifest. *differs: server settings or files are not those that it has. */
static gboolean
read_parent(struct run *run, gboolean *differs, GError **error)
{
    g_autoptr(GHashTable) ours = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    struct server_look look = {
        .ours = ours, .named = run->options->files != NULL && run->options->files[0] != NULL};
    if (!recall_config(run, error))
        return FALSE;
    if (run->config != NULL) {
        guint8 digest[HASH_SHA256_SIZE];
        hash_sha256(run->config->str, run->config->len, digest);
        g_hash_table_insert(ours, g_strdup("server/config.json"), hash_hex(digest, sizeof digest));
    }
    for (guint i = 0; i < run->files->len; i++) {
        char *hash = files_hash(run->files->pdata[i], error);
        if (hash == NULL)
            return FALSE;
        g_hash_table_insert(ours, g_strconcat("server/files", run->files->pdata[i], NULL), hash);
    }
    AUTO(snapshot_reader) *reader = snapshot_reader_open(run->store, run->parent, run->keys, error);
    if (reader == NULL)
        return FALSE;
    run->parent_manifest = snapshot_reader_manifest(reader, look_at_server_entry, &look, error);
    if (look.left_out > 0)
        log_warning("%u extra file%s that the last snapshot has %s left out; set `files` in "
                    "[snapshot] or give --file",
                    look.left_out, look.left_out == 1 ? "" : "s",
                    look.left_out == 1 ? "is" : "are");
    *differs = look.others > 0 || look.same != g_hash_table_size(ours);
    return run->parent_manifest != NULL;
}

/* ---- databases that are not written ---- */

static void
passed_free(gpointer data)
{
    struct run_passed *passed = data;
    g_free(passed->name);
    g_free(passed->status);
    g_free(passed->at);
    g_free(passed->reason);
    g_free(passed);
}

void
run_pass(struct run *run, const char *name, const char *status, const char *at, const char *reason)
{
    if (run->writer != NULL) {
        snapshot_writer_database_passed(run->writer, name, status, at, reason,
                                        run->parent_manifest);
        return;
    }
    struct run_passed *passed = g_new0(struct run_passed, 1);
    passed->name = g_strdup(name);
    passed->status = g_strdup(status);
    passed->at = g_strdup(at);
    passed->reason = g_strdup(reason);
    g_ptr_array_add(run->passed, passed);
}

void
run_problem(struct run *run, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *message = fail_message(text);
    const char *hint = fail_hint(text);
    run->problems++;
    progress_event(run->progress, "problem", "message", message, hint != NULL ? "hint" : NULL, hint,
                   NULL);
    if (run->problems <= RUN_PROBLEMS_SHOWN) {
        log_warning("%s", message);
        if (hint != NULL)
            log_notice("hint: %s", hint);
    } else if (run->problems == RUN_PROBLEMS_SHOWN + 1)
        log_warning("more is missing; the snapshot's manifest names it all");
}

/* ---- the snapshot ---- */

static struct catalogue *
new_catalogue(const struct run *run)
{
    struct catalogue *catalogue = catalogue_new();
    const char *parent = run->parent != NULL ? run->parent->catalogue->id : NULL;
    catalogue->id = g_uuid_string_random();
    catalogue->parent = g_strdup(parent);
    catalogue->store = g_strdup(run->store->id);
    catalogue->site = g_strdup(run->keys->site);
    catalogue->node = g_strdup(run->keys->node);
    catalogue->kind = g_strdup(parent != NULL ? "increment" : "full");
    catalogue->number = store_next_number(run->store);
    catalogue->heals = g_strdup(run->heals);
    catalogue->started = rfc3339_now();
    catalogue->lifeboat = g_strdup(LIFEBOAT_VERSION);
    catalogue->couchdb = g_strdup(run->source.version);
    return catalogue;
}

gboolean
run_begin_writer(struct run *run, GError **error)
{
    if (run->writer != NULL)
        return TRUE;
    run->catalogue = new_catalogue(run);
    run->writer =
        snapshot_writer_begin(run->store, run->keys, run->catalogue, run->source.uuid, 0, error);
    if (run->writer == NULL)
        return FALSE;
    if (run->config != NULL &&
        !snapshot_writer_server(run->writer, (struct slice){run->config->str, run->config->len},
                                error))
        return FALSE;
    for (guint i = 0; i < run->files->len; i++)
        if (!snapshot_writer_file(run->writer, run->files->pdata[i], error))
            return FALSE;
    for (guint i = 0; i < run->passed->len; i++) {
        const struct run_passed *passed = run->passed->pdata[i];
        run_pass(run, passed->name, passed->status, passed->at, passed->reason);
    }
    run->link_began = g_get_monotonic_time();
    run->link_base = snapshot_writer_plain(run->writer);
    return TRUE;
}

gboolean
run_link_is_due(const struct run *run)
{
    return snapshot_writer_plain(run->writer) - run->link_base >= run->options->link_bytes ||
           g_get_monotonic_time() - run->link_began >=
               (gint64)run->options->link_seconds * G_USEC_PER_SEC;
}

static void
count_link(struct run *run)
{
    const struct catalogue_counts *link = &run->catalogue->counts;
    run->counts.databases += link->databases;
    run->counts.documents += link->documents;
    run->counts.leaves += link->leaves;
    run->counts.attachments += link->attachments;
    run->counts.gone += link->gone;
    run->counts.unread = link->unread; /* each link names again what those before did */
    run->bytes_stored += run->catalogue->bytes_stored;
}

static void
show_verified(void *context, guint64 bytes)
{
    struct run *run = context;
    (void)bytes;
    progress_add(run->progress, 0, 0);
}

/* A link says of the databases still to come that they stand where they stood. */
static void
pass_rest(struct run *run)
{
    for (guint i = run->at + 1; run->names[i] != NULL; i++) {
        const char *name = run->names[i];
        if (!g_str_equal(name, "_global_changes"))
            run_pass(run, name, choice_takes(&run->options->choice, name) ? "pending" : "excluded",
                     run_parent_at(run, name), NULL);
    }
}

/*
 * The link is what the rest of the run builds upon: databases read in it stand at it from now on,
 * those passed stay as they are. All that points into the store's list is found anew.
 */
static gboolean
build_upon_link(struct run *run, GError **error)
{
    g_ptr_array_set_size(run->passed, 0);
    g_clear_pointer(&run->chain, chain_free);
    g_clear_pointer(&run->parent_manifest, manifest_free);
    run->parent = NULL;
    if (!store_refresh(run->store, run->keys, error))
        return FALSE;
    run->parent = store_find(run->store, run->catalogue->id, error);
    AUTO(snapshot_reader) *reader =
        run->parent != NULL ? snapshot_reader_open(run->store, run->parent, run->keys, error)
                            : NULL;
    run->parent_manifest =
        reader != NULL ? snapshot_reader_manifest(reader, NULL, NULL, error) : NULL;
    if (run->parent_manifest == NULL)
        return FALSE;
    for (guint i = 0; i < run->at && run->names[i] != NULL; i++) {
        const struct manifest_database *database =
            manifest_find(run->parent_manifest, run->names[i]);
        if (database != NULL)
            run_pass(run, database->name,
                     g_str_equal(database->status, "read") ? "unchanged" : database->status,
                     database->at, database->reason);
    }
    return TRUE;
}

gboolean
run_seal(struct run *run, gboolean complete, GError **error)
{
    g_autofree char *finished = rfc3339_now();
    run->catalogue->complete = complete;
    if (!complete)
        pass_rest(run);
    progress_begin(run->progress, "verifying", NULL, 0);
    if (!snapshot_writer_seal(run->writer, finished, show_verified, run, error))
        return FALSE;
    count_link(run);
    run->links++;
    for (guint i = 0; i < run->states->len; i++)
        if (!state_writer_commit(run->states->pdata[i], error))
            return FALSE;
    g_ptr_array_set_size(run->states, 0);
    if (complete)
        return TRUE;
    g_clear_pointer(&run->writer, snapshot_writer_free);
    gboolean done = build_upon_link(run, error);
    g_clear_pointer(&run->catalogue, catalogue_free);
    return done;
}

/* ---- the whole ---- */

/* The databases that the parent has and that are not there any more; the operator should know. */
static void
note_dropped(struct run *run)
{
    for (guint n = 0; run->parent_manifest != NULL && n < run->parent_manifest->databases->len;
         n++) {
        const struct manifest_database *database = run->parent_manifest->databases->pdata[n];
        if (database->at == NULL ||
            g_strv_contains((const char *const *)run->names, database->name))
            continue;
        if (++run->dropped <= RUN_PROBLEMS_SHOWN)
            log_warning("database '%s' is no longer on the server; older snapshots have it",
                        database->name);
    }
}

/* All but those that pass. */
static char **
databases_to_read(struct http *http, GError **error)
{
    char **names = server_databases(http, error);
    gsize n = 0;
    for (gsize i = 0; names != NULL && names[i] != NULL; i++)
        if (server_is_passing(names[i]))
            g_free(names[i]);
        else
            names[n++] = names[i];
    if (names != NULL)
        names[n] = NULL;
    return names;
}

gboolean
run_check_choice(struct run *run, GError **error)
{
    if (run->options->choice.include == NULL || run->options->choice.include[0] == NULL)
        return TRUE;
    g_auto(GStrv) names = databases_to_read(run->http, error);
    return names != NULL && idle_check(&run->options->choice, names, error);
}

static gboolean
read_source(struct run *run, GError **error)
{
    g_autoptr(GError) cause = NULL;
    if (!server_info_fetch(run->http, &run->source, error))
        return FALSE;
    run->config = server_config(run->http, &cause);
    run->no_config = cause != NULL; /* also a 401, which CouchDB says to a user who is no admin */
    if (run->no_config)
        run_problem(run, "the server's settings could not be read: %s", cause->message);
    run->names = databases_to_read(run->http, error);
    if (run->names == NULL)
        return FALSE;
    idle_tell(run);
    return TRUE;
}

static gboolean
read_databases(struct run *run, GError **error)
{
    for (run->at = 0; run->names[run->at] != NULL; run->at++) {
        const char *name = run->names[run->at];
        if (!choice_takes(&run->options->choice, name))
            run_pass(run, name, "excluded", run_parent_at(run, name), NULL);
        else if (!stop_check(error) || !run_database(run, name, error))
            return FALSE;
    }
    return TRUE;
}

/* The restore points that cannot be restored any more, newest first. The daemon tells people the
 * last of them. */
static void
tell_lost(const struct run *run)
{
    guint told = 0;
    for (guint i = run->store->snapshots->len; i-- > 0 && told < RUN_PROBLEMS_SHOWN;) {
        const struct snapshot *snapshot = run->store->snapshots->pdata[i];
        if (!store_is_lost(snapshot) || !snapshot->catalogue->complete)
            continue;
        const char *why = snapshot->problem != NULL
                              ? snapshot->problem
                              : "one that it builds upon is missing or damaged";
        g_autofree char *message =
            g_strdup_printf("snapshot %s cannot be restored any more: %s", snapshot->folder, why);
        log_warning("store '%s': %s", run->store->path, message);
        progress_event(run->progress, "problem", "message", message, NULL);
        told++;
    }
}

/* The newest snapshot that this node can read: what another one writes here, only the recovery key
 * and that node's own decrypt. */
static struct snapshot *
newest_readable(const struct run *run)
{
    g_autoptr(GError) cause = NULL;
    struct snapshot *tip = store_tip(run->store, FALSE);
    if (tip == NULL)
        return NULL;
    snapshot_reader_free(snapshot_reader_open(run->store, tip, run->keys, &cause));
    if (!g_error_matches(cause, FAIL, FAIL_KEY))
        return tip;
    struct minisign_public ours;
    minisign_secret_public(run->keys->signing, &ours);
    log_info("store '%s': snapshot %s was made by node '%s' for its own keys: this node keeps a "
             "chain of its own beside it",
             run->store->path, tip->folder, tip->catalogue->node);
    return store_tip_by(run->store, FALSE, ours.id);
}

/* The snapshot that was lost, be it the orphan or one that it builds upon. */
static const char *
lost_with(const struct snapshot *orphan)
{
    if (orphan->trust == SNAPSHOT_DAMAGED)
        return orphan->catalogue->id;
    while (orphan->parent != NULL)
        orphan = orphan->parent;
    return orphan->catalogue->parent;
}

/*
 * The parent is the newest snapshot whose chain is whole. When a newer one stands on something
 * missing or damaged, building on the older one makes the newest state whole again: what only the
 * lost one held differs, and is fetched.
 */
static void
choose_parent(struct run *run)
{
    gboolean full = run->options->full;
    run->parent = full ? NULL : newest_readable(run);
    if (run->parent != NULL && !recipients_read(run->store, run->parent, run->keys)) {
        log_notice("store '%s': somebody was accepted after its chain was begun, who cannot read "
                   "it: a full snapshot begins a new one",
                   run->store->path);
        run->parent = NULL;
        full = TRUE;
    }
    const struct snapshot *orphan = store_orphan(run->store);
    guint64 number = run->parent != NULL ? run->parent->catalogue->number : 0;
    g_clear_pointer(&run->heals, g_free);
    if (orphan == NULL || orphan->catalogue->number < number || full)
        return;
    run->heals = g_strdup(lost_with(orphan));
}

/* A parent whose chain is sound as far as it was read back this time. */
static gboolean
find_parent(struct run *run, GError **error)
{
    const struct snapshot *damaged;
    do {
        choose_parent(run);
        if (!scrub_chain(run->store, run->parent, run->options->scrub_bytes, run->state_fd,
                         run->progress, &damaged, error))
            return FALSE;
    } while (damaged != NULL);
    if (run->heals == NULL)
        return TRUE;
    tell_lost(run);
    log_warning("store '%s': this run makes the newest state whole again", run->store->path);
    return TRUE;
}

static void
tell_unreadable(void *context, const char *path, const char *reason)
{
    run_problem(context,
                "extra file '%s' cannot be read: %s\n"
                "hint: mend `files` in [snapshot], or --file",
                path, reason);
}

static gboolean
run_once(struct run *run, GError **error)
{
    gboolean differs = TRUE;
    run->passed = g_ptr_array_new_with_free_func(passed_free);
    run->states = g_ptr_array_new_with_free_func((GDestroyNotify)state_writer_free);
    run->files = files_list(run->options->files, run->store->fd, tell_unreadable, run, error);
    if (run->files == NULL || !read_source(run, error) || !find_parent(run, error))
        return FALSE;
    if (run->parent != NULL && !read_parent(run, &differs, error))
        return FALSE;
    note_dropped(run);
    differs = differs || run->dropped > 0 || run->heals != NULL ||
              (run->parent != NULL && !run->parent->catalogue->complete);
    if ((differs && !run_begin_writer(run, error)) || !read_databases(run, error))
        return FALSE;
    return run->writer == NULL || run_seal(run, TRUE, error);
}

/* All that one attempt made. What was not sealed is removed. */
static void
forget_attempt(struct run *run)
{
    g_clear_pointer(&run->writer, snapshot_writer_free);
    g_clear_pointer(&run->catalogue, catalogue_free);
    g_clear_pointer(&run->passed, g_ptr_array_unref);
    g_clear_pointer(&run->states, g_ptr_array_unref);
    g_clear_pointer(&run->files, g_ptr_array_unref);
    g_clear_pointer(&run->names, g_strfreev);
    g_clear_pointer(&run->chain, chain_free);
    g_clear_pointer(&run->parent_manifest, manifest_free);
    g_clear_pointer(&run->heals, g_free);
    if (run->config != NULL)
        g_string_free(run->config, TRUE);
    run->config = NULL;
    server_info_clear(&run->source);
    run->counts = (struct catalogue_counts){0};
    run->unchanged = run->failed = run->dropped = run->bytes_stored = 0;
    run->problems = 0;
    run->again = FALSE;
}

/* After a failure: whether it came of damage in the chain, which the next attempt then leaves
 * aside. */
static gboolean
parent_is_lost(struct run *run, const GError *cause)
{
    if (!g_error_matches(cause, FAIL, FAIL_DAMAGED) || run->parent == NULL)
        return FALSE;
    return !store_check_chain(run->store, run->parent, run->progress, NULL) ||
           store_is_lost(run->parent);
}

gboolean
run_snapshot(struct run *run, GError **error)
{
    run->distrusted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (;;) {
        g_autoptr(GError) cause = NULL;
        if (run_once(run, &cause))
            return TRUE;
        if (!run->again && !parent_is_lost(run, cause)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        g_autofree char *message = fail_message(cause->message);
        if (!run->again)
            log_warning("store '%s': %s; starting again without it", run->store->path, message);
        forget_attempt(run);
    }
}

void
run_clear(struct run *run)
{
    forget_attempt(run);
    g_clear_pointer(&run->distrusted, g_hash_table_unref);
    fd_auto_close(&run->state_fd);
    store_free(run->store);
    http_free(run->http);
}
