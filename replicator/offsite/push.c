/* push: see the header. */
#include "replicator/offsite/push.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/store/judge.h"
#include "lib/store/lineage.h"
#include "lib/store/parts.h"
#include "replicator/offsite/outdated.h"
#include "replicator/offsite/upload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define PASSES_MAX 8             /* while the store changes meanwhile */
#define SMALL_MAX STORE_SUMS_MAX /* bytes of a file that is put as it is */

/* One pass over a store as it was read. */
struct pass {
    struct push *push;
    struct bucket *bucket;
    struct store *store;
    struct outline *outline;
    gboolean changed; /* the store is another one by now: another pass is due */
    guint64 sent;
};

static void
count_bytes(void *context, guint64 bytes, gboolean sent)
{
    struct pass *pass = context;
    pass->sent += sent ? bytes : 0;
    progress_add(pass->push->progress, 0, bytes);
}

/* ---- whose it is ---- */

static gboolean
refuse(const struct pass *pass, const char *id, const char *site, GError **error)
{
    g_autofree char *shown = g_strescape(site != NULL ? site : "", NULL);
    return fail_set(error, FAIL_FAILED,
                    "'%s' holds another store (%s, of site '%s'), not that of '%s': left alone\n"
                    "hint: name a folder in the bucket for this one: bucket = %s/%s",
                    pass->bucket->url, id, shown, pass->store->path, pass->bucket->url,
                    pass->push->keys->node);
}

static gboolean
refuse_strangers(const struct pass *pass, GError **error)
{
    const GPtrArray *snapshots = pass->outline->store->snapshots;
    for (guint i = 0; i < snapshots->len; i++) {
        const struct snapshot *one = snapshots->pdata[i];
        if (one->catalogue != NULL && one->trust != SNAPSHOT_FOREIGN &&
            g_ascii_strcasecmp(one->catalogue->store, pass->store->id) != 0)
            return refuse(pass, one->catalogue->store, one->catalogue->site, error);
        if (one->trust == SNAPSHOT_FOREIGN)
            return fail_set(error, FAIL_DAMAGED,
                            "'%s' has snapshots by an unknown signer, and is left alone: snapshot "
                            "%s: %s\nhint: where the other server of this site wrote them, "
                            "`lifeboat key accept`; else name a folder in the bucket",
                            pass->bucket->url, one->folder, one->problem);
    }
    return TRUE;
}

/* Whether store.json in the bucket is this store's. */
static gboolean
check_claim(const struct pass *pass, GError **error)
{
    g_autoptr(GString) text = NULL;
    AUTO(store) *there = store_new(pass->bucket->url);
    if (!object_read(pass->bucket, OUTLINE_ROOT "store.json", STORE_JSON_MAX, &text, error))
        return FALSE;
    if (text == NULL)
        return fail_set(error, FAIL_LATER, "'%s': somebody removed its store.json meanwhile",
                        pass->bucket->url);
    if (!store_parse_identity(there, (struct slice){text->str, text->len}, error))
        return FALSE;
    return g_str_equal(there->id, pass->store->id) || refuse(pass, there->id, there->site, error);
}

/* Puts store.json where there is none. Of two nodes that do so at once, one finds the other's. */
static gboolean
claim(const struct pass *pass, GError **error)
{
    const struct store *there = pass->outline->store;
    if (there->id != NULL && !g_str_equal(there->id, pass->store->id))
        return refuse(pass, there->id, there->site, error);
    if (!refuse_strangers(pass, error))
        return FALSE;
    if (there->id != NULL)
        return TRUE;
    gsize size;
    g_autofree char *text = file_read(pass->store->fd, "store.json", STORE_JSON_MAX, &size, error);
    return text != NULL &&
           object_claim(pass->bucket, OUTLINE_ROOT "store.json", (struct slice){text, size},
                        error) &&
           check_claim(pass, error);
}

/* ---- small files ---- */

static gboolean
put_small(struct pass *pass, int folder, const char *name, const char *key, GError **error)
{
    gsize size;
    const struct object *there = g_hash_table_lookup(pass->outline->objects, key);
    g_autofree char *text = file_read(folder, name, SMALL_MAX, &size, error);
    struct slice bytes = {text, size};
    if (text == NULL)
        return FALSE;
    if (there != NULL && there->size == size && object_etag_fits(there->etag, bytes))
        return TRUE;
    count_bytes(pass, size, TRUE);
    return object_put(pass->bucket, key, bytes, error);
}

/* What whoever finds the bucket reads first: README.txt, and the signers' public keys. */
static gboolean
put_introduction(struct pass *pass, GError **error)
{
    if (!file_is_absent(pass->store->fd, "README.txt") &&
        !put_small(pass, pass->store->fd, "README.txt", OUTLINE_ROOT "README.txt", error))
        return FALSE;
    int fd = file_open_folder(pass->store->fd, "signers", FALSE, NULL);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    gboolean done = TRUE;
    for (struct dirent *entry; done && entries != NULL && (entry = readdir(entries)) != NULL;) {
        g_autofree char *key = g_strconcat(OUTLINE_ROOT "signers/", entry->d_name, NULL);
        if (outline_is_signer(key))
            done = put_small(pass, dirfd(entries), entry->d_name, key, error);
    }
    if (entries != NULL)
        closedir(entries);
    return done;
}

/* ---- one snapshot ---- */

/* Whether the bucket has a file of that name and size. */
static gboolean
has_file(const struct pass *pass, int folder, const char *snapshot, const char *name)
{
    struct stat info;
    const struct object *there = outline_file(pass->outline, snapshot, name);
    return there != NULL && fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           there->size == (guint64)info.st_size;
}

/* Whether all of it stands there; then its signature does, which came last. */
static gboolean
is_there(const struct pass *pass, int folder, const char *sums, guint n_parts, const char *snapshot)
{
    static const char *const names[] = {"SHA256SUMS", "snapshot.json", "snapshot.json.minisig"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (!has_file(pass, folder, snapshot, names[i]))
            return FALSE;
    for (guint i = 0; i < n_parts; i++) {
        char name[16];
        guint8 sha256[HASH_SHA256_SIZE];
        parts_describe(sums, i, name, sha256);
        if (!has_file(pass, folder, snapshot, name))
            return FALSE;
    }
    return TRUE;
}

static gboolean
put_part(struct pass *pass, int folder, const char *sums, guint number, const char *snapshot,
         GError **error)
{
    char name[16];
    struct stat info;
    struct upload_file file = {.name = name};
    parts_describe(sums, number, name, file.sha256);
    g_autofree char *key = outline_key(snapshot, name);
    AUTO_FD int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0)
        return fail_errno(error, errno, "cannot open '%s'", name);
    file.key = key;
    file.fd = fd;
    file.size = (guint64)info.st_size;
    file.part_size = UPLOAD_PART;
    file.there = outline_file(pass->outline, snapshot, name);
    gboolean done = upload(pass->bucket, &file, count_bytes, pass, error);
    file_forget_cache(fd);
    return done;
}

static gboolean
put_files(struct pass *pass, int folder, const char *sums, guint n_parts, struct snapshot *snapshot,
          GError **error)
{
    static const char *const names[] = {"SHA256SUMS", "snapshot.json", "snapshot.json.minisig"};
    if (!store_check(pass->store, snapshot, pass->push->progress, error))
        return FALSE;
    progress_begin(pass->push->progress, "copying", snapshot->folder, 0);
    for (guint i = 0; i < n_parts; i++)
        if (!put_part(pass, folder, sums, i, snapshot->folder, error))
            return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *key = outline_key(snapshot->folder, names[i]);
        if (!put_small(pass, folder, names[i], key, error))
            return FALSE;
    }
    pass->push->put++;
    return TRUE;
}

static gboolean
put_snapshot(struct pass *pass, struct snapshot *snapshot, GError **error)
{
    AUTO_FD int folder = store_open_snapshot(pass->store, snapshot, error);
    g_autofree char *sums = folder >= 0 ? store_read_sums(folder, snapshot, error) : NULL;
    guint n_parts = sums != NULL ? parts_count(sums, error) : 0;
    return n_parts > 0 && (is_there(pass, folder, sums, n_parts, snapshot->folder) ||
                           put_files(pass, folder, sums, n_parts, snapshot, error));
}

/* ---- all of them ---- */

static gboolean
counts(const struct snapshot *snapshot)
{
    return snapshot->trust == SNAPSHOT_TRUSTED && !snapshot->replaced;
}

/* By another name the bucket's list would not show it. */
static gboolean
is_well_named(const struct snapshot *snapshot)
{
    return judge_is_folder_name(snapshot->folder);
}

static void
add_problem(struct pass *pass, const struct snapshot *snapshot, const char *why)
{
    g_ptr_array_add(pass->push->problems,
                    g_strdup_printf("snapshot %s is not copied: %s", snapshot->folder, why));
}

/* What was sealed and cannot go is told; what was interrupted does not count. */
static void
name_others(struct pass *pass)
{
    for (guint i = 0; i < pass->store->snapshots->len; i++) {
        const struct snapshot *one = pass->store->snapshots->pdata[i];
        if (one->trust != SNAPSHOT_TRUSTED && one->trust != SNAPSHOT_UNSEALED &&
            one->trust != SNAPSHOT_UNSIGNED)
            add_problem(pass, one, one->problem);
        else if (counts(one) && !is_well_named(one))
            add_problem(pass, one, "somebody renamed its folder");
    }
}

static gboolean
put_all(struct pass *pass, GError **error)
{
    g_autoptr(GPtrArray) row = g_ptr_array_new();
    for (guint i = 0; i < pass->store->snapshots->len; i++) {
        struct snapshot *one = pass->store->snapshots->pdata[i];
        if (counts(one) && is_well_named(one))
            g_ptr_array_add(row, one);
    }
    g_ptr_array_sort(row, lineage_by_depth);
    for (guint i = 0; i < row->len; i++) {
        struct snapshot *one = row->pdata[i];
        g_autoptr(GError) failure = NULL;
        if (put_snapshot(pass, one, &failure)) {
            pass->push->snapshots++;
        } else if (file_is_absent(pass->store->snapshots_fd, one->folder)) {
            pass->changed = TRUE;
        } else if (g_error_matches(failure, FAIL, FAIL_DAMAGED)) {
            add_problem(pass, one, failure->message);
        } else {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- removing ---- */

static gboolean
remove_folder(struct pass *pass, const char *folder, GError **error)
{
    g_autoptr(GPtrArray) keys = outline_keys(pass->outline, folder);
    for (guint i = 0; i < keys->len; i++)
        if (!object_delete(pass->bucket, keys->pdata[i], error))
            return FALSE;
    return TRUE;
}

/* Rests of snapshots that are not in the local store any more. */
static gboolean
remove_rests(struct pass *pass, GError **error)
{
    const GPtrArray *snapshots = pass->outline->store->snapshots;
    for (guint i = 0; i < snapshots->len; i++) {
        const struct snapshot *one = snapshots->pdata[i];
        gboolean rest = one->trust == SNAPSHOT_UNSEALED || one->trust == SNAPSHOT_UNSIGNED;
        if (rest && !store_has_folder(pass->store, one->folder) &&
            !remove_folder(pass, one->folder, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
remove_outdated(struct pass *pass, GError **error)
{
    g_autoptr(GPtrArray) folders = outdated_folders(pass->outline, pass->store, pass->push->keys);
    for (guint i = 0; i < folders->len; i++) {
        if (!remove_folder(pass, folders->pdata[i], error))
            return FALSE;
        pass->push->removed++;
    }
    return TRUE;
}

/* ---- the whole ---- */

static void
note_newest(struct pass *pass)
{
    const struct snapshot *tip = store_tip(pass->store, TRUE);
    g_free(pass->push->newest);
    pass->push->newest = tip != NULL ? g_strdup(tip->catalogue->started) : NULL;
    g_free(pass->push->id);
    pass->push->id = g_strdup(pass->store->id);
}

static gboolean
go_through(struct pass *pass, GError **error)
{
    struct push *push = pass->push;
    push->snapshots = 0;
    g_ptr_array_set_size(push->problems, 0);
    progress_begin(push->progress, "copying", NULL, 0);
    name_others(pass);
    if (!claim(pass, error) || !put_introduction(pass, error) || !put_all(pass, error))
        return FALSE;
    note_newest(pass);
    if (pass->changed || push->problems->len > 0)
        return TRUE;
    return remove_outdated(pass, error) && remove_rests(pass, error) &&
           upload_abandon(pass->bucket, OUTLINE_ROOT, error) && check_claim(pass, error);
}

static gboolean
run_pass(struct push *push, const char *path, gboolean *again, GError **error)
{
    struct pass pass = {.push = push, .bucket = push->bucket};
    AUTO(store) *store = store_open(path, push->keys, error);
    if (store == NULL)
        return FALSE;
    if (store->id == NULL || store->nameless)
        return fail_set(error, FAIL_DAMAGED,
                        "store '%s' has lost its store.json\nhint: the next snapshot mends it",
                        path);
    AUTO(outline) *outline = outline_read(push->bucket, store, push->keys, error);
    if (outline == NULL)
        return FALSE;
    pass.store = store;
    pass.outline = outline;
    gboolean done = go_through(&pass, error);
    push->bytes += pass.sent;
    *again = pass.changed;
    return done;
}

gboolean
push_store(struct push *push, const char *path, GError **error)
{
    push->problems = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < PASSES_MAX; i++) {
        gboolean again = FALSE;
        if (!run_pass(push, path, &again, error))
            return FALSE;
        if (!again)
            return TRUE;
    }
    return fail_set(error, FAIL_LATER, "store '%s' changes all the time", path);
}

void
push_clear(struct push *push)
{
    g_free(push->id);
    g_free(push->newest);
    if (push->problems != NULL)
        g_ptr_array_unref(push->problems);
}
