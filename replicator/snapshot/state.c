#include "replicator/snapshot/state.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static const char magic[8] = {'L', 'B', 'S', 'T', 'A', 'T', 'E', '1'};

#define TAIL (sizeof(guint32) + sizeof magic)
#define HEAD_MAX (16 * 1024 * 1024) /* bytes */
#define BUFFER (256 * 1024)

int
state_open_folder(const char *state, const char *store_id, GError **error)
{
    g_autofree char *path = g_build_filename(state, "chains", store_id, NULL);
    return file_open_folder(AT_FDCWD, path, TRUE, error);
}

static char *
file_name(const char *database, const char *suffix)
{
    guint8 digest[HASH_SHA256_SIZE];
    hash_sha256(database, strlen(database), digest);
    g_autofree char *hex = hash_hex(digest, 16);
    return g_strconcat(hex, suffix, NULL);
}

/* ---- reading ---- */

void
state_free(struct state *state)
{
    if (state == NULL)
        return;
    g_free(state->snapshot);
    g_free(state->last_seq);
    g_free(state->tokens);
    g_free(state->purge_seq);
    g_free(state->instance_start_time);
    g_free(state->setup);
    g_free(state->digest);
    g_free(state->sha256);
    fd_auto_close(&state->fd);
    g_free(state);
}

static char *
raw_member(struct slice json, const char *name)
{
    struct slice value;
    return json_member(json, name, &value) && json_type(value) != JSON_NULL ? slice_dup(value)
                                                                            : NULL;
}

static gboolean
take_head(struct state *state, struct slice json, const char *database)
{
    g_autofree char *name = NULL;
    if (!json_check(json, NULL) || !json_member_text(json, "database", &name) ||
        !g_str_equal(name, database))
        return FALSE;
    state->last_seq = raw_member(json, "last_seq");
    state->tokens = raw_member(json, "tokens");
    state->purge_seq = raw_member(json, "purge_seq");
    json_member_text(json, "instance_start_time", &state->instance_start_time);
    return json_member_text(json, "snapshot", &state->snapshot) &&
           json_member_text(json, "setup", &state->setup) &&
           json_member_text(json, "digest", &state->digest) &&
           json_member_text(json, "sha256", &state->sha256) &&
           json_member_unsigned(json, "documents", &state->documents) &&
           json_member_unsigned(json, "leaves", &state->leaves) &&
           json_member_unsigned(json, "unread", &state->unread) &&
           json_member_unsigned(json, "rows", &state->rows_size);
}

static gboolean
rows_are_intact(const struct state *state, const char *name)
{
    AUTO(hash) *hash = hash_new(HASH_SHA256);
    g_autofree guint8 *buffer = g_malloc(BUFFER);
    guint8 digest[HASH_MAX];
    for (guint64 at = 0; at < state->rows_size;) {
        gsize piece = MIN(BUFFER, state->rows_size - at);
        if (!file_read_at(state->fd, at, buffer, piece, name, NULL))
            return FALSE;
        hash_add(hash, buffer, piece);
        at += piece;
    }
    hash_take(hash, digest);
    g_autofree char *hex = hash_hex(digest, HASH_SHA256_SIZE);
    return g_str_equal(hex, state->sha256);
}

static gboolean
read_file(struct state *state, const char *name, const char *database)
{
    struct stat info;
    guint8 tail[TAIL];
    guint32 head_size;
    if (fstat(state->fd, &info) != 0 || info.st_size < (off_t)TAIL)
        return FALSE;
    guint64 size = (guint64)info.st_size - TAIL;
    if (!file_read_at(state->fd, size, tail, TAIL, name, NULL) ||
        memcmp(tail + sizeof head_size, magic, sizeof magic) != 0)
        return FALSE;
    memcpy(&head_size, tail, sizeof head_size);
    if (head_size > size || head_size > HEAD_MAX)
        return FALSE;
    g_autofree char *head = g_malloc(head_size);
    return file_read_at(state->fd, size - head_size, head, head_size, name, NULL) &&
           take_head(state, (struct slice){head, head_size}, database) &&
           state->rows_size == size - head_size && rows_are_intact(state, name);
}

struct state *
state_open(int folder_fd, const char *database, const char *snapshot, GError **error)
{
    (void)error;
    g_autofree char *name = file_name(database, ".state");
    AUTO(state) *state = g_new0(struct state, 1);
    state->fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (state->fd < 0 || !read_file(state, name, database) ||
        !g_str_equal(state->snapshot, snapshot))
        return NULL;
    return g_steal_pointer(&state);
}

struct row_reader *
state_rows(const struct state *state)
{
    return row_reader_new(state->fd, 0, state->rows_size, BUFFER, "state file");
}

/* ---- writing ---- */

struct state_writer {
    int folder_fd, fd;
    char *database, *name, *next_name;
    GByteArray *pending;
    struct hash *hash;
    struct leaf_digest digest;
    guint64 rows_size, documents, leaves;
};

struct state_writer *
state_writer_new(int folder_fd, const char *database, GError **error)
{
    AUTO(state_writer) *writer = g_new0(struct state_writer, 1);
    writer->folder_fd = folder_fd;
    writer->database = g_strdup(database);
    writer->name = file_name(database, ".state");
    writer->next_name = file_name(database, ".next");
    writer->pending = g_byte_array_new();
    writer->hash = hash_new(HASH_SHA256);
    unlinkat(folder_fd, writer->next_name, 0);
    writer->fd =
        openat(folder_fd, writer->next_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (writer->fd < 0) {
        fail_errno(error, errno, "cannot create state file '%s'", writer->next_name);
        return NULL;
    }
    return g_steal_pointer(&writer);
}

void
state_writer_free(struct state_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->next_name != NULL)
        unlinkat(writer->folder_fd, writer->next_name, 0);
    fd_auto_close(&writer->fd);
    g_byte_array_unref(writer->pending);
    hash_free(writer->hash);
    g_free(writer->database);
    g_free(writer->name);
    g_free(writer->next_name);
    g_free(writer);
}

static gboolean
flush(struct state_writer *writer, GError **error)
{
    hash_add(writer->hash, writer->pending->data, writer->pending->len);
    writer->rows_size += writer->pending->len;
    gboolean done =
        file_write(writer->fd, writer->pending->data, writer->pending->len, "state file", error);
    g_byte_array_set_size(writer->pending, 0);
    return done;
}

gboolean
state_writer_add(struct state_writer *writer, const struct row *row, GError **error)
{
    struct slice rest = row->leaves;
    if (rest.size == 0)
        return TRUE;
    writer->documents++;
    for (struct row_leaf leaf; row_next_leaf(&rest, &leaf);) {
        leaf_digest_add(&writer->digest, row->id, leaf.rev);
        writer->leaves++;
    }
    row_append(writer->pending, row);
    return writer->pending->len < BUFFER ? TRUE : flush(writer, error);
}

void
state_writer_totals(const struct state_writer *writer, char **digest, guint64 *documents)
{
    *digest = hash_hex(writer->digest.sum, sizeof writer->digest.sum);
    *documents = writer->documents;
}

static void
member_raw(GString *text, const char *name, const char *raw)
{
    if (raw != NULL)
        json_text_member_raw(text, name, slice_of(raw));
}

static GString *
head_text(const struct state_writer *writer, const struct state *head, const char *sha256)
{
    g_autofree char *digest = hash_hex(writer->digest.sum, sizeof writer->digest.sum);
    GString *text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_string(text, "database", writer->database);
    json_text_member_string(text, "snapshot", head->snapshot);
    member_raw(text, "last_seq", head->last_seq);
    member_raw(text, "tokens", head->tokens);
    member_raw(text, "purge_seq", head->purge_seq);
    if (head->instance_start_time != NULL)
        json_text_member_string(text, "instance_start_time", head->instance_start_time);
    json_text_member_string(text, "setup", head->setup);
    json_text_member_unsigned(text, "documents", writer->documents);
    json_text_member_unsigned(text, "leaves", writer->leaves);
    json_text_member_unsigned(text, "unread", head->unread);
    json_text_member_string(text, "digest", digest);
    json_text_member_unsigned(text, "rows", writer->rows_size);
    json_text_member_string(text, "sha256", sha256);
    json_text_end_object(text);
    return text;
}

gboolean
state_writer_finish(struct state_writer *writer, const struct state *head, GError **error)
{
    guint8 digest[HASH_MAX];
    if (!flush(writer, error))
        return FALSE;
    hash_take(writer->hash, digest);
    g_autofree char *sha256 = hash_hex(digest, HASH_SHA256_SIZE);
    g_autoptr(GString) text = head_text(writer, head, sha256);
    guint32 size = (guint32)text->len;
    g_string_append_len(text, (const char *)&size, sizeof size);
    g_string_append_len(text, magic, sizeof magic);
    return file_write(writer->fd, text->str, text->len, "state file", error) &&
           file_sync(writer->fd, "state file", error);
}

gboolean
state_writer_commit(struct state_writer *writer, GError **error)
{
    if (renameat(writer->folder_fd, writer->next_name, writer->folder_fd, writer->name) != 0)
        return fail_errno(error, errno, "cannot put state file '%s' in place", writer->name);
    g_clear_pointer(&writer->next_name, g_free);
    return TRUE;
}

/* ---- from the store ---- */

char *
state_setup(struct slice db_json, struct slice local_json)
{
    static const char *const members[] = {"q", "n", "partitioned", "revs_limit", "security"};
    AUTO(hash) *hash = hash_new(HASH_SHA256);
    guint8 digest[HASH_MAX];
    struct slice value;
    for (gsize i = 0; i < G_N_ELEMENTS(members); i++) {
        if (json_member(db_json, members[i], &value))
            hash_add(hash, value.data, value.size);
        hash_add(hash, "", 1);
    }
    hash_add(hash, local_json.data, local_json.size);
    hash_take(hash, digest);
    return hash_hex(digest, HASH_SHA256_SIZE);
}

/* What the newest manifest says could not be read whole. */
struct unread {
    GHashTable *leaves; /* "id\nrev" */
    gboolean more;      /* than it names: any leaf with attachments may be one */
};

static char *
unread_key(struct slice id, struct slice rev)
{
    return g_strdup_printf(SLICE_FORMAT "\n" SLICE_FORMAT, SLICE_ARGS(id), SLICE_ARGS(rev));
}

static void
list_unread(struct unread *unread, const struct manifest *manifest, const char *database,
            guint64 count)
{
    guint64 named = 0;
    unread->leaves = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < manifest->unread->len; i++) {
        const struct manifest_unread *one = manifest->unread->pdata[i];
        if (!g_str_equal(one->database, database))
            continue;
        named++;
        if (one->rev != NULL)
            g_hash_table_add(unread->leaves, unread_key(slice_of(one->id), slice_of(one->rev)));
    }
    unread->more = count > named;
}

static gboolean
is_unread(const struct unread *unread, const struct leaf *leaf)
{
    if (leaf->n_attachments == 0)
        return FALSE;
    if (unread->more)
        return TRUE;
    g_autofree char *key = unread_key(leaf->id, leaf->rev);
    return g_hash_table_contains(unread->leaves, key);
}

static gboolean
copy_rows(struct state_writer *writer, struct chain_database *from, const struct unread *unread,
          GError **error)
{
    g_autoptr(GByteArray) buffer = g_byte_array_new();
    gsize mark = 0;
    struct row row;
    for (;;) {
        const struct leaf *leaf;
        gboolean end;
        if (!chain_next(from, &leaf, &end, error))
            return FALSE;
        if (buffer->len > 0) {
            row = row_decode(buffer->data);
            if (end || slice_compare(row.id, leaf->id) != 0) {
                if (!state_writer_add(writer, &row, error))
                    return FALSE;
                g_byte_array_set_size(buffer, 0);
            }
        }
        if (end)
            return TRUE;
        if (is_unread(unread, leaf))
            continue;
        if (buffer->len == 0)
            mark = row_begin(buffer, leaf->id);
        leaf_append_to_row(leaf, buffer);
        row_end(buffer, mark);
    }
}

gboolean
state_rebuild(int folder_fd, struct chain *chain, const char *database, const char *at,
              GError **error)
{
    AUTO(chain_database) *from = chain_database_open(chain, database, error);
    if (from == NULL)
        return FALSE;
    AUTO(state) *head = g_new0(struct state, 1);
    struct slice db = {from->db_json->str, from->db_json->len};
    struct slice local = {from->local_json->str, from->local_json->len};
    struct slice end = {from->end_json->str, from->end_json->len};
    struct unread unread;
    head->fd = -1;
    json_member_unsigned(end, "unread", &head->unread);
    list_unread(&unread, chain_manifest(chain), database, head->unread);
    AUTO(state_writer) *writer = state_writer_new(folder_fd, database, error);
    gboolean copied = writer != NULL && copy_rows(writer, from, &unread, error);
    g_hash_table_unref(unread.leaves);
    if (!copied)
        return FALSE;
    head->snapshot = g_strdup(at);
    head->last_seq = raw_member(end, "last_seq");
    head->tokens = raw_member(end, "tokens");
    head->purge_seq = raw_member(db, "purge_seq");
    json_member_text(db, "instance_start_time", &head->instance_start_time);
    head->setup = state_setup(db, local);
    return state_writer_finish(writer, head, error) && state_writer_commit(writer, error);
}
