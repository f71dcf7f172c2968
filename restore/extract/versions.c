/* versions: see the header. */
#include "restore/extract/versions.h"

#include "lib/archive/chain.h"
#include "lib/archive/snapshot_stream.h"
#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/couch/row.h"
#include "lib/json/json.h"
#include "restore/extract/tree.h"
#include "restore/run/plan.h"
#include "restore/run/report.h"
#include "restore/show.h"

#include <stdio.h>

#define PIECE (128 * 1024) /* bytes written at once */

struct versions {
    const struct selection *selection;
    struct progress *progress;
    gboolean json, quiet;
    int folder_fd;
    char *buffer; /* PIECE bytes */
    guint64 documents, revisions, attachments, missing;
};

/* One document. */
struct history {
    struct versions *all;
    char *database;
    const char *id;
    int fd;               /* its folder; -1 until a version is found */
    GHashTable *written;  /* revisions that are on the disk */
    GString *index;       /* of long-names.jsonl */
    GString *lines;       /* of versions.jsonl */
    char *last;           /* what the snapshot before had: its revisions */
    gboolean headed;      /* its table is begun */
    gboolean disk_failed; /* an error is the folder's, not the snapshot's */

    struct snapshot *snapshot; /* being looked into */
    GPtrArray *leaves;         /* struct version */
    gboolean incomplete;       /* the bytes of some attachments are in older snapshots */
};

struct version {
    char *rev;
    guint64 generation;
    gboolean deleted;
};

static void
version_free(gpointer data)
{
    struct version *version = data;
    g_free(version->rev);
    g_free(version);
}

static void tell_missing(struct versions *all, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
tell_missing(struct versions *all, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    all->missing++;
    log_warning("missing: %s", what);
    progress_event(all->progress, "missing", "what", what, NULL);
}

/* ---- writing a revision ---- */

/* Where the bytes of a leaf's attachments come from: a snapshot alone, or its chain. */
struct source {
    gboolean (*attachment)(void *context, guint which, GError **error);
    gboolean (*data)(void *context, void *data, gsize size, gsize *got, GError **error);
    void *context;
};

static gboolean
stream_attachment(void *context, guint which, GError **error)
{
    return snapshot_stream_attachment(context, which, error);
}

static gboolean
stream_data(void *context, void *data, gsize size, gsize *got, GError **error)
{
    return snapshot_stream_data(context, data, size, got, error);
}

static gboolean
merged_attachment(void *context, guint which, GError **error)
{
    return chain_attachment(context, which, error);
}

static gboolean
merged_data(void *context, void *data, gsize size, gsize *got, GError **error)
{
    return chain_data(context, data, size, got, error);
}

static gboolean
open_folder(struct history *history, GError **error)
{
    if (history->fd >= 0)
        return TRUE;
    AUTO_FD int database = tree_named_folder(history->all->folder_fd, slice_of(history->database),
                                             history->index, error);
    if (database >= 0)
        history->fd = tree_named_folder(database, slice_of(history->id), history->index, error);
    return history->fd >= 0;
}

/* The document with all its attachments as stubs, which they are here. */
static gboolean
write_document(struct history *history, const struct leaf *leaf, GError **error)
{
    struct leaf copy = *leaf;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree struct attachment *stubs =
        g_memdup2(leaf->attachments, leaf->n_attachments * sizeof *stubs);
    for (guint i = 0; i < leaf->n_attachments; i++)
        stubs[i].here = FALSE;
    copy.attachments = stubs;
    leaf_append_marked(&copy, text);
    g_string_append_c(text, '\n');
    AUTO_FD int fd = open_folder(history, error)
                         ? tree_named_file(history->fd, leaf->rev, ".json", history->index, error)
                         : -1;
    return fd >= 0 && file_write(fd, text->str, text->len, "revision", error);
}

static gboolean
write_attachment(struct history *history, const struct leaf *leaf, guint which, int folder_fd,
                 const struct source *source, GError **error)
{
    struct versions *all = history->all;
    const struct attachment *attachment = &leaf->attachments[which];
    g_autoptr(GString) name = g_string_new(NULL);
    json_unescape(attachment->name, name);
    if (!attachment->here) {
        tell_missing(all,
                     "attachment '%s' of document '%s' revision " SLICE_FORMAT " in database '%s'",
                     name->str, history->id, SLICE_ARGS(leaf->rev), history->database);
        return TRUE;
    }
    if (!source->attachment(source->context, which, error))
        return FALSE;
    AUTO_FD int fd = tree_named_file(folder_fd, (struct slice){name->str, name->len},
                                     attachment->encoded ? ".gz" : "", history->index, error);
    history->disk_failed = fd < 0;
    for (gsize got = 1; got > 0;) {
        if (fd < 0 || !source->data(source->context, all->buffer, PIECE, &got, error))
            return FALSE;
        history->disk_failed = !file_write(fd, all->buffer, got, name->str, error);
        if (history->disk_failed)
            return FALSE;
        progress_add(all->progress, 0, got);
    }
    all->attachments++;
    return TRUE;
}

static gboolean
write_revision(struct history *history, const struct leaf *leaf, const struct source *source,
               GError **error)
{
    g_autofree char *rev = slice_dup(leaf->rev);
    history->disk_failed = !write_document(history, leaf, error);
    if (history->disk_failed)
        return FALSE;
    g_hash_table_add(history->written, g_steal_pointer(&rev));
    history->all->revisions++;
    if (leaf->n_attachments == 0)
        return TRUE;
    AUTO_FD int folder = tree_named_folder(history->fd, leaf->rev, history->index, error);
    history->disk_failed = folder < 0;
    for (guint i = 0; folder >= 0 && i < leaf->n_attachments; i++)
        if (!write_attachment(history, leaf, i, folder, source, error))
            return FALSE;
    return folder >= 0;
}

static gboolean
is_written(const struct history *history, const struct leaf *leaf)
{
    g_autofree char *rev = slice_dup(leaf->rev);
    return g_hash_table_contains(history->written, rev);
}

/* ---- one snapshot ---- */

static gboolean
is_whole(const struct leaf *leaf)
{
    for (guint i = 0; i < leaf->n_attachments; i++)
        if (!leaf->attachments[i].here)
            return FALSE;
    return TRUE;
}

/* A revision that lacks attachments waits for the chain, where there is one. */
static gboolean
take_leaf(struct history *history, const struct leaf *leaf, struct snapshot_stream *stream,
          GError **error)
{
    const struct source source = {stream_attachment, stream_data, stream};
    struct version *version = g_new0(struct version, 1);
    *version = (struct version){slice_dup(leaf->rev), leaf->generation, leaf->deleted};
    g_ptr_array_add(history->leaves, version);
    if (is_written(history, leaf))
        return TRUE;
    if (is_whole(leaf) || !history->snapshot->rooted)
        return write_revision(history, leaf, &source, error);
    history->incomplete = TRUE;
    return TRUE;
}

/* Reads what the snapshot has of the document. *state: "leaf", "purged", "vanished", or "absent"
 * when the database was made anew without it; NULL when the snapshot has nothing of it. */
static gboolean
read_stream(struct history *history, struct snapshot_stream *stream, const char **state,
            GError **error)
{
    struct snapshot_item item;
    *state = snapshot_stream_is_fresh(stream) ? "absent" : NULL;
    for (;;) {
        if (!snapshot_stream_next(stream, &item, error))
            return FALSE;
        if (item.kind == SNAPSHOT_END)
            return TRUE;
        progress_add(history->all->progress, 1, 0);
        int order = row_compare_ids(item.id, slice_of(history->id));
        if (order > 0)
            return TRUE;
        if (order < 0)
            continue;
        *state = item.kind == SNAPSHOT_LEAF ? "leaf" : item.purged ? "purged" : "vanished";
        if (item.kind == SNAPSHOT_LEAF && !take_leaf(history, item.leaf, stream, error))
            return FALSE;
    }
}

static gboolean
read_alone(struct history *history, const char **state, GError **error)
{
    const struct selection *selection = history->all->selection;
    AUTO(snapshot_reader) *reader =
        snapshot_reader_open(selection->store, history->snapshot, selection->keys, error);
    AUTO(manifest) *manifest =
        reader != NULL ? snapshot_reader_manifest(reader, NULL, NULL, error) : NULL;
    if (manifest == NULL)
        return FALSE;
    const struct manifest_database *database = manifest_find(manifest, history->database);
    *state = database == NULL ? "absent" : NULL;
    if (database == NULL || !manifest_is_here(database))
        return TRUE;
    AUTO(snapshot_stream) *stream =
        snapshot_stream_new(reader, history->database, database->place, error);
    return stream != NULL && read_stream(history, stream, state, error);
}

/* The revisions that wait for bytes which older snapshots hold. */
static gboolean
read_chain(struct history *history, GError **error)
{
    const struct selection *selection = history->all->selection;
    if (!store_check_chain(selection->store, history->snapshot, history->all->progress, error))
        return FALSE;
    AUTO(chain) *chain = chain_open(selection->store, history->snapshot, selection->keys, 0, error);
    AUTO(chain_database) *database =
        chain != NULL ? chain_database_open(chain, history->database, error) : NULL;
    const struct source source = {merged_attachment, merged_data, database};
    for (gboolean end = FALSE; database != NULL && !end;) {
        const struct leaf *leaf;
        if (!chain_next(database, &leaf, &end, error))
            return FALSE;
        int order = end ? 1 : row_compare_ids(leaf->id, slice_of(history->id));
        if (order > 0)
            return TRUE;
        progress_add(history->all->progress, 1, 0);
        if (order == 0 && !is_written(history, leaf) &&
            !write_revision(history, leaf, &source, error))
            return FALSE;
    }
    return FALSE;
}

/* ---- when ---- */

static gint
winner_first(gconstpointer a, gconstpointer b)
{
    const struct version *left = *(const struct version *const *)a;
    const struct version *right = *(const struct version *const *)b;
    if (left->deleted != right->deleted)
        return left->deleted ? 1 : -1;
    if (left->generation != right->generation)
        return left->generation > right->generation ? -1 : 1;
    return strcmp(right->rev, left->rev);
}

static void
tell_head(const struct history *history)
{
    g_autofree char *database = show_text(history->database);
    g_autofree char *id = show_text(history->id);
    printf("document '%s/%s':\n%-20s  %-8s  %-9s  %s\n", database, id, "SINCE (UTC)", "SNAPSHOT",
           "STATE", "REVISION");
}

static void
tell_row(struct history *history, const char *rev, const char *state)
{
    struct versions *all = history->all;
    const struct catalogue *catalogue = history->snapshot->catalogue;
    GString *event = progress_event_begin(all->progress, "version");
    GString *const texts[] = {event, history->lines};
    json_text_begin_object(history->lines);
    json_text_member_string(event, "database", history->database);
    json_text_member_string(event, "id", history->id);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        json_text_member_string(texts[i], "started", catalogue->started);
        json_text_member_string(texts[i], "snapshot", catalogue->id);
        json_text_member_string(texts[i], "state", state);
        json_text_member_string(texts[i], "rev", rev);
    }
    json_text_end_object(history->lines);
    g_string_append_c(history->lines, '\n');
    progress_event_end(all->progress);
    if (all->json || all->quiet)
        return;
    g_autofree char *started = show_text(catalogue->started);
    progress_clear(all->progress);
    if (!history->headed)
        tell_head(history);
    history->headed = TRUE;
    printf("%-20s  %.8s  %-9s  %s\n", started, catalogue->id, state, rev != NULL ? rev : "");
}

/* What the snapshot has, unless it is what the one before had. */
static void
tell(struct history *history, const char *state)
{
    g_autoptr(GString) all = g_string_new(state);
    g_ptr_array_sort(history->leaves, winner_first);
    for (guint i = 0; i < history->leaves->len; i++)
        g_string_append_printf(all, " %s", ((struct version *)history->leaves->pdata[i])->rev);
    if (state == NULL || g_strcmp0(all->str, history->last) == 0 ||
        (history->last == NULL && history->leaves->len == 0))
        return;
    g_free(history->last);
    history->last = g_strdup(all->str);
    if (history->leaves->len == 0)
        tell_row(history, NULL, state);
    for (guint i = 0; i < history->leaves->len; i++) {
        const struct version *version = history->leaves->pdata[i];
        tell_row(history, version->rev,
                 version->deleted ? "deleted"
                 : i == 0         ? "current"
                                  : "conflict");
    }
}

/* ---- one document ---- */

/* FALSE only when what is found cannot be written. */
static gboolean
look_into(struct history *history, struct snapshot *snapshot, GError **error)
{
    const char *state = NULL;
    g_autoptr(GError) cause = NULL;
    history->snapshot = snapshot;
    history->incomplete = FALSE;
    g_ptr_array_set_size(history->leaves, 0);
    progress_begin(history->all->progress, "looking through", snapshot->folder, 0);
    gboolean fine =
        store_check(history->all->selection->store, snapshot, history->all->progress, &cause) &&
        read_alone(history, &state, &cause) &&
        (!history->incomplete || read_chain(history, &cause));
    tell(history, state);
    if (fine)
        return TRUE;
    if (history->disk_failed) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    tell_missing(history->all,
                 "versions of document '%s' in database '%s' that snapshot %s has: %s", history->id,
                 history->database, snapshot->folder, cause->message);
    return TRUE;
}

static gboolean
write_text(int folder_fd, const char *name, const GString *text, GError **error)
{
    if (text->len == 0)
        return TRUE;
    AUTO_FD int fd = tree_file(folder_fd, name, 0600, error);
    return fd >= 0 && file_write(fd, text->str, text->len, name, error);
}

static gboolean
write_history(struct history *history, const GPtrArray *snapshots, GError **error)
{
    for (guint i = 0; i < snapshots->len; i++)
        if (!look_into(history, snapshots->pdata[i], error))
            return FALSE;
    history->all->documents += history->fd >= 0;
    if (history->fd < 0) {
        tell_missing(history->all, "no snapshot has document '%s' of database '%s'", history->id,
                     history->database);
        return TRUE;
    }
    return write_text(history->fd, "versions.jsonl", history->lines, error) &&
           write_text(history->fd, "long-names.jsonl", history->index, error);
}

static gboolean
write_one(struct versions *all, const char *database, const char *id, const GPtrArray *snapshots,
          GError **error)
{
    g_autoptr(GString) index = g_string_new(NULL);
    g_autoptr(GString) lines = g_string_new(NULL);
    g_autoptr(GPtrArray) leaves = g_ptr_array_new_with_free_func(version_free);
    g_autoptr(GHashTable) written = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *name = g_strdup(database);
    struct history history = {.all = all,
                              .database = name,
                              .id = id,
                              .fd = -1,
                              .written = written,
                              .index = index,
                              .lines = lines,
                              .leaves = leaves};
    gboolean done = write_history(&history, snapshots, error);
    g_free(history.last);
    fd_auto_close(&history.fd);
    return done;
}

/* ---- all of them ---- */

/* The trusted ones, the oldest first; others are named. */
static GPtrArray *
list_snapshots(struct versions *all)
{
    g_autoptr(GPtrArray) row = selection_in_order(all->selection->store);
    GPtrArray *trusted = g_ptr_array_new();
    for (guint i = 0; i < row->len; i++) {
        const struct snapshot *snapshot = row->pdata[i];
        if (snapshot->trust == SNAPSHOT_TRUSTED && !snapshot->replaced)
            g_ptr_array_add(trusted, row->pdata[i]);
        else if (snapshot->trust != SNAPSHOT_TRUSTED && snapshot->trust != SNAPSHOT_UNSEALED)
            tell_missing(all, "snapshot %s, which cannot be used: %s", snapshot->folder,
                         snapshot->problem);
    }
    return trusted;
}

/* The names of all databases that any of the snapshots knows. What cannot be read is told later. */
static GHashTable *
list_databases(const struct versions *all, const GPtrArray *snapshots)
{
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < snapshots->len; i++) {
        AUTO(snapshot_reader) *reader = snapshot_reader_open(
            all->selection->store, snapshots->pdata[i], all->selection->keys, NULL);
        AUTO(manifest) *manifest =
            reader != NULL ? snapshot_reader_manifest(reader, NULL, NULL, NULL) : NULL;
        for (guint k = 0; manifest != NULL && k < manifest->databases->len; k++) {
            const struct manifest_database *database = manifest->databases->pdata[k];
            g_hash_table_add(names, g_strdup(database->name));
        }
    }
    return names;
}

/* The longest name that the text begins with, followed by a slash: names may hold slashes. */
static const char *
database_of(GHashTable *names, const char *text)
{
    GHashTableIter iter;
    gpointer name;
    const char *longest = NULL;
    g_hash_table_iter_init(&iter, names);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        gsize length = strlen(name);
        if (plan_is_document_of(text, name) && (longest == NULL || length > strlen(longest)))
            longest = name;
    }
    return longest;
}

static void
tell_found(const struct versions *all, const struct command_line *line)
{
    g_autofree char *store = g_shell_quote(command_argument(line, "STORE"));
    g_autofree char *document = g_shell_quote(*options_list(line, "doc"));
    g_autofree char *revisions = report_count(all->revisions, "revision");
    g_autofree char *attachments = report_count(all->attachments, "attachment");
    g_autofree char *documents = report_count(all->documents, "document");
    printf("\n%s and %s of %s are in '%s'\n", revisions, attachments, documents,
           options_string(line, "to"));
    printf("to bring back the one of a snapshot: lifeboat-restore run %s --target URL --snapshot "
           "SNAPSHOT --doc %s\n"
           "(if it was edited since, --db DB=NEW brings it back beside the database)\n",
           store, document);
}

static void
tell_summary(struct versions *all, const struct command_line *line, int exit_code)
{
    progress_clear(all->progress);
    if (all->json) {
        GString *event = progress_event_begin(all->progress, "summary");
        json_text_member_unsigned(event, "documents", all->documents);
        json_text_member_unsigned(event, "revisions", all->revisions);
        json_text_member_unsigned(event, "attachments", all->attachments);
        json_text_member_unsigned(event, "missing", all->missing);
        json_text_member_integer(event, "exit", exit_code);
        progress_event_end(all->progress);
        return;
    }
    if (all->quiet)
        return;
    if (all->documents > 0)
        tell_found(all, line);
    if (all->missing > 0) {
        g_autofree char *things = report_count(all->missing, "thing");
        printf("INCOMPLETE: %s missing; see above\n", things);
    }
}

gboolean
versions_extract(const struct command_line *line, const struct selection *selection,
                 struct progress *progress, int folder_fd, int *exit_code, GError **error)
{
    g_autofree char *buffer = g_malloc(PIECE);
    struct versions all = {.selection = selection,
                           .progress = progress,
                           .json = options_flag(line, "json"),
                           .quiet = options_flag(line, "quiet"),
                           .folder_fd = folder_fd,
                           .buffer = buffer};
    g_autoptr(GPtrArray) snapshots = list_snapshots(&all);
    g_autoptr(GHashTable) names = list_databases(&all, snapshots);
    for (const char *const *text = options_list(line, "doc"); *text != NULL; text++) {
        const char *database = database_of(names, *text);
        if (database == NULL)
            return plan_refuse_document(*text, "store", error);
        if (!write_one(&all, database, *text + strlen(database) + 1, snapshots, error))
            return FALSE;
    }
    *exit_code = all.missing > 0 ? FAIL_INCOMPLETE : 0;
    tell_summary(&all, line, *exit_code);
    return TRUE;
}
