#include "replicator/mounter/check.h"

#include "lib/base/account.h"
#include "lib/base/log.h"
#include "lib/base/tool.h"
#include "replicator/drive/sysfs.h"
#include "replicator/mounter/child.h"
#include "replicator/mounter/dirty.h"
#include "replicator/mounter/mount.h"
#include "replicator/mounter/salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* Exit codes of success (fsck(8)): 1 errors were corrected, 2 and the system should be rebooted. */
#define MENDED_MAX 2

static const struct check_tool tools[MESSAGE_TYPES] = {
    [MESSAGE_EXT4] = {"e2fsck", "-p", "e2fsprogs", TRUE},
    [MESSAGE_VFAT] = {"fsck.fat", "-a", "dosfstools", FALSE},
    [MESSAGE_EXFAT] = {"fsck.exfat", "-ps", "exfatprogs", TRUE},
};

const struct check_tool *
check_tool(enum message_type type)
{
    return type < MESSAGE_TYPES && tools[type].name != NULL ? &tools[type] : NULL;
}

/* So that nobody else mounts it meanwhile. -1: it is mounted, or may not be read. */
static int
claim(const char *node)
{
    return open(node, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
}

static enum message_state
look(const char *node, enum message_type type)
{
    int locked = 0;
    AUTO_FD int fd = claim(node);
    if (fd < 0 || ioctl(fd, BLKROGET, &locked) != 0 || locked)
        return MESSAGE_CLEAN; /* as far as we are to care */
    return dirty_state(fd, type);
}

static gboolean
is_mended(const char *node, enum message_type type)
{
    AUTO_FD int fd = open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 && dirty_state(fd, type) == MESSAGE_CLEAN;
}

/* Nothing is written to the device by that. */
static void
list_salvaged(const char *node, const char *place, enum message_type type,
              struct message_salvage *found)
{
    memset(found, 0xff, sizeof *found); /* where it cannot be told, nothing is new */
    if (mount_to_look(node, place, type) != 0)
        return;
    salvage_list(type, place, found);
    umount2(place, UMOUNT_NOFOLLOW);
}

/* ---- the checker ---- */

static gboolean
limit(__rlimit_resource_t resource, rlim_t value)
{
    const struct rlimit both = {value, value};
    return setrlimit(resource, &both) == 0;
}

/* In the child: the folder, the user, and no way back. */
static gboolean
enter(void *context)
{
    const struct account nobody = {CHECK_USER, CHECK_USER};
    return chdir(context) == 0 && account_become(&nobody, FALSE, NULL) &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && limit(RLIMIT_CORE, 0) &&
           limit(RLIMIT_NPROC, 0) && limit(RLIMIT_AS, CHECK_MEMORY);
}

/* At the place, the device and nothing else. An errno. */
static int
show_device(dev_t device, const char *name, const char *place)
{
    int error = mount_at("none", place, "tmpfs", MS_NOEXEC, "size=16k,nr_inodes=4,mode=0711");
    if (error != 0)
        return error;
    g_autofree char *path = g_build_filename(place, name, NULL);
    if (mknod(path, S_IFBLK | 0600, device) == 0 && chown(path, CHECK_USER, CHECK_USER) == 0)
        return 0;
    error = errno;
    umount2(place, UMOUNT_NOFOLLOW);
    return error;
}

static int
run(const struct check *check, const char *node, const char *path, const struct check_tool *tool)
{
    g_autofree char *name = g_path_get_basename(node);
    g_autofree char *argument = g_build_filename(".", name, NULL);
    g_autofree char *what = g_strdup_printf("%s for '%s'", tool->name, node);
    const char *const arguments[] = {path, tool->option, argument, NULL};
    const struct child checker = {
        .what = what,
        .arguments = arguments,
        .seconds = CHECK_MINUTES * 60,
        .enter = enter,
        .context = (gpointer)check->place,
        .stop = check->stop,
        .grace = CHECK_GRACE_SECONDS,
    };
    int error = show_device(check->device, name, check->place);
    if (error != 0) {
        log_warning("%s cannot be run: %s", what, g_strerror(error));
        return -1;
    }
    int code = -1, held = tool->claims ? -1 : claim(node);
    if (tool->claims || held >= 0) { /* else somebody mounted it meanwhile */
        log_info("'%s' is checked by %s, for it was not unmounted, or has errors; that may take up "
                 "to %d minutes",
                 node, tool->name, CHECK_MINUTES);
        check->begins(check->context);
        code = child_run(&checker);
    }
    fd_auto_close(&held);
    umount2(check->place, UMOUNT_NOFOLLOW | MNT_DETACH);
    return code;
}

gboolean
check_is_stopped(int stop)
{
    struct pollfd asked = {.fd = stop, .events = POLLIN};
    return poll(&asked, 1, 0) > 0;
}

/* Of what is marked. */
static enum message_check
check_marked(const struct check *check, const char *node, const struct check_tool *tool,
             struct message_salvage *salvage)
{
    g_autofree char *path = tool_find(tool->name);
    if (path == NULL)
        return MESSAGE_NO_CHECKER;
    if (check->unmended || mount_make_place(check->place) != 0)
        return MESSAGE_NOT_MENDED;
    if (salvage_where(check->type) != NULL)
        list_salvaged(node, check->place, check->type, salvage);
    int code = run(check, node, path, tool);
    if (code >= 0 && code <= MENDED_MAX && is_mended(node, check->type))
        return MESSAGE_MENDED;
    return check_is_stopped(check->stop) ? MESSAGE_STOPPED : MESSAGE_NOT_MENDED;
}

void
check_device(const struct check *check, struct message_reply *reply)
{
    const struct check_tool *tool = check_tool(check->type);
    g_autofree char *node = sysfs_node(check->device);
    reply->state = node != NULL && tool != NULL ? look(node, check->type) : MESSAGE_CLEAN;
    if (reply->state != MESSAGE_CLEAN)
        reply->check = check_marked(check, node, tool, &reply->salvage);
}
