#include "replicator/mounter/child.h"

#include "lib/base/cleanup.h"
#include "lib/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define CANNOT_RUN 127 /* as shells have it */

static void
become(const struct child *child)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    setpgid(0, 0);
    if (child->enter == NULL || child->enter(child->context)) {
        close_range(3, ~0U, 0);
        execv(child->arguments[0], (char *const *)child->arguments);
    }
    log_warning("%s cannot be run: %s", child->what, g_strerror(errno));
    _exit(CANNOT_RUN);
}

/* In front of the end that it is given then. */
static void
wait_for_end(const struct child *child, pid_t pid, int pidfd)
{
    struct pollfd fds[] = {{.fd = pidfd, .events = POLLIN}, {.fd = child->stop, .events = POLLIN}};
    int ready = pidfd >= 0 ? poll(fds, G_N_ELEMENTS(fds), child->seconds * 1000) : 0;
    if (ready > 0 && fds[0].revents != 0)
        return;
    if (ready > 0)
        log_notice("%s is asked to end", child->what);
    else
        log_warning("%s is ended: it takes longer than %d s", child->what, child->seconds);
    if (child->grace == 0 || pidfd < 0)
        return;
    kill(-pid, SIGTERM);
    if (poll(fds, 1, child->grace * 1000) != 1)
        log_warning("%s is killed: it did not end within %d s", child->what, child->grace);
}

int
child_run(const struct child *child)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        become(child);
    if (pid < 0) {
        log_warning("%s cannot be run: %s", child->what, g_strerror(errno));
        return -1;
    }
    setpgid(pid, pid); /* here too: whichever is first */
    AUTO_FD int pidfd = pidfd_open(pid, 0);
    wait_for_end(child, pid, pidfd);
    kill(-pid, SIGKILL);
    gboolean ended = waitpid(pid, &status, 0) == pid && WIFEXITED(status);
    return ended && WEXITSTATUS(status) != CANNOT_RUN ? WEXITSTATUS(status) : -1;
}
