#include "replicator/mounter/process.h"

#include "lib/base/log.h"
#include "replicator/drive/sysfs.h"
#include "replicator/mounter/check.h"
#include "replicator/mounter/hooks.h"
#include "replicator/mounter/meant.h"
#include "replicator/mounter/mount.h"
#include "replicator/mounter/power.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

/* In a child that serves one request. */
struct serving {
    int fd;
    const struct mounter_options *options;
    struct message_request request;
    struct message_reply reply;
    int stop; /* can be read when it is asked to stop */
};

static void
answer(const struct serving *serving, const struct message_reply *reply)
{
    while (send(serving->fd, reply, sizeof *reply, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

static void
check_begins(void *context)
{
    const struct serving *serving = context;
    const struct message_reply reply = {.number = serving->request.number, .checking = TRUE};
    answer(serving, &reply);
}

/* The check writes, too: while it is open, the number is no other disk's. */
static int
check_and_mount(struct serving *serving, const char *place)
{
    const struct message_request *request = &serving->request;
    const struct check check = {
        .device = makedev(request->major, request->minor),
        .type = request->type,
        .place = place,
        .unmended = request->unmended != 0,
        .stop = serving->stop,
        .begins = check_begins,
        .context = serving,
    };
    AUTO_FD int meant = meant_open(check.device, request->sequence);
    if (meant < 0)
        return errno;
    check_device(&check, &serving->reply);
    return check_is_stopped(serving->stop)
               ? ECANCELED
               : mount_device(request, place, &serving->options->account);
}

static int
act(struct serving *serving)
{
    const struct mounter_options *options = serving->options;
    const struct message_request *request = &serving->request;
    dev_t device = makedev(request->major, request->minor);
    g_autofree char *place = mounter_place(options->base, device);
    g_autofree char *node = sysfs_node(device);
    if (node == NULL)
        return ENXIO;
    if (!sysfs_is_drive(device, options->devices))
        return MESSAGE_NO_DRIVE;
    switch ((enum message_act)request->act) {
    case MESSAGE_MOUNT:
        if (request->type >= MESSAGE_TYPES)
            return EINVAL;
        return check_and_mount(serving, place);
    case MESSAGE_POWER_OFF:
        return power_off(device, request->sequence, request->in_slot != 0);
    case MESSAGE_UNMOUNT:
    case MESSAGE_STOP:
    case MESSAGE_HOOK:
        break;
    }
    return EINVAL;
}

/* SIGTERM has been blocked all along, so that none is missed. */
static int
open_stop(void)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_SETMASK, &stop, NULL);
    return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A device that is gone can no longer be looked at, but is unmounted all the same: the place is
 * made of two numbers. */
static void
serve(struct serving *serving)
{
    const struct message_request *request = &serving->request;
    dev_t device = makedev(request->major, request->minor);
    serving->reply.number = request->number;
    serving->stop = open_stop();
    if (request->act == MESSAGE_UNMOUNT) {
        g_autofree char *place = mounter_place(serving->options->base, device);
        serving->reply.error = unmount_device(device, place);
    } else {
        serving->reply.error = act(serving);
    }
    answer(serving, &serving->reply);
}

/* ---- who does it ---- */

struct mounter_process {
    int fd;
    const struct mounter_options *options;
    GHashTable *busy; /* process → number of its request */
};

static void
begin(const struct mounter_process *process, const struct message_request *request)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct serving serving = {
            .fd = process->fd, .options = process->options, .request = *request};
        serve(&serving);
        _exit(0);
    }
    if (pid > 0) {
        g_hash_table_insert(process->busy, GINT_TO_POINTER(pid), GUINT_TO_POINTER(request->number));
        return;
    }
    struct message_reply reply = {.number = request->number, .error = errno};
    send(process->fd, &reply, sizeof reply, MSG_NOSIGNAL);
}

/* Nobody waits for the reply of one that was killed. */
static void
note_end(const struct mounter_process *process, pid_t pid, int status)
{
    gpointer number;
    if (!g_hash_table_steal_extended(process->busy, GINT_TO_POINTER(pid), NULL, &number) ||
        (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return;
    struct message_reply reply = {.number = GPOINTER_TO_UINT(number), .error = EINTR};
    send(process->fd, &reply, sizeof reply, MSG_NOSIGNAL);
}

static void
reap(const struct mounter_process *process, int signals)
{
    struct signalfd_siginfo ignored;
    int status;
    pid_t pid;
    while (read(signals, &ignored, sizeof ignored) > 0) {
    }
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        note_end(process, pid, status);
}

/* Those that check heed it; others come to their end. */
static void
stop_all(const struct mounter_process *process)
{
    GHashTableIter all;
    gpointer pid;
    g_hash_table_iter_init(&all, process->busy);
    while (g_hash_table_iter_next(&all, &pid, NULL))
        kill(GPOINTER_TO_INT(pid), SIGTERM);
}

/* What is mounting still must have come to its end before all is unmounted. */
static void
wait_for_all(const struct mounter_process *process)
{
    while (g_hash_table_size(process->busy) > 0) {
        int status;
        pid_t pid = waitpid(-1, &status, 0);
        if (pid > 0)
            note_end(process, pid, status);
        else if (errno != EINTR)
            break;
    }
}

/* FALSE: the daemon has ended. */
static gboolean
take(const struct mounter_process *process, int hooks)
{
    struct message_request request;
    ssize_t got = recv(process->fd, &request, sizeof request, 0);
    if (got < 0 && errno == EINTR)
        return TRUE;
    if (got == sizeof request && request.act == MESSAGE_HOOK)
        /* where hooks are slow, some go unheard */
        send(hooks, &request.hook, sizeof request.hook, MSG_DONTWAIT | MSG_NOSIGNAL);
    else if (got == sizeof request && request.act == MESSAGE_STOP)
        stop_all(process);
    else if (got == sizeof request)
        begin(process, &request);
    return got > 0;
}

static void
take_all(const struct mounter_process *process, int hooks, int signals)
{
    struct pollfd fds[] = {{.fd = process->fd, .events = POLLIN},
                           {.fd = signals, .events = POLLIN}};
    for (;;) {
        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0)
            continue;
        if (fds[1].revents != 0)
            reap(process, signals);
        if (fds[0].revents != 0 && !take(process, hooks))
            return;
    }
}

void
process_run(int fd, const struct mounter_options *options)
{
    sigset_t child, blocked;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    blocked = child;
    sigaddset(&blocked, SIGTERM);
    prctl(PR_SET_NAME, "lifeboat-mounter");
    umask(022);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGTERM, SIG_IGN); /* it ends when the daemon has ended */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* it means the daemon */
    AUTO_FD int base = mount_open_base(options->base);
    if (base < 0)
        log_warning("'%s' cannot be made: %s; drives cannot be mounted", options->base,
                    g_strerror(errno));
    g_autofree char *path = mount_path(base);
    struct mounter_options own = *options;
    own.base = path;
    unmount_leftovers(path);
    AUTO_FD int hooks = hooks_start(options->hooks);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    signal(SIGTERM, SIG_DFL); /* for those who serve, whom it asks to stop */
    AUTO_FD int signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    struct mounter_process process = {fd, &own, g_hash_table_new(NULL, NULL)};
    take_all(&process, hooks, signals);
    stop_all(&process);
    wait_for_all(&process);
    g_hash_table_unref(process.busy);
    unmount_leftovers(path);
}
