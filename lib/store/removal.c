/* removal: see the header. */
#include "lib/store/removal.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

gboolean
removal_delete(const struct store *store, const char *folder, GError **error)
{
    g_autofree char *hidden = g_strconcat(".", folder, NULL);
    if (!file_remove_tree(store->snapshots_fd, hidden, error))
        return FALSE;
    if (renameat(store->snapshots_fd, folder, store->snapshots_fd, hidden) != 0)
        return fail_errno(error, errno, "cannot remove '%s/lifeboat/snapshots/%s'", store->path,
                          folder);
    return file_sync(store->snapshots_fd, "snapshots", error) &&
           file_remove_tree(store->snapshots_fd, hidden, error);
}

/* What others hide there, a Mac's .Trashes say, does not begin with a year. */
static gboolean
is_removed(const char *name)
{
    return name[0] == '.' && g_ascii_isdigit(name[1]);
}

gboolean
removal_finish(const struct store *store, GError **error)
{
    int fd = openat(store->snapshots_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    gboolean done = TRUE;
    if (entries == NULL)
        return fail_errno(error, errno, "cannot list '%s/lifeboat/snapshots'", store->path);
    for (struct dirent *entry; done && (entry = readdir(entries)) != NULL;)
        if (is_removed(entry->d_name))
            done = file_remove_tree(store->snapshots_fd, entry->d_name, error);
    closedir(entries);
    return done;
}

/* ---- originals of merged ones ---- */

static gboolean
is_original(const struct snapshot *snapshot)
{
    return snapshot->trust == SNAPSHOT_TRUSTED && snapshot->replaced;
}

/* A merged one has its newest original's id and another parent; what is alike in both is a copy
 * that somebody made. */
static gboolean
shares_id(const struct snapshot *original, const struct snapshot *merged)
{
    return is_original(original) && g_str_equal(original->catalogue->id, merged->catalogue->id) &&
           g_strcmp0(original->catalogue->parent, merged->catalogue->parent) != 0;
}

/* The folders that a merged one hides, in the order in which they may go; NULL when it hides none.
 */
static GPtrArray *
list_originals(const struct store *store, const struct snapshot *merged, guint64 *bytes)
{
    g_autoptr(GPtrArray) last = g_ptr_array_new();
    g_autoptr(GPtrArray) row = g_ptr_array_new();
    for (guint i = 0; i < store->snapshots->len; i++) {
        struct snapshot *one = store->snapshots->pdata[i];
        if (!shares_id(one, merged))
            continue;
        g_ptr_array_add(last, one);
        for (one = one->parent; one != NULL && is_original(one); one = one->parent)
            if (!g_ptr_array_find(row, one, NULL))
                g_ptr_array_add(row, one);
    }
    g_ptr_array_extend(row, last, NULL, NULL);
    if (row->len == 0)
        return NULL;
    GPtrArray *folders = g_ptr_array_new_with_free_func(g_free);
    *bytes = 0;
    for (guint i = 0; i < row->len; i++) {
        const struct snapshot *one = row->pdata[i];
        g_ptr_array_add(folders, g_strdup(one->folder));
        *bytes += one->catalogue->bytes_stored;
    }
    return folders;
}

/* The first merged one that is sound and hides others: their folders; NULL when there is none. */
static GPtrArray *
next_originals(struct store *store, struct progress *progress, guint64 *bytes)
{
    for (guint i = 0; i < store->snapshots->len; i++) {
        struct snapshot *merged = store->snapshots->pdata[i];
        if (merged->trust != SNAPSHOT_TRUSTED || merged->replaced ||
            !g_str_equal(merged->catalogue->kind, "merged"))
            continue;
        GPtrArray *folders = list_originals(store, merged, bytes);
        if (folders != NULL && store_check(store, merged, progress, NULL))
            return folders;
        if (folders != NULL)
            g_ptr_array_unref(folders);
    }
    return NULL;
}

gboolean
removal_originals(struct store *store, const struct keys *keys, struct progress *progress,
                  guint64 *freed, GError **error)
{
    guint64 bytes;
    for (;;) {
        g_autoptr(GPtrArray) folders = next_originals(store, progress, &bytes);
        if (folders == NULL)
            return TRUE;
        for (guint i = 0; i < folders->len; i++)
            if (!removal_delete(store, folders->pdata[i], error))
                return FALSE;
        *freed += bytes;
        if (!store_refresh(store, keys, error))
            return FALSE;
    }
}
