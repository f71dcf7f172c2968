/* mounter: see the header. The daemon's side. */
#include "replicator/mounter/mounter.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "replicator/mounter/process.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

struct waiting {
    mounter_done done;
    void *context;
};

struct mounter {
    int fd;
    pid_t pid;
    struct event *readable;
    GHashTable *waiting; /* number of a request → struct waiting */
    guint32 last;
    void (*died)(void *context);
    void *context;
};

struct mounter *
mounter_start(const struct mounter_options *options, GError **error)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        fail_errno(error, errno, "cannot make a socket for the mounter");
        return NULL;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        process_run(pair[1], options);
        _exit(0);
    }
    int cause = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        fail_errno(error, cause, "cannot start the mounter");
        return NULL;
    }
    struct mounter *mounter = g_new0(struct mounter, 1);
    mounter->fd = pair[0];
    mounter->pid = pid;
    mounter->waiting = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    return mounter;
}

void
mounter_detach(struct mounter *mounter)
{
    g_clear_pointer(&mounter->readable, event_free);
}

void
mounter_free(struct mounter *mounter)
{
    if (mounter == NULL)
        return;
    mounter_detach(mounter);
    fd_auto_close(&mounter->fd); /* by which it knows */
    while (waitpid(mounter->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    g_hash_table_unref(mounter->waiting);
    g_free(mounter);
}

/* ---- replies ---- */

static void
give(struct mounter *mounter, const struct message_reply *reply)
{
    gpointer key = GUINT_TO_POINTER(reply->number);
    const struct waiting *found = g_hash_table_lookup(mounter->waiting, key);
    if (found == NULL)
        return;
    struct waiting waiting = *found;
    if (!reply->checking)
        g_hash_table_remove(mounter->waiting, key);
    waiting.done(waiting.context, reply);
}

static void
is_readable(evutil_socket_t fd, short what, void *context)
{
    struct mounter *mounter = context;
    struct message_reply reply;
    (void)what;
    ssize_t got = recv(fd, &reply, sizeof reply, MSG_DONTWAIT);
    if (got == sizeof reply) {
        give(mounter, &reply);
    } else if (got >= 0 || (errno != EAGAIN && errno != EINTR)) {
        event_del(mounter->readable);
        mounter->died(mounter->context);
    }
}

void
mounter_attach(struct mounter *mounter, struct event_base *events, void (*died)(void *context),
               void *context)
{
    mounter->died = died;
    mounter->context = context;
    mounter->readable = event_new(events, mounter->fd, EV_READ | EV_PERSIST, is_readable, mounter);
    event_add(mounter->readable, NULL);
}

/* ---- requests ---- */

static gboolean
send_request(struct mounter *mounter, const struct message_request *request)
{
    ssize_t sent;
    do
        sent = send(mounter->fd, request, sizeof *request, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == sizeof *request;
}

struct late_failure {
    struct mounter *mounter;
    guint32 number;
};

/* A request that could not be sent fails from the loop as well, never from within the call. */
static void
has_failed(evutil_socket_t fd, short what, void *context)
{
    g_autofree struct late_failure *late = context;
    (void)fd;
    (void)what;
    const struct message_reply reply = {.number = late->number, .error = EPIPE};
    give(late->mounter, &reply);
}

static void
request(struct mounter *mounter, struct message_request *request, dev_t device, mounter_done done,
        void *context)
{
    struct waiting *waiting = g_new0(struct waiting, 1);
    *waiting = (struct waiting){done, context};
    request->number = ++mounter->last;
    request->major = major(device);
    request->minor = minor(device);
    g_hash_table_insert(mounter->waiting, GUINT_TO_POINTER(request->number), waiting);
    if (send_request(mounter, request))
        return;
    const struct timeval now = {0};
    struct late_failure *late = g_new0(struct late_failure, 1);
    *late = (struct late_failure){mounter, request->number};
    event_base_once(event_get_base(mounter->readable), -1, EV_TIMEOUT, has_failed, late, &now);
}

void
mounter_mount(struct mounter *mounter, const struct mounter_mount *mount, mounter_done done,
              void *context)
{
    struct message_request message = {
        .act = MESSAGE_MOUNT,
        .sequence = mount->sequence,
        .type = mount->type,
        .make = mount->make != FALSE,
        .unmended = mount->unmended != FALSE,
    };
    request(mounter, &message, mount->device, done, context);
}

void
mounter_stop(struct mounter *mounter)
{
    const struct message_request stop = {.act = MESSAGE_STOP};
    send_request(mounter, &stop); /* if it has ended, nothing is under way */
}

void
mounter_unmount(struct mounter *mounter, dev_t device, mounter_done done, void *context)
{
    struct message_request unmount = {.act = MESSAGE_UNMOUNT};
    request(mounter, &unmount, device, done, context);
}

void
mounter_power_off(struct mounter *mounter, dev_t device, guint64 sequence, gboolean in_slot,
                  mounter_done done, void *context)
{
    struct message_request power_off = {
        .act = MESSAGE_POWER_OFF, .sequence = sequence, .in_slot = in_slot != FALSE};
    request(mounter, &power_off, device, done, context);
}

void
mounter_hook(struct mounter *mounter, const struct message_hook *hook)
{
    struct message_request request = {.act = MESSAGE_HOOK, .hook = *hook};
    if (!send_request(mounter, &request))
        log_warning("hooks are not run: the mounter has ended");
}

char *
mounter_place(const char *base, dev_t device)
{
    return g_strdup_printf("%s/%u-%u", base, major(device), minor(device));
}
