#include "replicator/snapshot/files.h"

#include "lib/base/fail.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define BUFFER (128 * 1024)

struct gathering {
    GPtrArray *files;
    struct stat store;
    files_unreadable unreadable;
    void *context;
};

static gboolean
leave_out(const struct gathering *gathering, const char *path, int cause)
{
    gathering->unreadable(gathering->context, path, g_strerror(cause));
    return TRUE;
}

static gboolean
add_file(struct gathering *gathering, const char *path, GError **error)
{
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0) /* with what the daemon gave us */
        return leave_out(gathering, path, errno);
    if (gathering->files->len == FILES_MAX)
        return fail_set(error, FAIL_USAGE, "more than %d extra files", FILES_MAX);
    g_ptr_array_add(gathering->files, g_strdup(path));
    return TRUE;
}

static gboolean add_path(struct gathering *gathering, const char *path, gboolean named,
                         GError **error);

static gboolean
add_folder(struct gathering *gathering, const char *path, GError **error)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return leave_out(gathering, path, errno);
    gboolean done = TRUE;
    for (struct dirent *entry; done && (entry = readdir(folder)) != NULL;) {
        if (g_str_equal(entry->d_name, ".") || g_str_equal(entry->d_name, ".."))
            continue;
        g_autofree char *below = g_build_filename(path, entry->d_name, NULL);
        done = add_path(gathering, below, FALSE, error);
    }
    closedir(folder);
    return done;
}

static gboolean
add_path(struct gathering *gathering, const char *path, gboolean named, GError **error)
{
    struct stat info;
    const struct stat *store = &gathering->store;
    if ((named ? stat(path, &info) : lstat(path, &info)) != 0)
        return leave_out(gathering, path, errno);
    if (S_ISREG(info.st_mode))
        return add_file(gathering, path, error);
    if (!S_ISDIR(info.st_mode))
        return !named || fail_set(error, FAIL_USAGE, "'%s' is neither a file nor a folder", path);
    if (info.st_dev == store->st_dev && info.st_ino == store->st_ino) {
        log_info("leaving out '%s': it is the store", path);
        return TRUE;
    }
    return add_folder(gathering, path, error);
}

static gint
by_bytes(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
files_list(const char *const *paths, int store_fd, files_unreadable unreadable, void *context,
           GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    struct gathering gathering = {.files = files, .unreadable = unreadable, .context = context};
    if (fstat(store_fd, &gathering.store) != 0) {
        fail_errno(error, errno, "cannot look at the store");
        return NULL;
    }
    for (gsize i = 0; paths != NULL && paths[i] != NULL; i++) {
        g_autofree char *path = g_canonicalize_filename(paths[i], NULL);
        if (!add_path(&gathering, path, TRUE, error))
            return NULL;
    }
    g_ptr_array_sort(files, by_bytes);
    for (guint i = files->len; i > 1; i--)
        if (g_str_equal(files->pdata[i - 1], files->pdata[i - 2]))
            g_ptr_array_remove_index(files, i - 1);
    return g_steal_pointer(&files);
}

char *
files_hash(const char *path, GError **error)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    AUTO(hash) *hash = hash_new(HASH_SHA256);
    g_autofree char *buffer = g_malloc(BUFFER);
    guint8 digest[HASH_MAX];
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && (got = read(fd, buffer, BUFFER)) > 0)
        hash_add(hash, buffer, (gsize)got);
    if (got < 0) {
        fail_errno(error, errno, "cannot read '%s'", path);
        return NULL;
    }
    hash_take(hash, digest);
    return hash_hex(digest, HASH_SHA256_SIZE);
}
