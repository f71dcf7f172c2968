#include "netsvc/parent/process.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/channel.h"
#include "netsvc/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PINGS_LOST 2

struct process_times process_times = {
    .begin = 600 * 1000, /* millions of records */
    .ping = 10 * 1000,
    .end = (CHILD_END_SECONDS + 3) * 1000,
};

struct process {
    const struct child_role *role;
    struct generation *generation;
    struct process_ears ears;
    enum process_state state;
    pid_t pid;
    gint64 since;
    int pidfd;
    struct event *died, *ping, *overdue;
    gboolean was_prepared;
    struct channel *channel;
    guint unanswered; /* pings */
    gint64 heard; /* monotonic clock, microseconds: when it was started, or said something last */
    char *refusal;
};

/* ---- the child's side ---- */

static char **
arguments_of(const struct child_role *role, const struct generation *generation, gboolean lenient)
{
    GPtrArray *arguments = g_ptr_array_new();
    g_autoptr(GPtrArray) typed = command_line_typed(generation->line);
    g_ptr_array_add(arguments, g_strdup("lifeboat-netsvc"));
    g_ptr_array_add(arguments, g_strdup("child"));
    g_ptr_array_add(arguments, g_strdup(role->name));
    g_ptr_array_add(arguments, g_strdup_printf("--in-force=/proc/self/fd/%d", CHILD_CONFIG));
    if (lenient)
        g_ptr_array_add(arguments, g_strdup("--lenient"));
    for (guint i = 0; i < typed->len; i++)
        g_ptr_array_add(arguments, g_strdup(typed->pdata[i]));
    g_ptr_array_add(arguments, NULL);
    return (char **)g_ptr_array_free(arguments, FALSE);
}

static void
become(int channel, int config, char *const *arguments)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    /* both may stand where one of them is to go */
    channel = fcntl(channel, F_DUPFD, CHILD_CONFIG + 1);
    config = fcntl(config, F_DUPFD, CHILD_CONFIG + 1);
    if (dup2(channel, CHILD_CHANNEL) >= 0 && dup2(config, CHILD_CONFIG) >= 0) {
        close_range(CHILD_CONFIG + 1, ~0U, 0);
        execv("/proc/self/exe", arguments);
    }
    log_error("'%s' cannot be run: %s", arguments[2], g_strerror(errno));
    _exit(FAIL_FAILED);
}

/* ---- what it says ---- */

static void
take(void *context, enum message_kind kind, const void *data, gsize size, int fd)
{
    struct process *process = context;
    if (fd >= 0)
        close(fd);
    process->unanswered = 0;
    process->heard = g_get_monotonic_time();
    switch (kind) {
    case MESSAGE_PING:
        break;
    case MESSAGE_PREPARED:
        if (process->state != PROCESS_STARTING)
            break;
        process->state = PROCESS_PREPARED;
        process->was_prepared = TRUE;
        process->ears.prepared(process->ears.context, process);
        break;
    case MESSAGE_READY:
        if (process->state != PROCESS_BEGINNING)
            break;
        process->state = PROCESS_SERVING;
        process->ears.ready(process->ears.context, process);
        break;
    case MESSAGE_REFUSED:
        g_free(process->refusal);
        process->refusal = g_strndup(data, size);
        break;
    default:
        process->ears.take(process->ears.context, process, kind, data, size);
    }
}

/* Its end follows, or is made. */
static void
hung_up(void *context)
{
    process_end(context);
}

/* ---- its end ---- */

static void
is_overdue(evutil_socket_t fd, short what, void *context)
{
    struct process *process = context;
    (void)fd;
    (void)what;
    log_warning("'%s' is killed: it did not end within %u s", process->role->name,
                process_times.end / 1000);
    kill(process->pid, SIGKILL);
}

static void
has_died(evutil_socket_t fd, short what, void *context)
{
    struct process *process = context;
    int status = 0;
    (void)fd;
    (void)what;
    waitpid(process->pid, &status, 0);
    process->pid = 0;
    event_del(process->died);
    event_del(process->ping);
    event_del(process->overdue);
    if (WIFSIGNALED(status))
        log_error("'%s' was ended by signal %d", process->role->name, WTERMSIG(status));
    /* what it said last may still be unread */
    process->ears.ended(process->ears.context, process, process->refusal);
}

/* One that does not begin at all: nothing is asked of it before it serves. */
static gboolean
takes_too_long(const struct process *process)
{
    return (process->state == PROCESS_STARTING || process->state == PROCESS_BEGINNING) &&
           g_get_monotonic_time() - process->heard > process_times.begin * (gint64)1000;
}

static void
must_answer(evutil_socket_t fd, short what, void *context)
{
    struct process *process = context;
    (void)fd;
    (void)what;
    if (takes_too_long(process) ||
        (process->state == PROCESS_SERVING && process->unanswered >= PINGS_LOST)) {
        log_error("'%s' hangs: it is killed", process->role->name);
        kill(process->pid, SIGKILL);
    } else if (process->state == PROCESS_SERVING) {
        process->unanswered++;
        channel_send(process->channel, MESSAGE_PING, NULL, 0, -1);
    }
}

void
process_end(struct process *process)
{
    if (process->state == PROCESS_ENDING)
        return;
    process->state = PROCESS_ENDING;
    timer_set(process->overdue, process_times.end);
    g_clear_pointer(&process->channel, channel_free);
}

/* ---- the whole ---- */

static void
listen_to(struct process *process, struct event_base *events, int fd)
{
    process->channel = channel_new(events, fd, take, hung_up, process);
    process->died = event_new(events, process->pidfd, EV_READ, has_died, process);
    process->overdue = evtimer_new(events, is_overdue, process);
    process->ping = event_new(events, -1, EV_PERSIST, must_answer, process);
    /* what it said comes before its end */
    event_priority_set(process->died, event_base_get_npriorities(events) - 1);
    event_add(process->died, NULL);
    timer_set(process->ping, process_times.ping);
}

struct process *
process_start(struct event_base *events, const struct child_role *role,
              struct generation *generation, gboolean lenient, const struct process_ears *ears,
              GError **error)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        fail_errno(error, errno, "cannot start '%s'", role->name);
        return NULL;
    }
    AUTO_FD int ours = pair[0], theirs = pair[1];
    g_auto(GStrv) arguments = arguments_of(role, generation, lenient);
    pid_t pid = fork();
    if (pid == 0)
        become(theirs, generation->copy, arguments);
    int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    if (pidfd < 0) {
        fail_errno(error, errno, "cannot start '%s'", role->name);
        if (pid > 0)
            kill(pid, SIGKILL);
        return NULL;
    }
    struct process *process = g_new0(struct process, 1);
    process->role = role;
    process->generation = generation_use(generation);
    process->ears = *ears;
    process->pid = pid;
    process->pidfd = pidfd;
    process->since = g_get_real_time() / G_USEC_PER_SEC;
    process->heard = g_get_monotonic_time();
    listen_to(process, events, fd_steal(&ours));
    return process;
}

void
process_serve(struct process *process, const struct sockets *sockets, const struct task_state *role)
{
    g_assert(process->state == PROCESS_PREPARED);
    process->state = PROCESS_BEGINNING;
    process->heard = g_get_monotonic_time();
    for (guint i = 0; i < sockets->held->len && process->channel != NULL; i++) {
        const struct sockets_held *held = &g_array_index(sockets->held, struct sockets_held, i);
        if (sockets_are_for(&held->what, process->role->name))
            channel_send(process->channel, MESSAGE_SOCKET, &held->what, sizeof held->what,
                         held->fd);
    }
    process_send(process, MESSAGE_ROLE, role, sizeof *role);
    process_send(process, MESSAGE_SERVE, NULL, 0);
}

void
process_send(struct process *process, enum message_kind kind, const void *data, gsize size)
{
    if (process->channel != NULL)
        channel_send(process->channel, kind, data, size, -1);
}

void
process_free(struct process *process)
{
    if (process == NULL)
        return;
    if (process->pid > 0) {
        kill(process->pid, SIGKILL);
        waitpid(process->pid, NULL, 0);
    }
    event_free(process->died);
    event_free(process->ping);
    event_free(process->overdue);
    channel_free(process->channel);
    close(process->pidfd);
    generation_free(process->generation);
    g_free(process->refusal);
    g_free(process);
}

struct generation *
process_generation(const struct process *process)
{
    return process->generation;
}

enum process_state
process_state(const struct process *process)
{
    return process->state;
}

gboolean
process_was_prepared(const struct process *process)
{
    return process->was_prepared;
}

pid_t
process_pid(const struct process *process)
{
    return process->pid;
}

gint64
process_since(const struct process *process)
{
    return process->since;
}
