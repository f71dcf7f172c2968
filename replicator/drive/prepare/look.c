#include "replicator/drive/prepare/look.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#define EXT_SUPERBLOCK 1024     /* its place, and of the words in it: ext4's on-disk format, */
#define EXT_INCOMPAT 0x60       /* kernel.org Documentation/filesystems/ext4/super.rst */
#define EXT_NEEDS_RECOVERY 0x04 /* the journal holds what is not yet in its place */

struct kind {
    const char *type;     /* libblkid's */
    const char *kernel;   /* the kernel's */
    const char *flag;     /* keeps it from writing though it is mounted read-only, or NULL */
    gboolean has_journal; /* one that is not replayed hides files */
};

static const struct kind kinds[] = {
    {"ext4", "ext4", "noload", TRUE}, {"ext3", "ext4", "noload", TRUE},
    {"ext2", "ext4", NULL, FALSE},    {"vfat", "vfat", NULL, FALSE},
    {"exfat", "exfat", NULL, FALSE},  {"ntfs", "ntfs3", NULL, FALSE},
};

static const struct kind *
find_kind(const char *type)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (strcmp(kinds[i].type, type) == 0)
            return &kinds[i];
    return NULL;
}

gboolean
look_type_fits(const char *type)
{
    return find_kind(type) != NULL;
}

static int
open_filesystem(const char *type, GError **error)
{
    const struct kind *kind = find_kind(type);
    int fd = kind != NULL ? fsopen(kind->kernel, FSOPEN_CLOEXEC) : -1;
    if (kind == NULL)
        fail_set(error, FAIL_FAILED, "a file system %s cannot be used for a drive", type);
    else if (fd < 0 && errno == ENODEV)
        fail_set(error, FAIL_FAILED, "this kernel cannot mount %s", type);
    else if (fd < 0)
        fail_errno(error, errno, "cannot mount %s", type);
    return fd;
}

gboolean
look_kernel_has(const char *type, GError **error)
{
    AUTO_FD int filesystem = open_filesystem(type, error);
    return filesystem >= 0;
}

/* ---- looking into one ---- */

/* The kernel's own words for what went wrong, or NULL. Caller frees. */
static char *
complaint(int filesystem)
{
    char text[512];
    ssize_t got;
    while ((got = read(filesystem, text, sizeof text - 1)) > 0) {
        text[got] = '\0';
        if (g_str_has_prefix(text, "e "))
            return g_strdup(g_strchomp(text + 2));
    }
    return NULL;
}

/* A folder of no place. -1 with the error. */
static int
mount_nowhere(const char *device, const char *type, GError **error)
{
    AUTO_FD int filesystem = open_filesystem(type, error);
    if (filesystem < 0)
        return -1;
    const char *flag = find_kind(type)->flag;
    if (fsconfig(filesystem, FSCONFIG_SET_STRING, "source", device, 0) == 0 &&
        fsconfig(filesystem, FSCONFIG_SET_FLAG, "ro", NULL, 0) == 0 &&
        (flag == NULL || fsconfig(filesystem, FSCONFIG_SET_FLAG, flag, NULL, 0) == 0) &&
        fsconfig(filesystem, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0) {
        int folder = fsmount(filesystem, FSMOUNT_CLOEXEC,
                             MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                 MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME);
        if (folder >= 0)
            return folder;
    }
    int cause = errno;
    g_autofree char *told = complaint(filesystem);
    if (told != NULL)
        fail_set(error, FAIL_FAILED, "cannot mount '%s', which holds %s: %s", device, type, told);
    else
        fail_errno(error, cause, "cannot mount '%s', which holds %s", device, type);
    return -1;
}

static gboolean
check_journal(int fd, const char *device, GError **error)
{
    guint32 features;
    if (!file_read_at(fd, EXT_SUPERBLOCK + EXT_INCOMPAT, &features, sizeof features, device, error))
        return FALSE;
    if ((GUINT32_FROM_LE(features) & EXT_NEEDS_RECOVERY) == 0)
        return TRUE;
    return fail_set(error, FAIL_FAILED,
                    "'%s' was pulled out while it was in use, and may hold files that do not show "
                    "yet\nhint: mount it, look, and unmount it",
                    device);
}

static gboolean
look_into_mounted(const char *device, const char *type, char **found, GError **error)
{
    AUTO_FD int folder = mount_nowhere(device, type, error);
    return folder >= 0 && look_into_folder(folder, device, found, error);
}

gboolean
look_into(const char *device, const char *type, char **found, GError **error)
{
    const int locked = 1, free_again = 0;
    sigset_t all, before;
    *found = NULL;
    if (!look_kernel_has(type, error))
        return FALSE;
    AUTO_FD int fd = open(device, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(error, errno, "cannot open '%s'", device);
    if (find_kind(type)->has_journal && !check_journal(fd, device, error))
        return FALSE;
    /* An ext4 notes what is wrong with it even when it is mounted read-only; not on a device that
     * is so. Whatever happens, the device must not stay it. */
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    gboolean done = FALSE;
    if (ioctl(fd, BLKROSET, &locked) != 0)
        fail_errno(error, errno, "cannot keep '%s' from being written to", device);
    else
        done = look_into_mounted(device, type, found, error);
    ioctl(fd, BLKROSET, &free_again);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return done;
}

/* ---- what is nobody's ---- */

/* What systems put on a drive by themselves, whatever is in it. In any case of letters. */
static gboolean
is_of_systems(const char *name)
{
    static const char *const names[] = {
        ".",
        "..",
        "System Volume Information", /* Windows */
        "RECYCLER",
        "RECYCLED",
        "$RECYCLE.BIN", /* what was thrown away */
        "Thumbs.db",
        ".Trashes",
        ".Spotlight-V100",
        ".fseventsd", /* macOS */
        ".DS_Store",
        ".apdisk",
        ".TemporaryItems",
        ".DocumentRevisions-V100",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_ascii_strcasecmp(name, names[i]) == 0)
            return TRUE;
    return g_str_has_prefix(name, "._") || g_str_has_prefix(name, ".Trash-");
}

/* Where a check of the file system puts what it has found: somebody's, when there is something. */
static gboolean
is_for_found(const char *name)
{
    return strcmp(name, "lost+found") == 0 || strcmp(name, "LOST.DIR") == 0;
}

static gboolean look_at(int folder, const char *name, gboolean top, char **found);

/* FALSE with errno when it cannot be read. */
static gboolean
look_through(int folder, gboolean top, char **found)
{
    DIR *entries = fdopendir(folder);
    if (entries == NULL) {
        close(folder);
        return FALSE;
    }
    gboolean fine = TRUE;
    while (fine && *found == NULL) {
        errno = 0;
        const struct dirent *entry = readdir(entries);
        if (entry == NULL) {
            fine = errno == 0;
            break;
        }
        fine = look_at(dirfd(entries), entry->d_name, top, found);
    }
    int cause = errno;
    closedir(entries);
    errno = cause;
    return fine;
}

static gboolean
look_at(int folder, const char *name, gboolean top, char **found)
{
    if (is_of_systems(name))
        return TRUE;
    if (top && is_for_found(name)) {
        int below = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0 && !look_through(below, FALSE, found))
            return FALSE;
        if (below >= 0 && *found == NULL)
            return TRUE;
        g_clear_pointer(found, g_free);
    }
    *found = g_strdup(name);
    return TRUE;
}

gboolean
look_into_folder(int folder, const char *device, char **found, GError **error)
{
    *found = NULL;
    if (faccessat(folder, LOOK_STORE, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        *found = g_strdup(LOOK_STORE);
        return TRUE;
    }
    int own = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own >= 0 && look_through(own, TRUE, found))
        return TRUE;
    return fail_errno(error, errno, "cannot read the files on '%s'", device);
}
