#include "lib/store/store.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/base/stop.h"
#include "lib/json/json.h"
#include "lib/store/judge.h"
#include "lib/store/lineage.h"
#include "lib/store/parts.h"
#include "lib/store/readme.h"
#include "lib/store/removal.h"
#include "lib/store/signers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define FOLDER_NAME_MAX 64 /* bytes of a snapshot folder's name */

void
store_free(struct store *store)
{
    if (store == NULL)
        return;
    if (store->snapshots != NULL)
        g_ptr_array_unref(store->snapshots);
    fd_auto_close(&store->fd);
    fd_auto_close(&store->snapshots_fd);
    g_free(store->path);
    g_free(store->id);
    g_free(store->site);
    g_free(store);
}

/* ---- the list ---- */

static gint
by_folder(gconstpointer a, gconstpointer b)
{
    const struct snapshot *const *left = a, *const *right = b;
    return strcmp((*left)->folder, (*right)->folder);
}

static gboolean
is_usable(const struct snapshot *snapshot)
{
    return snapshot->trust == SNAPSHOT_TRUSTED && !snapshot->replaced;
}

/* Not what others leave on a drive, such as Thumbs.db. By another name, a signature makes it one.
 */
static gboolean
is_snapshot(const struct store *store, const char *name)
{
    if (*name == '.' || strlen(name) > FOLDER_NAME_MAX)
        return FALSE;
    g_autofree char *signature = g_build_filename(name, "snapshot.json.minisig", NULL);
    return judge_is_folder_name(name) ||
           faccessat(store->snapshots_fd, signature, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static gboolean
read_folders(struct store *store, const struct keys *keys, GError **error)
{
    g_ptr_array_set_size(store->snapshots, 0);
    int fd = openat(store->snapshots_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (entries == NULL)
        return fail_errno(error, errno, "cannot list '%s/lifeboat/snapshots'", store->path);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (!is_snapshot(store, entry->d_name))
            continue;
        if (store->snapshots->len == STORE_SNAPSHOTS_MAX)
            break;
        g_ptr_array_add(store->snapshots, judge_folder(store, entry->d_name, keys));
    }
    closedir(entries);
    g_ptr_array_sort(store->snapshots, by_folder);
    lineage_link(store->snapshots);
    return TRUE;
}

/* A store whose store.json was lost goes on under the id that its snapshots were signed with. */
gboolean
store_refresh(struct store *store, const struct keys *keys, GError **error)
{
    if (!read_folders(store, keys, error))
        return FALSE;
    const struct snapshot *newest = store->id == NULL ? store_tip(store, FALSE) : NULL;
    if (newest == NULL)
        return TRUE;
    store->id = g_strdup(newest->catalogue->store);
    store->site = g_strdup(newest->catalogue->site);
    return read_folders(store, keys, error);
}

static struct snapshot *
find_tip(const struct store *store, gboolean complete, const guint8 *signer)
{
    struct snapshot *tip = NULL;
    for (guint i = 0; i < store->snapshots->len; i++) {
        struct snapshot *snapshot = store->snapshots->pdata[i];
        if (!is_usable(snapshot) || !snapshot->rooted ||
            (complete && !snapshot->catalogue->complete) ||
            (signer != NULL && memcmp(signer, snapshot->signer, MINISIGN_KEY_ID) != 0))
            continue;
        if (tip == NULL || snapshot->catalogue->number > tip->catalogue->number)
            tip = snapshot;
    }
    return tip;
}

struct snapshot *
store_tip(const struct store *store, gboolean complete)
{
    return find_tip(store, complete, NULL);
}

struct snapshot *
store_tip_by(const struct store *store, gboolean complete, const guint8 signer[MINISIGN_KEY_ID])
{
    return find_tip(store, complete, signer);
}

gboolean
store_check_id(const struct store *store, const char *id, GError **error)
{
    return id == NULL || g_strcmp0(store->id, id) == 0 ||
           fail_set(error, FAIL_DAMAGED,
                    "'%s' holds another store than it is known for: %s, not %s; it is left alone",
                    store->path, store->id, id);
}

gboolean
store_is_lost(const struct snapshot *snapshot)
{
    return is_usable(snapshot) ? !snapshot->rooted
                               : snapshot->trust == SNAPSHOT_DAMAGED && snapshot->catalogue != NULL;
}

const struct snapshot *
store_orphan(const struct store *store)
{
    const struct snapshot *orphan = NULL;
    for (guint i = 0; i < store->snapshots->len; i++) {
        const struct snapshot *snapshot = store->snapshots->pdata[i];
        if (store_is_lost(snapshot) &&
            (orphan == NULL || snapshot->catalogue->number > orphan->catalogue->number))
            orphan = snapshot;
    }
    return orphan;
}

gboolean
store_has_folder(const struct store *store, const char *folder)
{
    for (guint i = 0; i < store->snapshots->len; i++)
        if (g_str_equal(((const struct snapshot *)store->snapshots->pdata[i])->folder, folder))
            return TRUE;
    return FALSE;
}

/* How much of one snapshot was read. */
struct reading {
    struct progress *progress;
    guint64 bytes;
};

gboolean
store_is_continued(const struct store *store, const struct snapshot *snapshot)
{
    for (guint i = 0; i < store->snapshots->len; i++)
        if (((const struct snapshot *)store->snapshots->pdata[i])->parent == snapshot)
            return TRUE;
    return FALSE;
}

static void
count_bytes(void *context, guint64 bytes)
{
    struct reading *reading = context;
    progress_add(reading->progress, 0, bytes - reading->bytes);
    reading->bytes = bytes;
}

static gboolean
check_parts(int fd, const char *sums, const struct snapshot *snapshot, struct reading *reading,
            GError **error)
{
    if (parts_verify(fd, sums, count_bytes, reading, error))
        return TRUE;
    g_prefix_error(error, "snapshot %s: ", snapshot->folder);
    return FALSE;
}

gboolean
store_check(struct store *store, struct snapshot *snapshot, struct progress *progress,
            GError **error)
{
    struct reading reading = {progress, 0};
    g_autoptr(GError) cause = NULL;
    if (snapshot->checked)
        return TRUE;
    AUTO_FD int fd = store_open_snapshot(store, snapshot, &cause);
    g_autofree char *sums = fd >= 0 ? store_read_sums(fd, snapshot, &cause) : NULL;
    progress_begin(progress, "reading parts of", snapshot->folder, 0);
    snapshot->checked = sums != NULL && check_parts(fd, sums, snapshot, &reading, &cause);
    if (snapshot->checked)
        return TRUE;
    if (stop_requested()) { /* that says nothing of the snapshot */
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    judge_damaged(snapshot, cause);
    lineage_link(store->snapshots);
    return fail_set(error, FAIL_DAMAGED, "%s", cause->message);
}

gboolean
store_check_chain(struct store *store, struct snapshot *tip, struct progress *progress,
                  GError **error)
{
    guint left = store->snapshots->len; /* whatever the parents say */
    for (struct snapshot *one = tip; one != NULL && left > 0; one = one->parent, left--)
        if (!store_check(store, one, progress, error))
            return FALSE;
    return TRUE;
}

/* Damaged ones count too: who does not know yet that they are must not take them for newer. */
guint64
store_next_number(const struct store *store)
{
    guint64 highest = 0;
    for (guint i = 0; i < store->snapshots->len; i++) {
        const struct snapshot *snapshot = store->snapshots->pdata[i];
        if (snapshot->catalogue != NULL && snapshot->trust != SNAPSHOT_FOREIGN &&
            snapshot->trust != SNAPSHOT_ELSEWHERE)
            highest = MAX(highest, snapshot->catalogue->number);
    }
    return highest + 1;
}

/* Of two folders with one id, a damaged merged one and its original, the one that counts. */
static struct snapshot *
better_of(struct snapshot *found, struct snapshot *other)
{
    return found != NULL && is_usable(found) ? found : other;
}

struct snapshot *
store_find(const struct store *store, const char *name, GError **error)
{
    struct snapshot *found = NULL;
    for (guint i = 0; i < store->snapshots->len; i++) {
        struct snapshot *snapshot = store->snapshots->pdata[i];
        const struct catalogue *catalogue = snapshot->catalogue;
        if (g_str_equal(snapshot->folder, name))
            return snapshot;
        if (catalogue == NULL || snapshot->replaced || strlen(name) < 4 ||
            !g_str_has_prefix(catalogue->id, name))
            continue;
        if (found != NULL && g_str_equal(catalogue->id, found->catalogue->id)) {
            found = better_of(found, snapshot);
            continue;
        }
        if (found != NULL) {
            fail_set(error, FAIL_USAGE, "'%s' begins the id of more than one snapshot", name);
            return NULL;
        }
        found = snapshot;
    }
    if (found == NULL)
        fail_set(error, FAIL_USAGE,
                 "there is no snapshot '%s' in '%s'\nhint: lifeboat-restore list '%s'", name,
                 store->path, store->path);
    return found;
}

/* ---- opening ---- */

gboolean
store_parse_identity(struct store *store, struct slice json, GError **error)
{
    g_autoptr(GError) cause = NULL;
    guint64 format = 0;
    if (!json_check(json, &cause))
        return fail_set(error, FAIL_DAMAGED, "'%s/lifeboat/store.json': %s", store->path,
                        cause->message);
    json_member_unsigned(json, "format", &format);
    if (format > CATALOGUE_FORMAT)
        return fail_set(error, FAIL_FAILED,
                        "store '%s' has format %" G_GUINT64_FORMAT "\nhint: use a newer Lifeboat",
                        store->path, format);
    json_member_text(json, "store", &store->id);
    json_member_text(json, "site", &store->site);
    if (store->id == NULL || !g_uuid_string_is_valid(store->id) || store->site == NULL)
        return fail_set(error, FAIL_DAMAGED, "'%s/lifeboat/store.json' names no store or site",
                        store->path);
    return TRUE;
}

static gboolean
read_store_json(struct store *store, GError **error)
{
    gsize size;
    g_autoptr(GError) cause = NULL;
    g_autofree char *text = file_read(store->fd, "store.json", STORE_JSON_MAX, &size, &cause);
    if (text == NULL)
        return fail_set(error, FAIL_DAMAGED, "'%s' holds no readable store: %s", store->path,
                        cause->message);
    return store_parse_identity(store, (struct slice){text, size}, error);
}

struct store *
store_new(const char *path)
{
    struct store *store = g_new0(struct store, 1);
    store->path = g_strdup(path);
    store->fd = store->snapshots_fd = -1;
    store->snapshots = g_ptr_array_new_with_free_func(judge_free);
    return store;
}

static gboolean
open_rest(struct store *store, const struct keys *keys, GError **error)
{
    store->snapshots_fd = file_open_folder(store->fd, "snapshots", FALSE, error);
    return store->snapshots_fd >= 0 && store_refresh(store, keys, error);
}

struct store *
store_open(const char *path, const struct keys *keys, GError **error)
{
    AUTO(store) *store = store_new(path);
    g_autofree char *folder = g_build_filename(path, "lifeboat", NULL);
    store->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->fd < 0 && errno != ENOENT && errno != ENOTDIR) {
        fail_errno(error, errno, "cannot open store '%s'", folder);
        return NULL;
    }
    if (store->fd < 0) {
        fail_set(error, FAIL_DAMAGED,
                 "there is no store in '%s': %s\nhint: name the folder that holds 'lifeboat/'",
                 path, g_strerror(errno));
        return NULL;
    }
    store->nameless =
        file_is_unwritten(store->fd, "store.json") && !file_is_absent(store->fd, "snapshots");
    if ((!store->nameless && !read_store_json(store, error)) || !open_rest(store, keys, error) ||
        (store->snapshots->len == 0 && store->nameless && !read_store_json(store, error)))
        return NULL;
    return g_steal_pointer(&store);
}

/* ---- opening for writing ---- */

/* store.json comes last: with it, the store exists. */
static gboolean
make_store(struct store *store, const struct keys *keys, const char *created, GError **error)
{
    AUTO_FD int snapshots = file_open_folder(store->fd, "snapshots", TRUE, error);
    if (snapshots < 0 || !open_rest(store, keys, error) ||
        !signers_refuse_strangers(store, keys, error))
        return FALSE;
    store->nameless = store->snapshots->len > 0;
    if (store->id == NULL)
        store->id = g_uuid_string_random();
    g_free(store->site);
    store->site = g_strdup(keys->site);
    g_autoptr(GString) json = g_string_new(NULL);
    json_text_begin_object(json);
    json_text_member_integer(json, "format", CATALOGUE_FORMAT);
    json_text_member_string(json, "store", store->id);
    json_text_member_string(json, "site", store->site);
    json_text_member_string(json, "created", created);
    json_text_end_object(json);
    g_string_append_c(json, '\n');
    return signers_write(store, keys, error) &&
           file_replace(store->fd, "store.json", json->str, json->len, 0644, error) &&
           store_refresh(store, keys, error);
}

static gboolean
go_on(struct store *store, const struct keys *keys, GError **error)
{
    if (!read_store_json(store, error))
        return FALSE;
    if (g_strcmp0(store->site, keys->site) != 0)
        return fail_set(error, FAIL_FAILED,
                        "store '%s' belongs to site '%s', not to '%s': left alone", store->path,
                        store->site, keys->site);
    return open_rest(store, keys, error) && signers_refuse_strangers(store, keys, error) &&
           signers_write(store, keys, error);
}

struct store *
store_open_for_writing(const char *path, const struct keys *keys, const char *created,
                       GError **error)
{
    AUTO(store) *store = store_new(path);
    g_assert(keys->site != NULL && keys->signing != NULL); /* a node's keys */
    AUTO_FD int above = file_open_folder(AT_FDCWD, path, FALSE, error);
    if (above < 0)
        return NULL;
    store->fd = file_open_folder(above, "lifeboat", TRUE, error);
    if (store->fd < 0)
        return NULL;
    gboolean fine = file_is_unwritten(store->fd, "store.json")
                        ? make_store(store, keys, created, error)
                        : go_on(store, keys, error);
    return fine && readme_write(store, keys, error) ? g_steal_pointer(&store) : NULL;
}

/* ---- writing ---- */

gboolean
store_remove_unsealed(struct store *store, GError **error)
{
    for (guint i = store->snapshots->len; i-- > 0;) {
        const struct snapshot *snapshot = store->snapshots->pdata[i];
        if (snapshot->trust != SNAPSHOT_UNSEALED && snapshot->trust != SNAPSHOT_UNSIGNED)
            continue;
        if (!file_remove_tree(store->snapshots_fd, snapshot->folder, error))
            return FALSE;
        g_ptr_array_remove_index(store->snapshots, i);
    }
    return removal_finish(store, error);
}

int
store_make_snapshot(struct store *store, const char *id, const char *started, char **folder,
                    GError **error)
{
    /* 2026-11-22T08:15:00Z becomes 20261122T081500Z */
    g_autoptr(GString) name = g_string_new(NULL);
    for (const char *at = started; *at != '\0'; at++)
        if (*at != '-' && *at != ':')
            g_string_append_c(name, *at);
    gsize stem = name->len;
    int made = -1;
    for (const char *digits = id; made != 0 && strlen(digits) >= 4; digits += 4) {
        digits += *digits == '-';
        g_string_truncate(name, stem);
        g_string_append_printf(name, "-%.4s", digits);
        made = mkdirat(store->snapshots_fd, name->str, 0755);
        if (made != 0 && errno != EEXIST)
            break;
    }
    if (made != 0) {
        fail_errno(error, errno, "cannot make '%s/lifeboat/snapshots/%s'", store->path, name->str);
        return -1;
    }
    int fd = file_open_folder(store->snapshots_fd, name->str, FALSE, error);
    if (fd >= 0)
        *folder = g_string_free(g_steal_pointer(&name), FALSE);
    return fd;
}

gboolean
store_seal(struct store *store, int folder_fd, const char *sums, struct catalogue *catalogue,
           const struct keys *keys, GError **error)
{
    guint8 digest[HASH_SHA256_SIZE];
    hash_sha256(sums, strlen(sums), digest);
    g_free(catalogue->sums);
    catalogue->sums = hash_hex(digest, sizeof digest);
    g_autoptr(GString) text = catalogue_write(catalogue);
    g_autofree char *comment =
        g_strdup_printf("lifeboat snapshot %s of %s", catalogue->id, catalogue->started);
    g_autofree char *signature = minisign_sign(keys->signing, text->str, text->len, comment, error);
    return signature != NULL &&
           file_replace(folder_fd, "SHA256SUMS", sums, strlen(sums), 0644, error) &&
           file_replace(folder_fd, "snapshot.json", text->str, text->len, 0644, error) &&
           file_sync(store->snapshots_fd, "snapshots", error) &&
           file_replace(folder_fd, "snapshot.json.minisig", signature, strlen(signature), 0644,
                        error);
}

int
store_open_snapshot(const struct store *store, const struct snapshot *snapshot, GError **error)
{
    return file_open_folder(store->snapshots_fd, snapshot->folder, FALSE, error);
}

char *
store_read_sums(int folder_fd, const struct snapshot *snapshot, GError **error)
{
    gsize size;
    guint8 digest[HASH_SHA256_SIZE];
    g_autofree char *sums = file_read(folder_fd, "SHA256SUMS", STORE_SUMS_MAX, &size, error);
    if (sums == NULL) {
        if (error != NULL && *error != NULL)
            (*error)->code = FAIL_DAMAGED;
        g_prefix_error(error, "snapshot %s: ", snapshot->folder);
        return NULL;
    }
    hash_sha256(sums, size, digest);
    g_autofree char *found = hash_hex(digest, sizeof digest);
    if (!g_str_equal(found, snapshot->catalogue->sums)) {
        fail_set(error, FAIL_DAMAGED, "snapshot %s: SHA256SUMS is not the file that was signed",
                 snapshot->folder);
        return NULL;
    }
    return g_steal_pointer(&sums);
}
