#include "replicator/snapshot/files.h"

#include "lib/base/fail.h"
#include "lib/base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define BUFFER (128 * 1024)

static gboolean
add_path(GPtrArray *files, const char *path, gboolean named, GError **error)
{
    struct stat info;
    if ((named ? stat(path, &info) : lstat(path, &info)) != 0)
        return fail_errno(error, errno, "cannot read '%s'", path);
    if (S_ISREG(info.st_mode)) {
        if (files->len == FILES_MAX)
            return fail_set(error, FAIL_USAGE, "more than %d extra files", FILES_MAX);
        g_ptr_array_add(files, g_strdup(path));
        return TRUE;
    }
    if (!S_ISDIR(info.st_mode))
        return named ? fail_set(error, FAIL_USAGE, "'%s' is neither a file nor a folder", path)
                     : TRUE;
    g_autoptr(GDir) folder = g_dir_open(path, 0, error);
    if (folder == NULL)
        return FALSE;
    for (const char *name; (name = g_dir_read_name(folder)) != NULL;) {
        g_autofree char *below = g_build_filename(path, name, NULL);
        if (!add_path(files, below, FALSE, error))
            return FALSE;
    }
    return TRUE;
}

static gint
by_bytes(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
files_list(const char *const *paths, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; paths != NULL && paths[i] != NULL; i++) {
        g_autofree char *path = g_canonicalize_filename(paths[i], NULL);
        if (!add_path(files, path, TRUE, error))
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
