#include "replicator/daemon/work/job.h"

#include "lib/base/account.h"
#include "lib/base/fail.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct job {
    struct job_handler handler;
    GPid pid; /* 0 when it is over */
    int pidfd, output;
    struct event *exited, *readable;
    struct evbuffer *pending;
    gboolean passing_over; /* a line that was too long */
};

/* In the child, before the program begins. */
static void
die_with_parent(gpointer parent)
{
    account_let_read();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != *(const pid_t *)parent)
        _exit(FAIL_LATER);
}

/* ---- its output ---- */

static void
give_line(struct job *job, const char *data, gsize size)
{
    if (!job->passing_over)
        job->handler.line(job->handler.context, (struct slice){data, size});
    job->passing_over = FALSE;
}

static void
give_lines(struct job *job)
{
    for (;;) {
        gsize size;
        char *line = evbuffer_readln(job->pending, &size, EVBUFFER_EOL_LF);
        if (line == NULL)
            break;
        give_line(job, line, size);
        free(line); /* libevent's malloc */
    }
    if (evbuffer_get_length(job->pending) <= JOB_LINE_MAX)
        return;
    evbuffer_drain(job->pending, evbuffer_get_length(job->pending));
    job->passing_over = TRUE;
}

/* Reads what is there; FALSE when there was nothing. */
static gboolean
read_output(struct job *job)
{
    int got = evbuffer_read(job->pending, job->output, JOB_LINE_MAX);
    if (got > 0)
        give_lines(job);
    else if (got == 0)
        event_del(job->readable);
    return got > 0;
}

static void
output_is_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    read_output(context);
}

/* ---- its end ---- */

static void
has_exited(evutil_socket_t fd, short what, void *context)
{
    struct job *job = context;
    int status;
    (void)fd;
    (void)what;
    pid_t ended = waitpid(job->pid, &status, WNOHANG);
    if (ended == 0)
        return;
    if (ended < 0) /* somebody else took its status */
        status = FAIL_FAILED << 8;
    job->pid = 0;
    event_del(job->exited);
    while (read_output(job)) {
    }
    job->handler.ended(job->handler.context,
                       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

struct job *
job_start(struct event_base *events, const char *const *arguments,
          const struct job_handler *handler, GError **error)
{
    AUTO(job) *job = g_new0(struct job, 1);
    pid_t parent = getpid();
    job->handler = *handler;
    job->pidfd = job->output = -1;
    job->pending = evbuffer_new();
    if (!g_spawn_async_with_pipes(NULL, (char **)arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                                  die_with_parent, &parent, &job->pid, NULL, &job->output, NULL,
                                  error)) {
        job->pid = 0;
        return NULL;
    }
    job->pidfd = pidfd_open(job->pid, 0);
    if (job->pidfd < 0 || fcntl(job->output, F_SETFL, O_NONBLOCK) != 0) {
        fail_errno(error, errno, "cannot watch '%s'", arguments[0]);
        return NULL;
    }
    job->exited = event_new(events, job->pidfd, EV_READ | EV_PERSIST, has_exited, job);
    job->readable = event_new(events, job->output, EV_READ | EV_PERSIST, output_is_readable, job);
    event_add(job->exited, NULL);
    event_add(job->readable, NULL);
    return g_steal_pointer(&job);
}

void
job_stop(struct job *job)
{
    if (job->pid > 0)
        kill(job->pid, SIGTERM);
}

void
job_free(struct job *job)
{
    if (job == NULL)
        return;
    if (job->pid > 0) {
        kill(job->pid, SIGKILL);
        waitpid(job->pid, NULL, 0);
    }
    g_clear_pointer(&job->exited, event_free);
    g_clear_pointer(&job->readable, event_free);
    evbuffer_free(job->pending);
    fd_auto_close(&job->output);
    fd_auto_close(&job->pidfd);
    g_free(job);
}
