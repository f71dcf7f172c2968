#include "lib/base/file.h"

#include "lib/base/fail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Where the kernel says that an open file is; NULL when it has no name. */
static char *
path_of(int fd)
{
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *path = g_file_read_link(link, NULL);
    return path != NULL && *path == '/' && !g_str_has_suffix(path, " (deleted)")
               ? g_steal_pointer(&path)
               : NULL;
}

/* An open file for a message: its path, or what the caller calls it. */
static char *
shown(int fd, const char *name)
{
    char *path = path_of(fd);
    return path != NULL ? path : g_strdup(name);
}

char *
file_path(int folder_fd, const char *name)
{
    g_autofree char *folder = folder_fd == AT_FDCWD ? NULL : path_of(folder_fd);
    return folder != NULL ? g_build_filename(folder, name, NULL) : g_strdup(name);
}

static gboolean
fail_at(GError **error, int cause, const char *doing, int folder_fd, const char *name)
{
    g_autofree char *path = file_path(folder_fd, name);
    return fail_errno(error, cause, "cannot %s '%s'", doing, path);
}

gboolean
file_write(int fd, const void *data, gsize size, const char *name, GError **error)
{
    const char *rest = data;
    while (size > 0) {
        ssize_t done = write(fd, rest, MIN(size, (gsize)G_MAXSSIZE));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            int cause = errno;
            g_autofree char *path = shown(fd, name);
            return fail_errno(error, cause, "cannot write '%s'", path);
        }
        rest += done;
        size -= (gsize)done;
    }
    return TRUE;
}

gboolean
file_read_at(int fd, guint64 offset, void *data, gsize size, const char *name, GError **error)
{
    char *rest = data;
    while (size > 0) {
        ssize_t done = pread(fd, rest, MIN(size, (gsize)G_MAXSSIZE), (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail_errno(error, errno, "cannot read '%s' at byte %" G_GUINT64_FORMAT, name,
                              offset);
        if (done == 0)
            return fail_set(error, FAIL_DAMAGED,
                            "'%s' is cut short: it ends at byte %" G_GUINT64_FORMAT, name, offset);
        rest += done;
        offset += (guint64)done;
        size -= (gsize)done;
    }
    return TRUE;
}

gboolean
file_sync(int fd, const char *name, GError **error)
{
    if (fsync(fd) == 0)
        return TRUE;
    int cause = errno;
    g_autofree char *path = shown(fd, name);
    return fail_errno(error, cause, "cannot make '%s' durable", path);
}

gboolean
file_install(int fd, int folder_fd, const char *temporary, const char *name, GError **error)
{
    if (!file_sync(fd, temporary, error))
        return FALSE;
    if (renameat(folder_fd, temporary, folder_fd, name) != 0)
        return fail_at(error, errno, "rename", folder_fd, temporary);
    return file_sync(fd, name, error) && file_sync(folder_fd, name, error);
}

gboolean
file_replace(int folder_fd, const char *name, const void *data, gsize size, mode_t mode,
             GError **error)
{
    g_autofree char *temporary = g_strdup_printf("%s.partial", name);
    unlinkat(folder_fd, temporary, 0);
    AUTO_FD int fd =
        openat(folder_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return fail_at(error, errno, "create", folder_fd, temporary);
    if (file_write(fd, data, size, temporary, error) &&
        file_install(fd, folder_fd, temporary, name, error))
        return TRUE;
    unlinkat(folder_fd, temporary, 0);
    return FALSE;
}

/* Reads to the end; the descriptor stays open. */
static char *
read_all(int fd, int folder_fd, const char *name, gsize cap, gsize *size, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    for (;;) {
        guint8 piece[16384];
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            fail_at(error, errno, "read", folder_fd, name);
            return NULL;
        }
        if (bytes->len + (gsize)got > cap) {
            fail_set(error, FAIL_DAMAGED,
                     "'%s' is larger than the %" G_GSIZE_FORMAT " bytes allowed", name, cap);
            return NULL;
        }
        if (got == 0)
            break;
        g_byte_array_append(bytes, piece, (guint)got);
    }
    if (size != NULL)
        *size = bytes->len;
    g_byte_array_append(bytes, (const guint8 *)"", 1);
    return (char *)g_byte_array_free(g_steal_pointer(&bytes), FALSE);
}

char *
file_read(int folder_fd, const char *name, gsize cap, gsize *size, GError **error)
{
    struct stat status;
    AUTO_FD int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0) {
        fail_at(error, errno, "open", folder_fd, name);
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) {
        g_autofree char *path = file_path(folder_fd, name);
        fail_set(error, FAIL_DAMAGED, "'%s' is no regular file", path);
        return NULL;
    }
    return read_all(fd, folder_fd, name, cap, size, error);
}

char *
file_read_named(const char *path, gsize cap, gsize *size, GError **error)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        fail_at(error, errno, "open", AT_FDCWD, path);
        return NULL;
    }
    return read_all(fd, AT_FDCWD, path, cap, size, error);
}

gboolean
file_is_absent(int folder_fd, const char *name)
{
    return faccessat(folder_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

gboolean
file_is_unwritten(int folder_fd, const char *name)
{
    struct stat status;
    if (fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT;
    return S_ISREG(status.st_mode) && status.st_size == 0;
}

int
file_open_folder(int parent_fd, const char *path, gboolean create, GError **error)
{
    int fd = openat(parent_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    if (!create || errno != ENOENT) {
        fail_at(error, errno, "open folder", parent_fd, path);
        return -1;
    }
    g_autofree char *parent = g_path_get_dirname(path);
    AUTO_FD int above = file_open_folder(parent_fd, parent, !g_str_equal(parent, path), error);
    if (above < 0)
        return -1;
    if (mkdirat(parent_fd, path, 0700) != 0 && errno != EEXIST) {
        fail_at(error, errno, "make folder", parent_fd, path);
        return -1;
    }
    AUTO_FD int made = file_open_folder(parent_fd, path, FALSE, error);
    /* in this order: on FAT, a name whose folder is not there yet cannot even be listed */
    if (made < 0 || !file_sync(made, path, error) || !file_sync(above, parent, error))
        return -1;
    return fd_steal(&made);
}

static gboolean
remove_below(int folder_fd, const char *folder, GError **error)
{
    DIR *entries = fdopendir(folder_fd);
    if (entries == NULL) {
        fail_errno(error, errno, "cannot list '%s'", folder);
        close(folder_fd);
        return FALSE;
    }
    gboolean done = TRUE;
    for (struct dirent *entry; done && (entry = readdir(entries)) != NULL;)
        if (!g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, ".."))
            done = file_remove_tree(dirfd(entries), entry->d_name, error);
    closedir(entries);
    return done;
}

gboolean
file_remove_tree(int folder_fd, const char *name, GError **error)
{
    if (unlinkat(folder_fd, name, 0) == 0 || errno == ENOENT)
        return TRUE;
    if (errno != EISDIR && errno != EPERM)
        return fail_at(error, errno, "remove", folder_fd, name);
    int fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail_at(error, errno, "open", folder_fd, name);
    if (!remove_below(fd, name, error))
        return FALSE;
    if (unlinkat(folder_fd, name, AT_REMOVEDIR) != 0)
        return fail_at(error, errno, "remove folder", folder_fd, name);
    return TRUE;
}

int
file_temporary(GError **error)
{
    const char *folder = g_getenv("TMPDIR");
    if (folder == NULL || *folder == '\0')
        folder = "/var/tmp";
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    g_autofree char *name = g_build_filename(folder, "lifeboat-XXXXXX", NULL);
    fd = g_mkstemp_full(name, O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        fail_errno(error, errno, "cannot make a temporary file in '%s'", folder);
    else
        unlink(name);
    return fd;
}

void
file_forget_cache(int fd)
{
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}
