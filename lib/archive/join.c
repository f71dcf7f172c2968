/* join: see the header. */
#include "lib/archive/join.h"

#include "config.h"
#include "lib/base/fail.h"
#include "lib/base/stop.h"
#include "lib/json/json.h"

#define MEMORY (20 * 1024 * 1024) /* bytes for merging, beside those for writing */

struct join {
    struct chain *chain;
    struct catalogue *catalogue; /* of the merged one */
    struct snapshot_writer *writer;
    struct progress *progress;
};

static struct slice
slice_of_text(const GString *text)
{
    return (struct slice){text->str, text->len};
}

/* The damaged snapshot that the newest of them makes good, if any does. */
static const char *
healed_by(const struct snapshot *newest, const struct snapshot *oldest)
{
    const struct snapshot *one = newest;
    while (one->catalogue->heals == NULL && one != oldest)
        one = one->parent;
    return one->catalogue->heals;
}

static struct catalogue *
merged_catalogue(const struct snapshot *newest, const struct snapshot *oldest)
{
    const struct catalogue *from = newest->catalogue;
    struct catalogue *catalogue = catalogue_new();
    catalogue->id = g_strdup(from->id);
    catalogue->parent = g_strdup(oldest->catalogue->parent);
    catalogue->store = g_strdup(from->store);
    catalogue->site = g_strdup(from->site);
    catalogue->node = g_strdup(from->node);
    catalogue->kind = g_strdup("merged");
    catalogue->number = from->number;
    catalogue->started = g_strdup(from->started);
    catalogue->lifeboat = g_strdup(LIFEBOAT_VERSION);
    catalogue->couchdb = g_strdup(from->couchdb);
    catalogue->complete = from->complete;
    catalogue->heals = g_strdup(healed_by(newest, oldest));
    return catalogue;
}

/* ---- the server ---- */

static gboolean
begin_file(void *context, const struct chain_file *file, GError **error)
{
    const struct snapshot_file copy = {file->path, file->mode,  file->uid, file->gid,
                                       file->user, file->group, file->size};
    return snapshot_writer_file_begin(context, &copy, error);
}

static gboolean
file_bytes(void *context, const void *data, gsize size, GError **error)
{
    return snapshot_writer_file_bytes(context, data, size, error);
}

static gboolean
end_file(void *context, GError **error)
{
    return snapshot_writer_file_end(context, error);
}

static gboolean
write_server(struct join *join, GError **error)
{
    GError *failure = NULL;
    const struct chain_files files = {begin_file, file_bytes, end_file, join->writer};
    g_autoptr(GString) config = chain_server_config(join->chain, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    return (config == NULL || snapshot_writer_server(join->writer, slice_of_text(config), error)) &&
           chain_server_files(join->chain, &files, error);
}

/* ---- a database ---- */

/* db.json, saying that nothing older counts where that is so. */
static GString *
describe(const struct chain_database *database)
{
    struct slice base, text = slice_of_text(database->db_json);
    GString *copy = g_string_new_len(text.data, (gssize)text.size);
    if (database->whole && json_member(text, "base", &base)) {
        gssize at = base.data - text.data;
        g_string_erase(copy, at, (gssize)base.size);
        g_string_insert(copy, at, "\"fresh\"");
    }
    return copy;
}

static char *
raw_member(struct slice json, const char *name)
{
    struct slice value;
    return json_member(json, name, &value) ? slice_dup(value) : NULL;
}

/* end.json: counts and leaf digest are the writer's, all else is as it was. */
static gboolean
end_database(struct join *join, const struct chain_database *database,
             const struct manifest_database *as, GError **error)
{
    struct slice text = slice_of_text(database->end_json);
    struct manifest_database row = *as;
    struct snapshot_database_end end = {.quiet = json_member_true(text, "quiet"), .as = &row};
    g_autofree char *last_seq = raw_member(text, "last_seq");
    g_autofree char *tokens = raw_member(text, "tokens");
    g_autofree char *state_digest = NULL;
    json_member_text(text, "state_digest", &state_digest);
    json_member_unsigned(text, "state_documents", &end.state_documents);
    json_member_unsigned(text, "unread", &end.unread);
    end.last_seq = last_seq;
    end.tokens = tokens;
    end.state_digest = state_digest;
    row.as_of = g_strcmp0(row.at, join->catalogue->id) != 0
                    ? (char *)chain_stands_since(join->chain, row.name)
                    : NULL;
    return snapshot_writer_database_end(join->writer, &end, error);
}

static gboolean
write_database(struct join *join, const struct manifest_database *as, GError **error)
{
    static const struct slice none = {"", 0};
    const struct manifest *manifest = chain_manifest(join->chain);
    AUTO(chain_database) *database = chain_database_open(join->chain, as->name, error);
    if (database == NULL)
        return FALSE;
    g_autoptr(GString) db_json = describe(database);
    if (!snapshot_writer_database_begin(join->writer, as->name, slice_of_text(db_json),
                                        slice_of_text(database->local_json), error) ||
        !chain_write(database, join->writer, error))
        return FALSE;
    snapshot_writer_still_unread(join->writer, manifest, none, FALSE, 0);
    snapshot_writer_still_unread(join->writer, manifest, none, TRUE, as->unread);
    return end_database(join, database, as, error);
}

/* What none of them holds stands where it stood, below them or nowhere. */
static gboolean
write_databases(struct join *join, GError **error)
{
    const struct manifest *manifest = chain_manifest(join->chain);
    for (guint i = 0; i < manifest->databases->len; i++) {
        const struct manifest_database *database = manifest->databases->pdata[i];
        progress_begin(join->progress, "merging", database->name, 0);
        if (!stop_check(error))
            return FALSE;
        const struct snapshot *at = chain_stands_at(join->chain, database->name);
        if (at != NULL && !manifest_is_held(database))
            return fail_set(error, FAIL_FAILED,
                            "database '%s': snapshot %s holds it, the newest names none that does",
                            database->name, at->folder);
        if (at == NULL) {
            snapshot_writer_database_passed(join->writer, database->name, database->status,
                                            database->at, database->reason, manifest);
        } else if (!write_database(join, database, error)) {
            g_prefix_error(error, "database '%s': ", database->name);
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- the whole ---- */

static void
show_verified(void *context, guint64 bytes)
{
    (void)bytes;
    progress_add(context, 0, 0);
}

static gboolean
write_merged(struct join *join, struct store *store, const struct keys *keys, const char *finished,
             GError **error)
{
    GError *failure = NULL;
    g_autofree char *source = chain_source(join->chain, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    join->writer = snapshot_writer_begin(store, keys, join->catalogue, source, 0, error);
    if (join->writer == NULL || !write_server(join, error) || !write_databases(join, error))
        return FALSE;
    progress_begin(join->progress, "verifying", NULL, 0);
    return snapshot_writer_seal(join->writer, finished, show_verified, join->progress, error);
}

/* Each is compared here, where it shows. */
static gboolean
check_originals(struct store *store, struct snapshot *newest, const struct snapshot *oldest,
                struct progress *progress, GError **error)
{
    for (struct snapshot *one = newest; one != NULL; one = one == oldest ? NULL : one->parent)
        if (!store_check(store, one, progress, error))
            return FALSE;
    return TRUE;
}

/* What was just read back need not be read again. */
static gboolean
list_anew(struct store *store, const char *id, const struct keys *keys, GError **error)
{
    if (!store_refresh(store, keys, error))
        return FALSE;
    struct snapshot *merged = store_find(store, id, error);
    if (merged == NULL)
        return FALSE;
    if (merged->trust != SNAPSHOT_TRUSTED || !g_str_equal(merged->catalogue->kind, "merged"))
        return fail_set(error, FAIL_FAILED, "the merged snapshot does not stand for snapshot %s",
                        merged->folder);
    merged->checked = TRUE;
    return TRUE;
}

gboolean
join_snapshots(struct store *store, struct snapshot *newest, const struct snapshot *oldest,
               const struct keys *keys, struct progress *progress, GError **error)
{
    if (!check_originals(store, newest, oldest, progress, error))
        return FALSE;
    struct join join = {.progress = progress};
    g_autofree char *folder = g_strdup(newest->folder);
    join.chain = chain_open_range(store, newest, oldest, keys, MEMORY, error);
    if (join.chain != NULL)
        join.catalogue = merged_catalogue(newest, oldest);
    gboolean done =
        join.chain != NULL && write_merged(&join, store, keys, newest->catalogue->finished, error);
    snapshot_writer_free(join.writer);
    chain_free(join.chain);
    if (!done)
        g_prefix_error(error, "cannot merge the snapshots up to %s: ", folder);
    done = done && list_anew(store, join.catalogue->id, keys, error);
    catalogue_free(join.catalogue);
    return done;
}
