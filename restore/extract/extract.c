/*
 * extract: the state at a snapshot as files, for people and other tools.
 *
 *     DIR/NAME/           a database, its name percent-encoded
 *       db.json           as in the archive
 *       local.json
 *       docs.jsonl        every leaf of every document, one a line, the bytes that CouchDB gave
 *       attachments/ID/REV/NAME   stored bytes; those that CouchDB compresses end in .gz
 *       long-names.jsonl  what `%sha256-…` stands for, if there is any (tree.h)
 *     DIR/_server/        config.json, and the extra files under files/
 *
 * Attachments are named as stubs in docs.jsonl; the only other change to a document is that a line
 * end between its tokens becomes a space. An attachment that the source could not give has no file.
 */
#include "lib/archive/chain.h"
#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/progress.h"
#include "lib/json/json.h"
#include "restore/commands.h"
#include "restore/database/salvage.h"
#include "restore/extract/tree.h"
#include "restore/extract/versions.h"
#include "restore/lacking.h"
#include "restore/run/plan.h"
#include "restore/run/report.h"
#include "restore/selection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define PIECE (128 * 1024) /* bytes written at once */

struct extract {
    struct chain *chain;
    struct progress *progress;
    gboolean json, quiet;
    int folder_fd;
    const char *const *names; /* of --db; none: all */
    guint64 databases, documents, leaves, attachments, missing, files;
    char *buffer; /* PIECE bytes */

    /* the database being written */
    const char *database;
    int attachments_fd, docs_fd, file_fd;
    GString *docs;       /* not written yet */
    GString *index;      /* of long-names.jsonl */
    GString *last_id;    /* unescaped */
    GHashTable *damaged; /* ids of documents of which something could not be read; or NULL */
};

/* ---- what is missing ---- */

static void
tell_missing(struct extract *extract, const char *what)
{
    extract->missing++;
    log_warning("missing: %s", what);
    progress_event(extract->progress, "missing", "what", what, NULL);
}

static void
tell_newer(struct extract *extract, const GPtrArray *found)
{
    for (guint i = 0; i < found->len; i++) {
        const struct newer *newer = found->pdata[i];
        g_autofree char *what = g_strdup_printf(
            "snapshot %s, which is newer than the one that is used, but cannot be used: %s",
            newer->folder, newer->reason);
        tell_missing(extract, what);
    }
}

static gboolean
is_wanted(void *context, const char *database, const char *id)
{
    const struct extract *extract = context;
    (void)id;
    return *extract->names == NULL || g_strv_contains(extract->names, database);
}

static void
tell_lacking(void *context, const char *database, const char *id, const char *rev,
             const char *reason)
{
    g_autoptr(GString) what = g_string_new(NULL);
    if (*id != '\0')
        g_string_append_printf(what, "document '%s'%s%s of ", id, *rev != '\0' ? " revision " : "",
                               rev);
    g_string_append_printf(what, "database '%s': %s", database, reason);
    tell_missing(context, what->str);
}

static void
tell_left_out(void *context, const char *database, const char *reason)
{
    struct extract *extract = context;
    if (*extract->names != NULL)
        tell_lacking(context, database, "", "", reason);
    else
        log_notice("database '%s': %s", database, reason);
}

/* ---- documents ---- */

static gboolean
flush_docs(struct extract *extract, GError **error)
{
    gboolean done =
        file_write(extract->docs_fd, extract->docs->str, extract->docs->len, "docs.jsonl", error);
    g_string_truncate(extract->docs, 0);
    return done;
}

static gboolean
write_document(struct extract *extract, const struct leaf *leaf, GError **error)
{
    struct leaf copy = *leaf;
    gsize at = extract->docs->len;
    g_autofree struct attachment *stubs =
        g_memdup2(leaf->attachments, leaf->n_attachments * sizeof *stubs);
    for (guint i = 0; i < leaf->n_attachments; i++)
        stubs[i].here = FALSE;
    copy.attachments = stubs;
    leaf_append_marked(&copy, extract->docs);
    for (; at < extract->docs->len; at++)
        if (extract->docs->str[at] == '\n' || extract->docs->str[at] == '\r')
            extract->docs->str[at] = ' ';
    g_string_append_c(extract->docs, '\n');
    return extract->docs->len < PIECE || flush_docs(extract, error);
}

static void
tell_attachment(struct extract *extract, const struct leaf *leaf, guint which, const char *why)
{
    g_autoptr(GString) name = g_string_new(NULL);
    json_unescape(leaf->attachments[which].name, name);
    g_autofree char *what = g_strdup_printf(
        "attachment '%s' of document '%s' revision " SLICE_FORMAT " in database '%s': %s",
        name->str, leaf->id_text->str, SLICE_ARGS(leaf->rev), extract->database, why);
    tell_missing(extract, what);
}

static gboolean
write_attachment(struct extract *extract, const struct leaf *leaf, guint which,
                 const struct body_bytes *bytes, int folder_fd, GError **error)
{
    const struct attachment *attachment = &leaf->attachments[which];
    g_autoptr(GString) name = g_string_new(NULL);
    json_unescape(attachment->name, name);
    AUTO_FD int fd = tree_named_file(folder_fd, (struct slice){name->str, name->len},
                                     attachment->encoded ? ".gz" : "", extract->index, error);
    if (fd < 0 || !bytes->attachment(bytes->context, which, error))
        return FALSE;
    for (gsize got = 1; got > 0;) {
        if (!bytes->data(bytes->context, extract->buffer, PIECE, &got, error) ||
            !file_write(fd, extract->buffer, got, name->str, error))
            return FALSE;
        progress_add(extract->progress, 0, got);
    }
    extract->attachments++;
    return TRUE;
}

static gboolean
write_here(struct extract *extract, const struct leaf *leaf, const struct body_bytes *bytes,
           GError **error)
{
    AUTO_FD int document =
        tree_named_folder(extract->attachments_fd, leaf->id, extract->index, error);
    AUTO_FD int revision =
        document >= 0 ? tree_named_folder(document, leaf->rev, extract->index, error) : -1;
    if (revision < 0)
        return FALSE;
    for (guint i = 0; i < leaf->n_attachments; i++)
        if (leaf->attachments[i].here &&
            !write_attachment(extract, leaf, i, bytes, revision, error))
            return FALSE;
    return TRUE;
}

/* Of a leaf that could not be read whole, those attachments that are good. */
static gboolean
write_salvaged(struct extract *extract, const struct leaf *leaf, const struct body_bytes *bytes,
               GError **error)
{
    struct salvage salvage;
    gboolean done = salvage_open(&salvage, leaf, bytes, error);
    for (guint i = 0; done && i < leaf->n_attachments; i++)
        if (leaf->attachments[i].here && !salvage.leaf.attachments[i].here)
            tell_attachment(extract, leaf, i, "it could not be read when the snapshot was taken");
    struct body_bytes kept = salvage_bytes(&salvage);
    done = done && write_here(extract, &salvage.leaf, &kept, error);
    salvage_close(&salvage);
    return done;
}

static gboolean
chain_bytes_attachment(void *context, guint which, GError **error)
{
    return chain_attachment(context, which, error);
}

static gboolean
chain_bytes_data(void *context, void *data, gsize size, gsize *got, GError **error)
{
    return chain_data(context, data, size, got, error);
}

static gboolean
write_attachments(struct extract *extract, struct chain_database *database, const struct leaf *leaf,
                  GError **error)
{
    const struct body_bytes bytes = {chain_bytes_attachment, chain_bytes_data, database};
    if (leaf->n_attachments == 0)
        return TRUE;
    for (guint i = 0; i < leaf->n_attachments; i++)
        if (!leaf->attachments[i].here)
            tell_attachment(extract, leaf, i, "no snapshot of the chain holds it");
    gboolean damaged =
        extract->damaged != NULL && g_hash_table_contains(extract->damaged, leaf->id_text->str);
    return damaged ? write_salvaged(extract, leaf, &bytes, error)
                   : write_here(extract, leaf, &bytes, error);
}

static gboolean
write_leaves(struct extract *extract, struct chain_database *database, GError **error)
{
    g_string_truncate(extract->last_id, 0);
    for (;;) {
        const struct leaf *leaf;
        gboolean end;
        if (!chain_next(database, &leaf, &end, error))
            return FALSE;
        if (end)
            return flush_docs(extract, error);
        if (!write_document(extract, leaf, error) ||
            !write_attachments(extract, database, leaf, error))
            return FALSE;
        struct slice last = {extract->last_id->str, extract->last_id->len};
        gboolean another = last.size == 0 || slice_compare(last, leaf->id) != 0;
        g_string_truncate(extract->last_id, 0);
        g_string_append_len(extract->last_id, leaf->id.data, (gssize)leaf->id.size);
        extract->documents += another;
        extract->leaves++;
        progress_add(extract->progress, another, leaf->json.size);
    }
}

/* ---- databases ---- */

static gboolean
write_text(int folder_fd, const char *name, const GString *text, GError **error)
{
    AUTO_FD int fd = tree_file(folder_fd, name, 0600, error);
    return fd >= 0 && file_write(fd, text->str, text->len, name, error);
}

static gboolean
write_into(struct extract *extract, struct chain_database *database, GError **error)
{
    g_string_truncate(extract->index, 0);
    AUTO_FD int folder =
        tree_named_folder(extract->folder_fd, slice_of(database->name), extract->index, error);
    AUTO_FD int attachments = folder >= 0 ? tree_folder(folder, "attachments", error) : -1;
    AUTO_FD int docs = attachments >= 0 ? tree_file(folder, "docs.jsonl", 0600, error) : -1;
    extract->attachments_fd = attachments;
    extract->docs_fd = docs;
    return docs >= 0 && write_text(folder, "db.json", database->db_json, error) &&
           write_text(folder, "local.json", database->local_json, error) &&
           write_leaves(extract, database, error) &&
           (extract->index->len == 0 ||
            write_text(folder, "long-names.jsonl", extract->index, error));
}

static gboolean
write_database(struct extract *extract, const char *name, GError **error)
{
    AUTO(chain_database) *database = chain_database_open(extract->chain, name, error);
    if (database == NULL)
        return FALSE;
    extract->database = name;
    extract->damaged = lacking_ids(extract->chain, name);
    extract->databases++;
    progress_begin(extract->progress, "extracting", name, 0);
    gboolean done = write_into(extract, database, error);
    g_clear_pointer(&extract->damaged, g_hash_table_unref);
    return done;
}

/* The snapshot must know each; what it does not hold of them is told as lacking. */
static gboolean
check_names(const struct manifest *manifest, const char *const *names, GError **error)
{
    for (; *names != NULL; names++) {
        if (manifest_find(manifest, *names) == NULL)
            return plan_refuse_name(manifest, *names, error);
    }
    return TRUE;
}

static gboolean
write_databases(struct extract *extract, GError **error)
{
    const struct manifest *manifest = chain_manifest(extract->chain);
    for (guint i = 0; i < manifest->databases->len; i++) {
        const struct manifest_database *database = manifest->databases->pdata[i];
        if (!manifest_is_held(database) || !is_wanted(extract, database->name, NULL))
            continue;
        if (!write_database(extract, database->name, error)) {
            g_prefix_error(error, "database '%s': ", database->name);
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- the server ---- */

static gboolean
file_begin(void *context, const struct chain_file *file, GError **error)
{
    struct extract *extract = context;
    g_autofree char *below = g_strconcat("_server/files", file->path, NULL);
    extract->file_fd = tree_path(extract->folder_fd, below, file->mode, error);
    return extract->file_fd >= 0;
}

static gboolean
file_bytes(void *context, const void *data, gsize size, GError **error)
{
    struct extract *extract = context;
    return file_write(extract->file_fd, data, size, "extra file", error);
}

static gboolean
file_end(void *context, GError **error)
{
    struct extract *extract = context;
    (void)error;
    close(extract->file_fd);
    extract->file_fd = -1;
    extract->files++;
    return TRUE;
}

static gboolean
write_server(struct extract *extract, GError **error)
{
    g_autoptr(GError) cause = NULL;
    AUTO_FD int folder = tree_folder(extract->folder_fd, "_server", error);
    if (folder < 0)
        return FALSE;
    g_autoptr(GString) config = chain_server_config(extract->chain, &cause);
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    const struct chain_files files = {file_begin, file_bytes, file_end, extract};
    gboolean done = (config == NULL || write_text(folder, "config.json", config, error)) &&
                    chain_server_files(extract->chain, &files, error);
    fd_auto_close(&extract->file_fd);
    return done;
}

/* ---- the command ---- */

static int
open_empty_folder(const char *path, GError **error)
{
    g_autoptr(GError) cause = NULL;
    AUTO_FD int fd = file_open_folder(AT_FDCWD, path, TRUE, error);
    if (fd < 0)
        return -1;
    g_autoptr(GDir) entries = g_dir_open(path, 0, &cause);
    if (entries == NULL || g_dir_read_name(entries) != NULL) {
        fail_set(error, FAIL_USAGE, "'%s' is not empty\nhint: name a new folder", path);
        return -1;
    }
    return fd_steal(&fd);
}

static void
tell_summary(const struct extract *extract, const struct snapshot *snapshot, const char *path)
{
    progress_clear(extract->progress);
    if (extract->json) {
        GString *event = progress_event_begin(extract->progress, "summary");
        json_text_member_string(event, "snapshot", snapshot->catalogue->id);
        json_text_member_string(event, "started", snapshot->catalogue->started);
        json_text_member_unsigned(event, "databases", extract->databases);
        json_text_member_unsigned(event, "documents", extract->documents);
        json_text_member_unsigned(event, "leaves", extract->leaves);
        json_text_member_unsigned(event, "attachments", extract->attachments);
        json_text_member_unsigned(event, "files", extract->files);
        json_text_member_unsigned(event, "missing", extract->missing);
        json_text_member_integer(event, "exit", extract->missing > 0 ? FAIL_INCOMPLETE : 0);
        progress_event_end(extract->progress);
        return;
    }
    if (extract->quiet)
        return;
    g_autofree char *databases = report_count(extract->databases, "database");
    g_autofree char *documents = report_count(extract->documents, "document");
    g_autofree char *attachments = report_count(extract->attachments, "attachment");
    g_autofree char *files = report_count(extract->files, "extra file");
    g_autofree char *things = report_count(extract->missing, "thing");
    printf("state of %s, snapshot %.8s, is in '%s': %s, %s, %s, %s\n", snapshot->catalogue->started,
           snapshot->catalogue->id, path, databases, documents, attachments, files);
    if (extract->missing > 0)
        printf("INCOMPLETE: %s missing or older; see above\n", things);
}

static gboolean
check_options(const struct command_line *line, GError **error)
{
    gint64 at;
    if (*options_list(line, "doc") != NULL &&
        (*options_list(line, "db") != NULL || options_string(line, "snapshot") != NULL ||
         options_time(line, "at", &at)))
        return fail_set(
            error, FAIL_USAGE,
            "--doc takes every version that the store has, so --db, --at and --snapshot "
            "do not go with it");
    return TRUE;
}

/* With --doc: not the state at one snapshot, but what all have of some documents. */
static gboolean
run_versions(struct extract *extract, const struct command_line *line,
             const struct selection *selection, int *exit_code, GError **error)
{
    const char *path = options_string(line, "to");
    gboolean absent = access(path, F_OK) != 0;
    AUTO_FD int folder = open_empty_folder(path, error);
    if (folder < 0)
        return FALSE;
    gboolean done = versions_extract(line, selection, extract->progress, folder, exit_code, error);
    if (absent)
        rmdir(path); /* unless something was found */
    return done && (syncfs(folder) == 0 || fail_errno(error, errno, "cannot write '%s'", path));
}

static gboolean
run(struct extract *extract, const struct command_line *line, const struct selection *selection,
    GError **error)
{
    const char *path = options_string(line, "to");
    if (!store_check_chain(selection->store, selection->snapshot, extract->progress, error))
        return FALSE;
    AUTO(chain) *chain =
        chain_open(selection->store, selection->snapshot, selection->keys, 0, error);
    if (chain == NULL || !check_names(chain_manifest(chain), extract->names, error))
        return FALSE;
    AUTO_FD int folder = open_empty_folder(path, error);
    if (folder < 0)
        return FALSE;
    extract->chain = chain;
    extract->folder_fd = folder;
    tell_newer(extract, selection->newer);
    const struct lacking lacking = {is_wanted, tell_lacking, tell_left_out, extract};
    lacking_tell(chain, &lacking);
    if (!write_databases(extract, error) || !write_server(extract, error))
        return FALSE;
    if (syncfs(folder) != 0)
        return fail_errno(error, errno, "cannot write '%s'", path);
    tell_summary(extract, selection->snapshot, path);
    return TRUE;
}

int
restore_extract(const struct command_line *line, GError **error)
{
    struct selection selection;
    g_autoptr(GString) docs = g_string_new(NULL);
    g_autoptr(GString) index = g_string_new(NULL);
    g_autoptr(GString) last_id = g_string_new(NULL);
    g_autofree char *buffer = g_malloc(PIECE);
    struct extract extract = {.json = options_flag(line, "json"),
                              .quiet = options_flag(line, "quiet"),
                              .names = options_list(line, "db"),
                              .buffer = buffer,
                              .docs = docs,
                              .index = index,
                              .last_id = last_id,
                              .file_fd = -1};
    AUTO(progress) *progress = progress_new(extract.json, options_flag(line, "quiet"));
    extract.progress = progress;
    int exit_code = 0;
    if (!check_options(line, error))
        return FAIL_USAGE;
    gboolean done = selection_open(&selection, line, TRUE, error);
    if (done && *options_list(line, "doc") != NULL)
        done = run_versions(&extract, line, &selection, &exit_code, error);
    else
        done = done && run(&extract, line, &selection, error);
    selection_clear(&selection);
    return !done ? FAIL_FAILED : extract.missing > 0 ? FAIL_INCOMPLETE : exit_code;
}
