#include "lib/archive/snapshot_writer.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/couch/row.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#define COPY (128 * 1024)

/* A leaf with attachments that waits for its batch to be written. */
struct waiting {
    gsize at, json_size; /* in the writer's `waiting` bytes: the document, then its attachments */
    GArray *sizes;       /* guint64, of the attachments that are here */
};

struct snapshot_writer {
    struct store *store;
    const struct keys *keys;
    struct catalogue *catalogue;
    char *folder;
    int folder_fd;
    gboolean sealed;
    struct pack_writer *pack;
    struct manifest_writer *manifest;

    /* the entry being written */
    char *entry_name;
    struct manifest_entry entry;

    /* the database being written */
    char *database;
    char *prefix; /* "db/NAME" */
    guint64 place;
    gsize unread_mark; /* in the manifest's list, where this database's begin */
    struct leaf_digest digest;
    struct catalogue_counts counts;

    /* the batch being gathered */
    guint batch;
    gboolean design;     /* it is of design documents */
    GString *docs;       /* body of docs-NNNNNN.json; empty when there is none */
    GString *gone;       /* body of gone-NNNNNN.json */
    GByteArray *waiting; /* bytes of leaves with attachments */
    GArray *leaves;      /* struct waiting */
    GString *last_id;

    /* the leaf being written */
    gboolean streaming;
    GArray *sizes; /* of its attachments that are here */
    guint part;    /* the next of them when streaming */
    guint64 part_left;
    guint leaf_number; /* of the leaf that streams */
};

/* ---- entries ---- */

static gboolean
entry_begin(struct snapshot_writer *writer, const char *name, guint64 size, gboolean frame,
            mode_t mode, GError **error)
{
    g_free(writer->entry_name);
    writer->entry_name = g_strdup(name);
    guint64 place = writer->entry.place;
    if (!pack_writer_entry(writer->pack, name, size, frame, mode, &place, error))
        return FALSE;
    writer->entry.place = place;
    writer->entry.size = size;
    writer->entry.name = writer->entry_name;
    return TRUE;
}

static gboolean
entry_end(struct snapshot_writer *writer, GError **error)
{
    return pack_writer_entry_end(writer->pack, writer->entry.sha256, error) &&
           manifest_writer_add(writer->manifest, &writer->entry, error);
}

static gboolean
entry_whole(struct snapshot_writer *writer, const char *name, const void *data, gsize size,
            gboolean frame, GError **error)
{
    return entry_begin(writer, name, size, frame, 0, error) &&
           pack_writer_data(writer->pack, data, size, error) && entry_end(writer, error);
}

static gboolean
entry_text(struct snapshot_writer *writer, const char *name, struct slice text, gboolean frame,
           GError **error)
{
    return entry_whole(writer, name, text.data, text.size, frame, error);
}

/* ---- begin ---- */

static gboolean
write_header(struct snapshot_writer *writer, const char *source_uuid, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_integer(text, "format", CATALOGUE_FORMAT);
    json_text_member_string(text, "id", writer->catalogue->id);
    json_text_member_string(text, "parent", writer->catalogue->parent);
    json_text_member_string(text, "node", writer->catalogue->node);
    json_text_member_object(text, "source");
    json_text_member_string(text, "uuid", source_uuid);
    json_text_member_string(text, "version", writer->catalogue->couchdb);
    json_text_end_object(text);
    json_text_member_string(text, "started", writer->catalogue->started);
    json_text_end_object(text);
    return entry_text(writer, "header.json", (struct slice){text->str, text->len}, FALSE, error);
}

struct snapshot_writer *
snapshot_writer_begin(struct store *store, const struct keys *keys, struct catalogue *catalogue,
                      const char *source_uuid, guint64 part_size, GError **error)
{
    AUTO(snapshot_writer) *writer = g_new0(struct snapshot_writer, 1);
    writer->store = store;
    writer->keys = keys;
    writer->catalogue = catalogue;
    writer->docs = g_string_new(NULL);
    writer->gone = g_string_new(NULL);
    writer->waiting = g_byte_array_new();
    writer->leaves = g_array_new(FALSE, FALSE, sizeof(struct waiting));
    writer->sizes = g_array_new(FALSE, FALSE, sizeof(guint64));
    writer->last_id = g_string_new(NULL);
    writer->folder_fd =
        store_make_snapshot(store, catalogue->id, catalogue->started, &writer->folder, error);
    if (writer->folder_fd < 0)
        return NULL;
    writer->manifest = manifest_writer_new(error);
    if (writer->manifest == NULL)
        return NULL;
    writer->pack =
        pack_writer_new(writer->folder_fd, keys, part_size != 0 ? part_size : PARTS_SIZE, error);
    if (writer->pack == NULL || !write_header(writer, source_uuid, error))
        return NULL;
    return g_steal_pointer(&writer);
}

void
snapshot_writer_free(struct snapshot_writer *writer)
{
    if (writer == NULL)
        return;
    pack_writer_free(writer->pack);
    manifest_writer_free(writer->manifest);
    if (writer->folder != NULL && !writer->sealed)
        file_remove_tree(writer->store->snapshots_fd, writer->folder, NULL);
    fd_auto_close(&writer->folder_fd);
    for (guint i = 0; i < writer->leaves->len; i++)
        g_array_unref(g_array_index(writer->leaves, struct waiting, i).sizes);
    g_array_unref(writer->leaves);
    g_array_unref(writer->sizes);
    g_byte_array_unref(writer->waiting);
    g_string_free(writer->docs, TRUE);
    g_string_free(writer->gone, TRUE);
    g_string_free(writer->last_id, TRUE);
    g_free(writer->folder);
    g_free(writer->entry_name);
    g_free(writer->database);
    g_free(writer->prefix);
    g_free(writer);
}

/* Bytes of the batch that waits to be written. */
static gsize
gathered(const struct snapshot_writer *writer)
{
    return writer->docs->len + writer->gone->len + writer->waiting->len;
}

guint64
snapshot_writer_plain(const struct snapshot_writer *writer)
{
    return pack_writer_plain(writer->pack) + gathered(writer);
}

/* ---- the server ---- */

gboolean
snapshot_writer_server(struct snapshot_writer *writer, struct slice config, GError **error)
{
    return entry_text(writer, "server/config.json", config, FALSE, error);
}

static gboolean
copy_file(struct snapshot_writer *writer, int fd, const char *path, guint64 size, GError **error)
{
    g_autofree char *buffer = g_malloc(COPY);
    for (guint64 at = 0; at < size;) {
        gsize piece = MIN(COPY, size - at);
        if (!file_read_at(fd, at, buffer, piece, path, error) ||
            !pack_writer_data(writer->pack, buffer, piece, error))
            return FALSE;
        at += piece;
    }
    return TRUE;
}

gboolean
snapshot_writer_file_begin(struct snapshot_writer *writer, const struct snapshot_file *file,
                           GError **error)
{
    g_autofree char *name = g_strconcat("server/files", file->path, NULL);
    pack_writer_owner(writer->pack, file->uid, file->gid, *file->user != '\0' ? file->user : NULL,
                      *file->group != '\0' ? file->group : NULL);
    return entry_begin(writer, name, file->size, FALSE, file->mode, error);
}

gboolean
snapshot_writer_file_bytes(struct snapshot_writer *writer, const void *data, gsize size,
                           GError **error)
{
    return pack_writer_data(writer->pack, data, size, error);
}

gboolean
snapshot_writer_file_end(struct snapshot_writer *writer, GError **error)
{
    return entry_end(writer, error);
}

gboolean
snapshot_writer_file(struct snapshot_writer *writer, const char *path, GError **error)
{
    struct stat info;
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0)
        return fail_errno(error, errno, "cannot read '%s'", path);
    if (!S_ISREG(info.st_mode))
        return fail_set(error, FAIL_FAILED, "'%s' is no regular file", path);
    g_autofree char *canonical = g_canonicalize_filename(path, NULL);
    const struct passwd *user = getpwuid(info.st_uid);
    const struct group *group = getgrgid(info.st_gid);
    const struct snapshot_file file = {canonical,
                                       info.st_mode & 07777,
                                       info.st_uid,
                                       info.st_gid,
                                       user != NULL ? user->pw_name : "",
                                       group != NULL ? group->gr_name : "",
                                       (guint64)info.st_size};
    return snapshot_writer_file_begin(writer, &file, error) &&
           copy_file(writer, fd, path, file.size, error) && snapshot_writer_file_end(writer, error);
}

/* ---- batches ---- */

static gboolean
write_list(struct snapshot_writer *writer, const char *kind, GString *list, const char *end,
           GError **error)
{
    if (list->len == 0)
        return TRUE;
    g_autofree char *name = g_strdup_printf("%s/%s-%06u.json", writer->prefix, kind, writer->batch);
    g_string_append(list, end);
    gboolean done = entry_whole(writer, name, list->str, list->len, TRUE, error);
    g_string_truncate(list, 0);
    return done;
}

static char *
leaf_name(const struct snapshot_writer *writer, guint leaf, guint part)
{
    g_autofree char *tail = part == 0 ? g_strdup("doc.json") : g_strdup_printf("%u", part);
    return g_strdup_printf("%s/leaf/%06u-%u/%s", writer->prefix, writer->batch, leaf, tail);
}

static gboolean
write_waiting(struct snapshot_writer *writer, const struct waiting *leaf, guint number,
              GError **error)
{
    const guint8 *data = writer->waiting->data + leaf->at;
    g_autofree char *name = leaf_name(writer, number, 0);
    if (!entry_whole(writer, name, data, leaf->json_size, TRUE, error))
        return FALSE;
    data += leaf->json_size;
    for (guint i = 0; i < leaf->sizes->len; i++) {
        guint64 size = g_array_index(leaf->sizes, guint64, i);
        g_autofree char *part = leaf_name(writer, number, i + 1);
        if (!entry_whole(writer, part, data, size, FALSE, error))
            return FALSE;
        data += size;
    }
    return TRUE;
}

/* Writes what was gathered; the batch's number stays for a leaf that streams. */
static gboolean
write_batch(struct snapshot_writer *writer, GError **error)
{
    if (!write_list(writer, "gone", writer->gone, "]}", error) ||
        !write_list(writer, "docs", writer->docs, "]}\n", error))
        return FALSE;
    guint n = writer->leaves->len;
    gboolean done = TRUE;
    for (guint i = 0; i < n; i++) {
        struct waiting *leaf = &g_array_index(writer->leaves, struct waiting, i);
        done = done && write_waiting(writer, leaf, i + 1, error);
        g_array_unref(leaf->sizes);
    }
    g_array_set_size(writer->leaves, 0);
    g_byte_array_set_size(writer->waiting, 0);
    writer->leaf_number = n + 1;
    return done;
}

static gboolean
end_batch(struct snapshot_writer *writer, GError **error)
{
    if (writer->docs->len == 0 && writer->gone->len == 0 && writer->leaves->len == 0)
        return TRUE;
    gboolean done = write_batch(writer, error);
    writer->batch++;
    return done;
}

/* Every id passes here: it comes in order, and design documents begin a batch of their own. */
static gboolean
begin_id(struct snapshot_writer *writer, struct slice id, GError **error)
{
    struct slice last = {writer->last_id->str, writer->last_id->len};
    g_assert(last.size == 0 || row_compare_ids(last, id) <= 0);
    gboolean another = last.size == 0 || slice_compare(last, id) != 0;
    if (another) {
        g_string_truncate(writer->last_id, 0);
        g_string_append_len(writer->last_id, id.data, (gssize)id.size);
    }
    gboolean now_design = row_is_design(id) && !writer->design;
    writer->design = row_is_design(id);
    return gathered(writer) >= SNAPSHOT_BATCH || now_design ? end_batch(writer, error) : TRUE;
}

/* ---- databases ---- */

gboolean
snapshot_writer_database_begin(struct snapshot_writer *writer, const char *name,
                               struct slice db_json, struct slice local_json, GError **error)
{
    g_free(writer->database);
    g_free(writer->prefix);
    writer->database = g_strdup(name);
    writer->prefix = manifest_folder(name);
    writer->digest = (struct leaf_digest){{0}};
    writer->counts = (struct catalogue_counts){0};
    writer->unread_mark = manifest_writer_mark(writer->manifest);
    writer->batch = 1;
    writer->design = FALSE;
    g_string_truncate(writer->last_id, 0);
    g_autofree char *db_name = g_strdup_printf("%s/db.json", writer->prefix);
    g_autofree char *local_name = g_strdup_printf("%s/local.json", writer->prefix);
    if (!entry_text(writer, db_name, db_json, TRUE, error))
        return FALSE;
    writer->place = writer->entry.place;
    return entry_text(writer, local_name, local_json, FALSE, error);
}

/* The first leaf of an id counts the document. */
static void
count_leaf(struct snapshot_writer *writer, const struct leaf *leaf)
{
    gboolean another =
        writer->last_id->len == 0 ||
        slice_compare(leaf->id, (struct slice){writer->last_id->str, writer->last_id->len}) != 0;
    writer->counts.documents += another;
    writer->counts.leaves++;
    leaf_digest_add(&writer->digest, leaf->id, leaf->rev);
}

static guint64
chosen_sizes(struct snapshot_writer *writer, const struct leaf *leaf)
{
    guint64 sum = 0;
    g_array_set_size(writer->sizes, 0);
    for (guint i = 0; i < leaf->n_attachments; i++) {
        if (!leaf->attachments[i].here)
            continue;
        g_array_append_val(writer->sizes, leaf->attachments[i].stored);
        sum += leaf->attachments[i].stored;
    }
    writer->counts.attachments += writer->sizes->len;
    return sum;
}

/* Begins the next attachments of the leaf that streams, empty ones too, up to one that has bytes.
 */
static gboolean
stream_next(struct snapshot_writer *writer, GError **error)
{
    while (writer->part_left == 0 && writer->part < writer->sizes->len) {
        writer->part_left = g_array_index(writer->sizes, guint64, writer->part);
        g_autofree char *name = leaf_name(writer, writer->leaf_number, ++writer->part);
        if (!entry_begin(writer, name, writer->part_left, FALSE, 0, error))
            return FALSE;
        if (writer->part_left == 0 && !entry_end(writer, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
stream_begin(struct snapshot_writer *writer, struct slice json, GError **error)
{
    if (!write_batch(writer, error))
        return FALSE;
    writer->streaming = TRUE;
    writer->part = 0;
    writer->part_left = 0;
    g_autofree char *name = leaf_name(writer, writer->leaf_number, 0);
    return entry_text(writer, name, json, TRUE, error) && stream_next(writer, error);
}

static void
append_document(GString *docs, struct slice json)
{
    g_string_append(docs, docs->len == 0 ? "{\"new_edits\":false,\"docs\":[\n" : ",\n");
    g_string_append_len(docs, json.data, (gssize)json.size);
}

gboolean
snapshot_writer_leaf(struct snapshot_writer *writer, const struct leaf *leaf, GError **error)
{
    count_leaf(writer, leaf);
    if (!begin_id(writer, leaf->id, error))
        return FALSE;
    writer->streaming = FALSE;
    if (leaf->n_attachments == 0) {
        g_array_set_size(writer->sizes, 0);
        append_document(writer->docs, leaf->json);
        return TRUE;
    }
    guint64 bytes = chosen_sizes(writer, leaf);
    g_autoptr(GString) json = g_string_sized_new(leaf->json.size + 64);
    leaf_append_marked(leaf, json);
    if (writer->waiting->len + json->len + bytes > SNAPSHOT_BATCH)
        return stream_begin(writer, (struct slice){json->str, json->len}, error);
    struct waiting waiting = {writer->waiting->len, json->len, g_array_copy(writer->sizes)};
    g_byte_array_append(writer->waiting, (const guint8 *)json->str, (guint)json->len);
    g_array_append_val(writer->leaves, waiting);
    return TRUE;
}

gboolean
snapshot_writer_bytes(struct snapshot_writer *writer, const void *data, gsize size, GError **error)
{
    const char *at = data;
    if (!writer->streaming) {
        g_byte_array_append(writer->waiting, data, (guint)size);
        return TRUE;
    }
    while (size > 0) {
        gsize piece = MIN(size, writer->part_left);
        g_assert(piece > 0);
        if (!pack_writer_data(writer->pack, at, piece, error))
            return FALSE;
        at += piece;
        size -= piece;
        writer->part_left -= piece;
        if (writer->part_left == 0 && (!entry_end(writer, error) || !stream_next(writer, error)))
            return FALSE;
    }
    return TRUE;
}

gboolean
snapshot_writer_leaf_end(struct snapshot_writer *writer, GError **error)
{
    (void)error;
    if (writer->streaming) {
        g_assert(writer->part == writer->sizes->len && writer->part_left == 0);
        writer->streaming = FALSE;
        writer->batch++;
    }
    return TRUE;
}

gboolean
snapshot_writer_gone(struct snapshot_writer *writer, struct slice id, gboolean purged,
                     GError **error)
{
    if (!begin_id(writer, id, error))
        return FALSE;
    writer->counts.gone++;
    g_string_append(writer->gone, writer->gone->len == 0 ? "{\"gone\":[\n" : ",\n");
    json_text_begin_object(writer->gone);
    json_text_member_slice(writer->gone, "id", id);
    json_text_member_string(writer->gone, "how", purged ? "purged" : "vanished");
    json_text_end_object(writer->gone);
    return TRUE;
}

void
snapshot_writer_unread(struct snapshot_writer *writer, struct slice id, struct slice rev,
                       const char *reason)
{
    if (writer->catalogue->counts.unread + writer->counts.unread < SNAPSHOT_UNREAD_LISTED)
        manifest_writer_unread(writer->manifest, writer->database, id, rev, reason);
    writer->counts.unread++;
}

void
snapshot_writer_still_unread(struct snapshot_writer *writer, const struct manifest *before,
                             struct slice id, gboolean behind, guint64 least)
{
    for (guint i = 0; before != NULL && i < before->unread->len; i++) {
        const struct manifest_unread *unread = before->unread->pdata[i];
        if (g_str_equal(unread->database, writer->database) &&
            (row_compare_ids(slice_of(unread->id), id) > 0) == behind)
            snapshot_writer_unread(writer, slice_of(unread->id), slice_of(unread->rev),
                                   unread->reason);
    }
    writer->counts.unread = MAX(writer->counts.unread, least);
}

gboolean
snapshot_writer_database_end(struct snapshot_writer *writer,
                             const struct snapshot_database_end *end, GError **error)
{
    struct catalogue_counts *total = &writer->catalogue->counts;
    if (!end_batch(writer, error))
        return FALSE;
    g_autofree char *digest = hash_hex(writer->digest.sum, sizeof writer->digest.sum);
    g_autofree char *name = g_strdup_printf("%s/end.json", writer->prefix);
    g_autoptr(GString) text = g_string_new(NULL);
    json_text_begin_object(text);
    if (end->last_seq != NULL)
        json_text_member_raw(text, "last_seq", slice_of(end->last_seq));
    json_text_member_raw(text, "tokens", slice_of(end->tokens != NULL ? end->tokens : "{}"));
    json_text_member_unsigned(text, "documents", writer->counts.documents);
    json_text_member_unsigned(text, "leaves", writer->counts.leaves);
    json_text_member_unsigned(text, "attachments", writer->counts.attachments);
    json_text_member_unsigned(text, "gone", writer->counts.gone);
    json_text_member_unsigned(text, "unread", MAX(end->unread, writer->counts.unread));
    json_text_member_string(text, "digest", digest);
    if (end->state_digest != NULL) {
        json_text_member_string(text, "state_digest", end->state_digest);
        json_text_member_unsigned(text, "state_documents", end->state_documents);
    }
    json_text_member_boolean(text, "quiet", end->quiet);
    json_text_end_object(text);
    total->databases++;
    total->documents += writer->counts.documents;
    total->leaves += writer->counts.leaves;
    total->attachments += writer->counts.attachments;
    total->gone += writer->counts.gone;
    total->unread += writer->counts.unread;
    if (!entry_text(writer, name, (struct slice){text->str, text->len}, TRUE, error))
        return FALSE;
    struct manifest_database database = {.status = (char *)"read", .at = writer->catalogue->id};
    if (end->as != NULL)
        database = *end->as;
    else
        database.unfinished = end->unfinished;
    database.name = writer->database;
    database.unread = writer->counts.unread;
    database.place = writer->place;
    database.end = writer->entry.place;
    total->failed += g_str_equal(database.status, "failed");
    manifest_writer_database(writer->manifest, &database);
    return TRUE;
}

gboolean
snapshot_writer_database_abandon(struct snapshot_writer *writer, GError **error)
{
    static const char zeros[65536];
    while (writer->streaming && writer->part_left > 0)
        if (!snapshot_writer_bytes(writer, zeros, MIN(sizeof zeros, writer->part_left), error))
            return FALSE;
    writer->streaming = FALSE;
    for (guint i = 0; i < writer->leaves->len; i++)
        g_array_unref(g_array_index(writer->leaves, struct waiting, i).sizes);
    g_array_set_size(writer->leaves, 0);
    g_byte_array_set_size(writer->waiting, 0);
    g_string_truncate(writer->docs, 0);
    g_string_truncate(writer->gone, 0);
    manifest_writer_rewind(writer->manifest, writer->unread_mark);
    return TRUE;
}

void
snapshot_writer_database_passed(struct snapshot_writer *writer, const char *name,
                                const char *status, const char *at, const char *reason,
                                const struct manifest *before)
{
    const struct manifest_database *last = before != NULL ? manifest_find(before, name) : NULL;
    struct manifest_database database = {
        .name = (char *)name,
        .status = (char *)status,
        .at = (char *)at,
        .reason = (char *)reason,
    };
    g_free(writer->database);
    writer->database = g_strdup(name);
    writer->counts = (struct catalogue_counts){0};
    if (at != NULL && last != NULL) {
        snapshot_writer_still_unread(writer, before, (struct slice){"", 0}, TRUE, last->unread);
        database.unfinished = last->unfinished;
    }
    database.unread = writer->counts.unread;
    writer->catalogue->counts.unread += database.unread;
    writer->catalogue->counts.failed += g_str_equal(status, "failed");
    manifest_writer_database(writer->manifest, &database);
}

/* ---- the end ---- */

gboolean
snapshot_writer_seal(struct snapshot_writer *writer, const char *finished, parts_progress progress,
                     void *context, GError **error)
{
    struct catalogue *catalogue = writer->catalogue;
    if (!manifest_writer_finish(writer->manifest, writer->pack, catalogue->id, &catalogue->manifest,
                                error) ||
        !pack_writer_finish(writer->pack, error))
        return FALSE;
    const struct parts_writer *parts = pack_writer_parts(writer->pack);
    g_autofree char *sums = parts_writer_sums(parts);
    catalogue->bytes_plain = pack_writer_plain(writer->pack);
    catalogue->bytes_compressed = pack_writer_compressed(writer->pack);
    catalogue->bytes_stored = parts_writer_size(parts);
    g_free(catalogue->finished);
    catalogue->finished = g_strdup(finished);
    if (!file_sync(writer->folder_fd, writer->folder, error) ||
        !parts_verify(writer->folder_fd, sums, progress, context, error) ||
        !store_seal(writer->store, writer->folder_fd, sums, catalogue, writer->keys, error))
        return FALSE;
    writer->sealed = TRUE;
    return TRUE;
}

gboolean
snapshot_writer_finish_temporary(struct snapshot_writer *writer, int *folder_fd, char **sums,
                                 GError **error)
{
    struct catalogue *catalogue = writer->catalogue;
    if (!manifest_writer_finish(writer->manifest, writer->pack, catalogue->id, &catalogue->manifest,
                                error) ||
        !pack_writer_finish(writer->pack, error))
        return FALSE;
    catalogue->bytes_plain = pack_writer_plain(writer->pack);
    *sums = parts_writer_sums(pack_writer_parts(writer->pack));
    *folder_fd = fd_steal(&writer->folder_fd);
    writer->sealed = TRUE;
    return TRUE;
}
