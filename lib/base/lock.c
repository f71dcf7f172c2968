/*
 * lock: see the header.
 *
 * The file is removed by whoever holds the lock. Another run may have opened it just before and get
 * the flock of a file that has no name any more; so after locking, the name must still lead to the
 * same file, else we try anew.
 */
#include "lib/base/lock.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/rfc3339.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define TEXT_MAX 4096 /* bytes of the file that are looked at */
#define ATTEMPTS 100  /* how often others may remove the file under our hands */
#define GROUP "lock"

struct lock {
    int folder_fd;
    int fd;
    char *name;
};

static char *
boot_id(void)
{
    char *text = NULL;
    if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
        return g_strdup("unknown");
    return g_strstrip(text);
}

/* The folder's path for messages. */
static char *
folder_path(int folder_fd)
{
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", folder_fd);
    char *path = g_file_read_link(link, NULL);
    return path != NULL ? path : g_strdup("the store");
}

/* A disk so full that this text finds no place is no reason to refuse: the run may be there to make
 * room. */
static void
write_holder(int fd, const char *purpose)
{
    g_autofree char *boot = boot_id();
    g_autofree char *since = rfc3339_now();
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_key_file_set_string(file, GROUP, "purpose", purpose);
    g_key_file_set_int64(file, GROUP, "process", getpid());
    g_key_file_set_string(file, GROUP, "host", g_get_host_name());
    g_key_file_set_string(file, GROUP, "boot", boot);
    g_key_file_set_string(file, GROUP, "since", since);
    gsize size;
    g_autofree char *text = g_key_file_to_data(file, &size, NULL);
    if (ftruncate(fd, 0) == 0)
        file_write(fd, text, size, "lock", NULL);
}

/* "08:15:00" here, with the date unless it is today's; NULL when `text` is no time. */
static char *
local_time(const char *text)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);
    if (time == NULL)
        return NULL;
    g_autoptr(GDateTime) here = g_date_time_to_local(time);
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    gboolean today = g_date_time_get_year(here) == g_date_time_get_year(now) &&
                     g_date_time_get_day_of_year(here) == g_date_time_get_day_of_year(now);
    return g_date_time_format(here, today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S");
}

/*
 * "'lifeboat snapshot' (process 123 on host 'a') since 08:15:00", or NULL when the file does not
 * tell: its holder has not written it yet, or it is what an earlier boot of this host left.
 */
static char *
read_holder(int fd)
{
    char text[TEXT_MAX];
    ssize_t size = pread(fd, text, sizeof text, 0);
    g_autoptr(GKeyFile) file = g_key_file_new();
    if (size <= 0 || !g_key_file_load_from_data(file, text, (gsize)size, G_KEY_FILE_NONE, NULL))
        return NULL;
    g_autofree char *purpose = g_key_file_get_string(file, GROUP, "purpose", NULL);
    gint64 process = g_key_file_get_int64(file, GROUP, "process", NULL);
    g_autofree char *host = g_key_file_get_string(file, GROUP, "host", NULL);
    g_autofree char *boot = g_key_file_get_string(file, GROUP, "boot", NULL);
    g_autofree char *since = g_key_file_get_string(file, GROUP, "since", NULL);
    g_autofree char *time = since != NULL ? local_time(since) : NULL;
    g_autofree char *our_boot = boot_id();
    if (purpose == NULL || host == NULL || boot == NULL || time == NULL)
        return NULL;
    if (strcmp(host, g_get_host_name()) == 0 && strcmp(boot, our_boot) != 0)
        return NULL;
    return g_strdup_printf("'%s' (process %" G_GINT64_FORMAT " on host '%s') since %s", purpose,
                           process, host, time);
}

static gboolean
in_use(int folder_fd, int fd, GError **error)
{
    g_autofree char *path = folder_path(folder_fd);
    g_autofree char *holder = read_holder(fd);
    if (holder == NULL)
        return fail_set(error, FAIL_LATER, "'%s' is in use by another process", path);
    return fail_set(error, FAIL_LATER, "'%s' is in use: %s", path, holder);
}

/* Whether the name still leads to the open file. */
static gboolean
is_named(int folder_fd, const char *name, int fd)
{
    struct stat ours, named;
    return fstat(fd, &ours) == 0 && fstatat(folder_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* Opens and locks the file: a descriptor, or -1 with the error set. */
static int
take(int folder_fd, const char *name, GError **error)
{
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        AUTO_FD int fd = openat(folder_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        struct stat status;
        if (fd < 0 || fstat(fd, &status) != 0) {
            fail_errno(error, errno, "cannot open '%s'", name);
            return -1;
        }
        if (!S_ISREG(status.st_mode)) {
            fail_set(error, FAIL_FAILED, "cannot lock '%s': not a plain file", name);
            return -1;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK)
                in_use(folder_fd, fd, error);
            else
                fail_errno(error, errno, "cannot lock '%s'", name);
            return -1;
        }
        if (is_named(folder_fd, name, fd))
            return fd_steal(&fd);
    }
    fail_set(error, FAIL_LATER, "'%s' is in use by other processes", name);
    return -1;
}

struct lock *
lock_take(int folder_fd, const char *name, const char *purpose, GError **error)
{
    AUTO_FD int folder = fcntl(folder_fd, F_DUPFD_CLOEXEC, 3);
    if (folder < 0) {
        fail_errno(error, errno, "cannot lock '%s'", name);
        return NULL;
    }
    AUTO_FD int fd = take(folder, name, error);
    if (fd < 0)
        return NULL;
    write_holder(fd, purpose);
    struct lock *lock = g_new0(struct lock, 1);
    *lock =
        (struct lock){.folder_fd = fd_steal(&folder), .fd = fd_steal(&fd), .name = g_strdup(name)};
    return lock;
}

void
lock_free(struct lock *lock)
{
    if (lock == NULL)
        return;
    /* removed while it is held, so that nobody else's file can be meant */
    if (is_named(lock->folder_fd, lock->name, lock->fd))
        unlinkat(lock->folder_fd, lock->name, 0);
    close(lock->fd);
    close(lock->folder_fd);
    g_free(lock->name);
    g_free(lock);
}
