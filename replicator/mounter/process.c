#include "replicator/mounter/process.h"

#include "replicator/drive/sysfs.h"
#include "replicator/mounter/hooks.h"
#include "replicator/mounter/mount.h"
#include "replicator/mounter/power.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static int
act(const struct message_request *request, const struct mounter_options *options)
{
    dev_t device = makedev(request->major, request->minor);
    g_autofree char *place = mounter_place(options->base, device);
    if (!sysfs_is_drive(device, options->devices))
        return ENODEV;
    switch ((enum message_act)request->act) {
    case MESSAGE_MOUNT:
        if (request->type >= MESSAGE_TYPES)
            return EINVAL;
        return mount_device(device, request->type, place, request->make != 0, &options->account);
    case MESSAGE_POWER_OFF:
        return power_off(device);
    case MESSAGE_UNMOUNT:
    case MESSAGE_HOOK:
        break;
    }
    return EINVAL;
}

/* In a child. A device that is gone can no longer be looked at, but is unmounted all the same: the
 * place is made of two numbers. */
static void
serve(int fd, struct message_request *request, const struct mounter_options *options)
{
    signal(SIGCHLD, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    struct message_reply reply = {.number = request->number};
    dev_t device = makedev(request->major, request->minor);
    if (request->act == MESSAGE_UNMOUNT) {
        g_autofree char *place = mounter_place(options->base, device);
        reply.error = unmount_device(device, place);
    } else {
        reply.error = act(request, options);
    }
    while (send(fd, &reply, sizeof reply, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

void
process_run(int fd, const struct mounter_options *options)
{
    struct message_request request;
    prctl(PR_SET_NAME, "lifeboat-mounter");
    umask(022);
    signal(SIGCHLD, SIG_IGN); /* which reaps them */
    signal(SIGTERM, SIG_IGN); /* it ends when the daemon has ended */
    signal(SIGINT, SIG_IGN);
    unmount_leftovers(options->base);
    AUTO_FD int hooks = hooks_start(options->hooks);
    for (;;) {
        ssize_t got = recv(fd, &request, sizeof request, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        if (got != sizeof request)
            continue;
        if (request.act == MESSAGE_HOOK) { /* where hooks are slow, some go unheard */
            send(hooks, &request.hook, sizeof request.hook, MSG_DONTWAIT | MSG_NOSIGNAL);
            continue;
        }
        pid_t pid = fork();
        if (pid == 0) {
            serve(fd, &request, options);
            _exit(0);
        }
        if (pid < 0) {
            struct message_reply reply = {.number = request.number, .error = errno};
            send(fd, &reply, sizeof reply, MSG_NOSIGNAL);
        }
    }
    unmount_leftovers(options->base);
}
