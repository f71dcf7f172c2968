#include "replicator/mounter/mount.h"

#include "replicator/drive/sysfs.h"
#include "replicator/mounter/meant.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FLAGS (MS_NODEV | MS_NOEXEC | MS_NOATIME)
#define BUSY_TRIES 100           /* to unmount what somebody still uses, … */
#define BUSY_MICROSECONDS 100000 /* … with so long between them */

/* Without a journal, a power cut leaves a rest of the run that it interrupted with half a place: to
 * remove it is an error to the kernel, which must not keep the drive from its next snapshot. What
 * is written is read back, and what was sealed is read again in turn. */
static const struct {
    const char *name; /* the kernel's */
    const char *options;
    gboolean has_owners;
} types[MESSAGE_TYPES] = {
    [MESSAGE_EXT4] = {"ext4", "errors=remount-ro", TRUE},
    [MESSAGE_VFAT] = {"vfat", "errors=continue,fmask=0077,dmask=0077", FALSE},
    [MESSAGE_EXFAT] = {"exfat", "errors=continue,fmask=0077,dmask=0077", FALSE},
    [MESSAGE_NTFS] = {"ntfs3", "fmask=0077,dmask=0077", FALSE},
};

/* ---- the folder of the mount points ---- */

char *
mount_path(int fd)
{
    return g_strdup_printf("/proc/self/fd/%d", fd);
}

static int
open_there(int above, const char *name)
{
    return openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int
mount_open_base(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path), *name = g_path_get_basename(path);
    if (g_mkdir_with_parents(folder, 0755) != 0)
        return -1;
    AUTO_FD int above = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above < 0)
        return -1;
    mkdirat(above, name, 0711);
    int base = open_there(above, name);
    if (base < 0 && (errno == ENOTDIR || errno == ELOOP)) { /* somebody put something there */
        unlinkat(above, name, 0);
        mkdirat(above, name, 0711);
        base = open_there(above, name);
    }
    return base;
}

/* Also where it was handed over meanwhile, as all in the run folder is. */
static int
own_base(const char *place)
{
    g_autofree char *base = g_path_get_dirname(place);
    return chown(base, geteuid(), getegid()) == 0 && chmod(base, 0711) == 0 ? 0 : errno;
}

/* ---- whose the files are ---- */

/* What `lifeboat cert request` writes to a drive of ours, and a person puts there as root, maybe:
 * no failure of it keeps a backup from its place. */
static void
own_certificates(const char *place, const struct account *account)
{
    g_autofree char *path = g_build_filename(place, "lifeboat-cert", NULL);
    struct stat there;
    if ((mkdir(path, 0755) == 0 || errno == EEXIST) && lstat(path, &there) == 0 &&
        S_ISDIR(there.st_mode))
        account_give(account, path);
}

/* Another node's user, or root, wrote the store: its files become ours. No link is followed. */
static int
own_store_in(const char *place, gboolean make, const struct account *account)
{
    g_autofree char *store = g_build_filename(place, "lifeboat", NULL);
    struct stat there;
    if (stat(place, &there) == 0 && (there.st_mode & 0011) != 0011) /* the way to it */
        chmod(place, (there.st_mode & 07777) | 0011);
    if (make && mkdir(store, 0700) != 0 && errno != EEXIST)
        return errno;
    if (lstat(store, &there) != 0)
        return errno == ENOENT ? 0 : errno;
    if (!S_ISDIR(there.st_mode))
        return ENOTDIR;
    own_certificates(place, account);
    return there.st_uid == account->uid && there.st_gid == account->gid
               ? 0
               : account_give(account, store);
}

static int
own_store(const char *place, gboolean make, const struct account *account)
{
    AUTO_FD int root = open_there(AT_FDCWD, place);
    if (root < 0)
        return errno;
    g_autofree char *path = mount_path(root);
    return own_store_in(path, make, account);
}

/* ---- mounting ---- */

int
mount_make_place(const char *place)
{
    int owned = own_base(place);
    if (owned != 0)
        return owned;
    return mkdir(place, 0700) == 0 || errno == EEXIST ? 0 : errno;
}

/* Mounts on the folder itself, not on what its name may lead to by then. */
int
mount_at(const char *source, const char *place, const char *type, unsigned long flags,
         const char *options)
{
    AUTO_FD int folder = open(place, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return errno;
    g_autofree char *path = mount_path(folder);
    return mount(source, path, type, flags | MS_NOSUID | MS_NOSYMFOLLOW, options) == 0 ? 0 : errno;
}

int
mount_to_look(const char *node, const char *place, enum message_type type)
{
    return mount_at(node, place, types[type].name, FLAGS | MS_RDONLY, types[type].options);
}

/* What was mounted must be what was meant: a medium may have been changed just then. */
static int
check_mounted(const struct message_request *request, const char *place,
              const struct account *account)
{
    AUTO_FD int again = meant_open(makedev(request->major, request->minor), request->sequence);
    if (again < 0)
        return errno;
    return types[request->type].has_owners ? own_store(place, request->make != 0, account) : 0;
}

int
mount_device(const struct message_request *request, const char *place,
             const struct account *account)
{
    dev_t device = makedev(request->major, request->minor);
    AUTO_FD int meant = meant_open(device, request->sequence); /* until it is mounted */
    if (meant < 0)
        return errno;
    g_autofree char *node = sysfs_node(device);
    int error = node != NULL ? mount_make_place(place) : ENXIO;
    if (error != 0)
        return error;
    const char *fixed = types[request->type].options;
    g_autofree char *options =
        types[request->type].has_owners
            ? g_strdup(fixed)
            : g_strdup_printf("%s,uid=%u,gid=%u", fixed, account->uid, account->gid);
    error = mount_at(node, place, types[request->type].name, FLAGS, options);
    if (error == 0) {
        error = check_mounted(request, place, account);
        if (error != 0)
            umount2(place, UMOUNT_NOFOLLOW);
    }
    if (error != 0)
        rmdir(place);
    return error == EACCES ? EROFS : error; /* how the kernel calls a write-protected device */
}

/* Has it written all? The kernel remembers an error of writing out until somebody asks. */
static int
flush(dev_t device)
{
    g_autofree char *node = sysfs_node(device);
    if (node == NULL)
        return ENODEV;
    int fd = open(node, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENXIO || errno == ENOENT ? ENODEV : errno;
    int error = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return error;
}

static int
unmount(const char *place)
{
    for (guint tries = 0;; tries++) {
        if (umount2(place, UMOUNT_NOFOLLOW) == 0)
            return 0;
        if (errno != EBUSY || tries == BUSY_TRIES)
            return errno;
        g_usleep(BUSY_MICROSECONDS);
    }
}

int
unmount_device(dev_t device, const char *place)
{
    int error = unmount(place);
    if (error != 0)
        return error;
    rmdir(place);
    return flush(device);
}

void
unmount_leftovers(const char *base)
{
    g_autoptr(GDir) dir = g_dir_open(base, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *place = g_build_filename(base, name, NULL);
        if (unmount(place) == EBUSY)
            umount2(place, UMOUNT_NOFOLLOW | MNT_DETACH);
        rmdir(place);
    }
}
