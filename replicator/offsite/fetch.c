/* fetch: see the header. */
#include "replicator/offsite/fetch.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/stop.h"
#include "lib/store/judge.h"
#include "lib/store/lineage.h"
#include "lib/store/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define PIECE (256 * 1024) /* bytes of a partial file that are read at once */

/* A part on its way to the disk. */
struct arrival {
    struct fetch *fetch;
    int fd;
    const char *name;
    struct hash *hash;
};

/* ---- one part ---- */

static gboolean
take_bytes(void *context, struct slice bytes, GError **error)
{
    struct arrival *arrival = context;
    if (!stop_check(error) ||
        !file_write(arrival->fd, bytes.data, bytes.size, arrival->name, error))
        return FALSE;
    hash_add(arrival->hash, bytes.data, bytes.size);
    arrival->fetch->bytes += bytes.size;
    progress_add(arrival->fetch->progress, 0, bytes.size);
    return TRUE;
}

/* Takes what an earlier run left into the hash; more than `size` is nothing to go on with. */
static gboolean
go_on_from(struct arrival *arrival, guint64 size, guint64 *offset, GError **error)
{
    struct stat info;
    g_autofree char *piece = g_malloc(PIECE);
    if (fstat(arrival->fd, &info) != 0)
        return fail_errno(error, errno, "cannot look at '%s'", arrival->name);
    guint64 there = (guint64)info.st_size <= size ? (guint64)info.st_size : 0;
    if (ftruncate(arrival->fd, (off_t)there) != 0 || lseek(arrival->fd, (off_t)there, SEEK_SET) < 0)
        return fail_errno(error, errno, "cannot go on with '%s'", arrival->name);
    for (*offset = 0; *offset < there;) {
        gsize next = (gsize)MIN(there - *offset, PIECE);
        if (!file_read_at(arrival->fd, *offset, piece, next, arrival->name, error))
            return FALSE;
        hash_add(arrival->hash, piece, next);
        *offset += next;
    }
    return TRUE;
}

static gboolean
fetch_into(struct arrival *arrival, const struct object *object, const guint8 *sha256,
           gboolean *fits, GError **error)
{
    guint64 offset = 0;
    guint8 found[HASH_MAX];
    if (!go_on_from(arrival, object->size, &offset, error) ||
        (offset < object->size && !object_get(arrival->fetch->bucket, object->key, offset,
                                              object->size, take_bytes, arrival, error)))
        return FALSE;
    hash_take(arrival->hash, found);
    *fits = memcmp(found, sha256, HASH_SHA256_SIZE) == 0;
    return TRUE;
}

/* Once more from the beginning when what an earlier run left turns out not to be the beginning. */
static gboolean
fetch_part(struct fetch *fetch, int folder, const struct object *object, const char *name,
           const guint8 *sha256, GError **error)
{
    g_autofree char *partial = g_strconcat(name, ".partial", NULL);
    AUTO_FD int fd =
        openat(folder, partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    if (fd < 0)
        return fail_errno(error, errno, "cannot create '%s'", partial);
    struct stat info;
    gboolean resumed = fstat(fd, &info) == 0 && info.st_size > 0, fits = FALSE;
    for (guint attempt = 0; !fits && attempt <= (guint)resumed; attempt++) {
        AUTO(hash) *hash = hash_new(HASH_SHA256);
        struct arrival arrival = {fetch, fd, partial, hash};
        if (attempt > 0 && ftruncate(fd, 0) != 0)
            return fail_errno(error, errno, "cannot empty '%s'", partial);
        if (!fetch_into(&arrival, object, sha256, &fits, error))
            return FALSE;
    }
    if (fits)
        return file_install(fd, folder, partial, name, error);
    unlinkat(folder, partial, 0);
    return fail_set(error, FAIL_DAMAGED,
                    "'%s' in the bucket is damaged: its SHA-256 is not the one in SHA256SUMS",
                    object->key);
}

/* ---- one snapshot ---- */

static gboolean
fetch_parts(struct fetch *fetch, const struct outline *outline, const char *snapshot, int folder,
            const char *sums, guint n_parts, GError **error)
{
    for (guint i = 0; i < n_parts; i++) {
        char name[16];
        guint8 sha256[HASH_SHA256_SIZE];
        struct stat info;
        parts_describe(sums, i, name, sha256);
        const struct object *object = outline_file(outline, snapshot, name);
        if (object == NULL || object->size > PARTS_SIZE)
            return fail_set(error, FAIL_DAMAGED, "'%s' %s", name,
                            object == NULL ? "is missing" : "is larger than a part can be");
        if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            (guint64)info.st_size == object->size)
            continue; /* it is read when all are here */
        if (!fetch_part(fetch, folder, object, name, sha256, error))
            return FALSE;
    }
    if (parts_verify(folder, sums, NULL, NULL, error))
        return TRUE;
    for (guint i = 0; i < n_parts && g_error_matches(*error, FAIL, FAIL_DAMAGED); i++) {
        char name[16];
        guint8 sha256[HASH_SHA256_SIZE];
        parts_describe(sums, i, name, sha256);
        unlinkat(folder, name, 0); /* the next run fetches it anew */
    }
    return FALSE;
}

static gboolean
copy_text(struct fetch *fetch, int folder, const char *key, const char *name, gsize cap,
          GError **error)
{
    g_autoptr(GString) text = NULL;
    if (!object_read(fetch->bucket, key, cap, &text, error))
        return FALSE;
    if (text == NULL)
        return fail_set(error, FAIL_DAMAGED, "'%s' is missing in the bucket", key);
    return file_replace(folder, name, text->str, text->len, 0644, error);
}

/* SHA256SUMS, which the signed entry names by its hash. */
static char *
read_sums(struct fetch *fetch, const struct snapshot *snapshot, GError **error)
{
    guint8 digest[HASH_SHA256_SIZE];
    g_autoptr(GString) text = NULL;
    g_autofree char *key = outline_key(snapshot->folder, "SHA256SUMS");
    if (!object_read(fetch->bucket, key, STORE_SUMS_MAX, &text, error))
        return NULL;
    if (text == NULL) {
        fail_set(error, FAIL_DAMAGED, "its SHA256SUMS is missing");
        return NULL;
    }
    hash_sha256(text->str, text->len, digest);
    g_autofree char *hex = hash_hex(digest, sizeof digest);
    if (g_str_equal(hex, snapshot->catalogue->sums) && strlen(text->str) == text->len)
        return g_string_free(g_steal_pointer(&text), FALSE);
    fail_set(error, FAIL_DAMAGED, "its SHA256SUMS is not the file that was signed");
    return NULL;
}

static gboolean
fetch_files(struct fetch *fetch, const struct outline *outline, const struct snapshot *snapshot,
            int folder, GError **error)
{
    g_autofree char *sums = read_sums(fetch, snapshot, error);
    guint n_parts = sums != NULL ? parts_count(sums, error) : 0;
    g_autofree char *entry = outline_key(snapshot->folder, "snapshot.json");
    g_autofree char *signature = outline_key(snapshot->folder, "snapshot.json.minisig");
    return n_parts > 0 &&
           fetch_parts(fetch, outline, snapshot->folder, folder, sums, n_parts, error) &&
           file_replace(folder, "SHA256SUMS", sums, strlen(sums), 0644, error) &&
           copy_text(fetch, folder, entry, "snapshot.json", CATALOGUE_MAX, error) &&
           copy_text(fetch, folder, signature, "snapshot.json.minisig", MINISIGN_FILE_MAX, error);
}

/* Whether the folder's snapshot counts here as it does in the bucket. */
static gboolean
counts_here(const struct fetch *fetch, const struct store *here, const struct snapshot *snapshot)
{
    struct snapshot *judged = judge_folder(here, snapshot->folder, fetch->keys);
    gboolean same = judged->trust == snapshot->trust &&
                    g_str_equal(judged->catalogue->id, snapshot->catalogue->id);
    judge_free(judged);
    return same;
}

static gboolean
fetch_snapshot(struct fetch *fetch, const struct outline *outline, const struct snapshot *snapshot,
               const struct store *here, GError **error)
{
    AUTO_FD int folder = file_open_folder(here->snapshots_fd, snapshot->folder, TRUE, error);
    if (folder < 0)
        return FALSE;
    if (counts_here(fetch, here, snapshot))
        return TRUE;
    progress_begin(fetch->progress, "fetching", snapshot->folder, 0);
    if (!fetch_files(fetch, outline, snapshot, folder, error))
        return FALSE;
    if (!counts_here(fetch, here, snapshot)) {
        unlinkat(folder, "snapshot.json.minisig", 0);
        return fail_set(error, FAIL_DAMAGED, "what came of it is not what was signed");
    }
    fetch->fetched++;
    return TRUE;
}

/* ---- all of them ---- */

static void
add_problem(struct fetch *fetch, const struct snapshot *snapshot, const char *why)
{
    g_ptr_array_add(fetch->problems,
                    g_strdup_printf("snapshot %s is not fetched: %s", snapshot->folder, why));
}

/* Those that are to come, what others build upon first. */
static GPtrArray *
choose(struct fetch *fetch, const struct outline *outline)
{
    GPtrArray *row = g_ptr_array_new();
    for (guint i = 0; i < outline->store->snapshots->len; i++) {
        struct snapshot *one = outline->store->snapshots->pdata[i];
        gboolean unchecked = fetch->keys == NULL && one->trust == SNAPSHOT_FOREIGN;
        if (one->trust == SNAPSHOT_UNSEALED || one->trust == SNAPSHOT_UNSIGNED || one->replaced)
            continue;
        if (one->trust == SNAPSHOT_TRUSTED || unchecked)
            g_ptr_array_add(row, one);
        else
            add_problem(fetch, one, one->problem);
    }
    g_ptr_array_sort(row, lineage_by_depth);
    return row;
}

/* Whether the failure is the snapshot's alone. */
static gboolean
is_its_own(const GError *failure)
{
    return g_error_matches(failure, FAIL, FAIL_DAMAGED) || http_has_status(failure, HTTP_ANSWER) ||
           http_has_status(failure, 404);
}

static gboolean
fetch_all(struct fetch *fetch, const struct outline *outline, const struct store *here,
          GError **error)
{
    g_autoptr(GPtrArray) row = choose(fetch, outline);
    for (guint i = 0; i < row->len; i++) {
        const struct snapshot *one = row->pdata[i];
        g_autoptr(GError) failure = NULL;
        if (fetch_snapshot(fetch, outline, one, here, &failure)) {
            fetch->snapshots++;
        } else if (is_its_own(failure)) {
            add_problem(fetch, one, failure->message);
        } else {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- the store ---- */

/* Refuses a folder that holds another store. */
static gboolean
check_identity(struct store *here, const char *id, GError **error)
{
    gsize size;
    if (file_is_unwritten(here->fd, "store.json")) {
        here->id = g_strdup(id);
        return TRUE;
    }
    g_autofree char *text = file_read(here->fd, "store.json", STORE_JSON_MAX, &size, error);
    if (text == NULL || !store_parse_identity(here, (struct slice){text, size}, error))
        return FALSE;
    return g_str_equal(here->id, id) ||
           fail_set(error, FAIL_FAILED,
                    "'%s' holds another store (%s) than the bucket (%s): left alone\n"
                    "hint: name an empty folder",
                    here->path, here->id, id);
}

/* The folder's store, made as far as it has to be; what is in it is not read. */
static struct store *
open_folder(const char *path, const char *id, GError **error)
{
    AUTO(store) *here = store_new(path);
    AUTO_FD int above = file_open_folder(AT_FDCWD, path, TRUE, error);
    here->fd = above >= 0 ? file_open_folder(above, "lifeboat", TRUE, error) : -1;
    if (here->fd < 0 || !check_identity(here, id, error))
        return NULL;
    here->snapshots_fd = file_open_folder(here->fd, "snapshots", TRUE, error);
    return here->snapshots_fd >= 0 ? g_steal_pointer(&here) : NULL;
}

static gboolean
fetch_introduction(struct fetch *fetch, const struct outline *outline, int root, GError **error)
{
    AUTO_FD int signers = file_open_folder(root, "signers", TRUE, error);
    if (signers < 0 ||
        !copy_text(fetch, root, OUTLINE_ROOT "store.json", "store.json", STORE_JSON_MAX, error))
        return FALSE;
    for (guint i = 0; i < outline->list->len; i++) {
        const struct object *object = outline->list->pdata[i];
        gboolean readme = g_str_equal(object->key, OUTLINE_ROOT "README.txt");
        g_autofree char *name = g_path_get_basename(object->key);
        if ((readme || outline_is_signer(object->key)) &&
            !copy_text(fetch, readme ? root : signers, object->key, name, STORE_SUMS_MAX, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
fetch_store(struct fetch *fetch, const char *path, GError **error)
{
    fetch->problems = g_ptr_array_new_with_free_func(g_free);
    AUTO(outline) *outline = outline_read(fetch->bucket, NULL, fetch->keys, error);
    if (outline == NULL)
        return FALSE;
    if (outline->store->id == NULL)
        return fail_set(error, FAIL_DAMAGED, "there is no store in '%s'", fetch->bucket->url);
    AUTO(store) *here = open_folder(path, outline->store->id, error);
    return here != NULL && fetch_introduction(fetch, outline, here->fd, error) &&
           fetch_all(fetch, outline, here, error);
}

void
fetch_clear(struct fetch *fetch)
{
    if (fetch->problems != NULL)
        g_ptr_array_unref(fetch->problems);
}
