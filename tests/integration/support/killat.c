/*
 * killat: a library to preload that ends a program, or makes its disk fail, at the N-th change
 * below some folders.
 *
 *     KILLAT_PATH   the folders (real paths, as /proc/self/fd shows them), with colons between
 *     KILLAT_LOG    every change is appended here: "number operation path"
 *     KILLAT_AT     N, from 1; 0 or unset only logs
 *     KILLAT_HOW    kill: SIGKILL, in the middle of it when it is a write
 *                   eio: this one change fails with EIO;  enospc: this one and all later ones that
 * need room fail
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long changes;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Whether `path` lies in one of the folders. */
static int
watched(const char *path)
{
    const char *folder = getenv("KILLAT_PATH");
    while (folder && *folder) {
        size_t length = strcspn(folder, ":");
        if (strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0))
            return 1;
        folder += length + (folder[length] == ':');
    }
    return 0;
}

static void
path_of_fd(int fd, char path[PATH_MAX])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
}

static void
path_at(int folder, const char *name, char path[PATH_MAX])
{
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return;
    }
    char base[PATH_MAX];
    if (folder == AT_FDCWD)
        (void)!getcwd(base, sizeof base);
    else
        path_of_fd(folder, base);
    if (snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX)
        path[0] = 0;
}

/* Counts a change. 1: go on; 0: fail with errno set; -1: die, after half of a write. */
static int
change(const char *operation, const char *path, int needs_room)
{
    if (!watched(path))
        return 1;
    long number = atomic_fetch_add(&changes, 1) + 1;
    const char *log = getenv("KILLAT_LOG");
    if (log) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%ld %s %s\n", number, operation, path);
        int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                              0600);
        if (fd >= 0) {
            syscall(SYS_write, fd, line, length);
            syscall(SYS_close, fd);
        }
    }
    const char *at = getenv("KILLAT_AT");
    const char *how = getenv("KILLAT_HOW");
    long wanted = at ? atol(at) : 0;
    if (!wanted || !how || number < wanted)
        return 1;
    if (strcmp(how, "enospc") == 0) {
        errno = ENOSPC;
        return !needs_room;
    }
    if (number > wanted)
        return 1;
    if (strcmp(how, "eio") == 0) {
        errno = EIO;
        return 0;
    }
    return -1;
}

static void
die(void)
{
    syscall(SYS_kill, getpid(), SIGKILL);
}

#define AT_PATH(operation, path, room, result)                                                     \
    do {                                                                                           \
        int verdict = change(operation, path, room);                                               \
        if (verdict < 0)                                                                           \
            die();                                                                                 \
        if (verdict == 0)                                                                          \
            return result;                                                                         \
    } while (0)

ssize_t
write(int fd, const void *data, size_t size)
{
    char path[PATH_MAX];
    path_of_fd(fd, path);
    int verdict = change("write", path, 1);
    if (verdict == 0)
        return -1;
    if (verdict < 0) {
        syscall(SYS_write, fd, data, size / 2);
        die();
    }
    return syscall(SYS_write, fd, data, size);
}

ssize_t
pwrite(int fd, const void *data, size_t size, off_t offset)
{
    char path[PATH_MAX];
    path_of_fd(fd, path);
    int verdict = change("write", path, 1);
    if (verdict == 0)
        return -1;
    if (verdict < 0) {
        syscall(SYS_pwrite64, fd, data, size / 2, offset);
        die();
    }
    return syscall(SYS_pwrite64, fd, data, size, offset);
}

ssize_t
pwrite64(int fd, const void *data, size_t size, off_t offset)
{
    return pwrite(fd, data, size, offset);
}

ssize_t
writev(int fd, const struct iovec *pieces, int count)
{
    char path[PATH_MAX];
    path_of_fd(fd, path);
    AT_PATH("write", path, 1, -1);
    return syscall(SYS_writev, fd, pieces, count);
}

#define OF_FD(name, operation, room)                                                               \
    int name(int fd)                                                                               \
    {                                                                                              \
        char path[PATH_MAX];                                                                       \
        path_of_fd(fd, path);                                                                      \
        AT_PATH(operation, path, room, -1);                                                        \
        return REAL(name)(fd);                                                                     \
    }
OF_FD(fsync, "fsync", 1)
OF_FD(fdatasync, "fsync", 1)
OF_FD(syncfs, "fsync", 1)

#define OF_SIZE(name)                                                                              \
    int name(int fd, off_t size)                                                                   \
    {                                                                                              \
        char path[PATH_MAX];                                                                       \
        path_of_fd(fd, path);                                                                      \
        AT_PATH("truncate", path, 1, -1);                                                          \
        return (int)syscall(SYS_ftruncate, fd, size);                                              \
    }
OF_SIZE(ftruncate)
OF_SIZE(ftruncate64)

static int
renamed(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    char path[PATH_MAX];
    path_at(to_folder, to, path);
    AT_PATH("rename", path, 1, -1);
    return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int
rename(const char *from, const char *to)
{
    return renamed(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return renamed(from_folder, from, to_folder, to, 0);
}

int
renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    return renamed(from_folder, from, to_folder, to, flags);
}

int
mkdirat(int folder, const char *name, mode_t mode)
{
    char path[PATH_MAX];
    path_at(folder, name, path);
    AT_PATH("mkdir", path, 1, -1);
    return (int)syscall(SYS_mkdirat, folder, name, mode);
}

int
mkdir(const char *name, mode_t mode)
{
    return mkdirat(AT_FDCWD, name, mode);
}

int
unlinkat(int folder, const char *name, int flags)
{
    char path[PATH_MAX];
    path_at(folder, name, path);
    AT_PATH("unlink", path, 0, -1);
    return (int)syscall(SYS_unlinkat, folder, name, flags);
}

int
unlink(const char *name)
{
    return unlinkat(AT_FDCWD, name, 0);
}

int
rmdir(const char *name)
{
    return unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
}

static int
opened(int folder, const char *name, int flags, mode_t mode)
{
    if (flags & (O_CREAT | O_TRUNC) || (flags & O_TMPFILE) == O_TMPFILE) {
        char path[PATH_MAX];
        path_at(folder, name, path);
        AT_PATH("create", path, 1, -1);
    }
    return (int)syscall(SYS_openat, folder, name, flags, mode);
}

#define WITH_MODE                                                                                  \
    mode_t mode = 0;                                                                               \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                                         \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode = va_arg(more, mode_t);                                                               \
        va_end(more);                                                                              \
    }

int
openat(int folder, const char *name, int flags, ...)
{
    WITH_MODE
    return opened(folder, name, flags, mode);
}

int
openat64(int folder, const char *name, int flags, ...)
{
    WITH_MODE
    return opened(folder, name, flags, mode);
}

int
open(const char *name, int flags, ...)
{
    WITH_MODE
    return opened(AT_FDCWD, name, flags, mode);
}

int
open64(const char *name, int flags, ...)
{
    WITH_MODE
    return opened(AT_FDCWD, name, flags, mode);
}
