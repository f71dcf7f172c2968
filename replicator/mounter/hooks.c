#include "replicator/mounter/hooks.h"

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "replicator/mounter/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char *const events[MESSAGE_EVENTS] = {
    [MESSAGE_STARTED] = "started", [MESSAGE_PROGRESS] = "progress", [MESSAGE_SAFE] = "safe",
    [MESSAGE_DONE] = "done",       [MESSAGE_FAILED] = "failed",     [MESSAGE_UNKNOWN] = "unknown",
    [MESSAGE_OVERDUE] = "overdue",
};

/* Whether nobody but root, and ourselves, can change it. */
static gboolean
is_ours(const char *path)
{
    struct stat there;
    if (stat(path, &there) != 0)
        return FALSE;
    if ((there.st_uid == 0 || there.st_uid == geteuid()) && (there.st_mode & 022) == 0)
        return TRUE;
    log_warning("hook '%s' is not run: others than root may write to it", path);
    return FALSE;
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
find(const char *folder)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    if (dir == NULL || !is_ours(folder))
        return paths;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (name[0] != '.' && g_file_test(path, G_FILE_TEST_IS_REGULAR) &&
            access(path, X_OK) == 0 && is_ours(path))
            g_ptr_array_add(paths, g_steal_pointer(&path));
    }
    g_ptr_array_sort(paths, by_name);
    return paths;
}

static void
set_environment(struct message_hook *hook)
{
    const struct {
        const char *name;
        char *text;
        gsize size;
    } texts[] = {
        {"LIFEBOAT_DRIVE", hook->drive, sizeof hook->drive},
        {"LIFEBOAT_LABEL", hook->label, sizeof hook->label},
        {"LIFEBOAT_DEVICE", hook->device, sizeof hook->device},
        {"LIFEBOAT_MESSAGE", hook->message, sizeof hook->message},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        texts[i].text[texts[i].size - 1] = '\0';
        g_setenv(texts[i].name, texts[i].text, TRUE);
    }
    g_autofree char *percent = g_strdup_printf("%d", hook->percent);
    g_setenv("LIFEBOAT_EVENT", events[hook->event], TRUE);
    if (hook->percent >= 0)
        g_setenv("LIFEBOAT_PERCENT", percent, TRUE);
    else
        g_unsetenv("LIFEBOAT_PERCENT");
}

static void
run(const char *path, const char *event)
{
    const char *const arguments[] = {path, event, NULL};
    g_autofree char *what = g_strdup_printf("hook '%s'", path);
    const struct child hook = {
        .what = what, .arguments = arguments, .seconds = HOOKS_SECONDS, .stop = -1};
    child_run(&hook);
}

static void
run_all(const char *folder, struct message_hook *hook)
{
    g_autoptr(GPtrArray) paths = find(folder);
    set_environment(hook);
    for (guint i = 0; i < paths->len; i++)
        run(paths->pdata[i], events[hook->event]);
}

/* ---- the process ---- */

/* Progress is stale as soon as anything else is there to be told. */
static gboolean
is_stale(int fd, const struct message_hook *hook)
{
    struct pollfd more = {.fd = fd, .events = POLLIN};
    return hook->event == MESSAGE_PROGRESS && poll(&more, 1, 0) > 0;
}

static void
run_what_comes(int fd, const char *folder)
{
    struct message_hook hook;
    signal(SIGCHLD, SIG_DFL);
    for (;;) {
        ssize_t got = recv(fd, &hook, sizeof hook, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return;
        if (got == sizeof hook && hook.event < MESSAGE_EVENTS && !is_stale(fd, &hook))
            run_all(folder, &hook);
    }
}

int
hooks_start(const char *folder)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        prctl(PR_SET_NAME, "lifeboat-hooks");
        run_what_comes(pair[1], folder);
        _exit(0);
    }
    close(pair[1]);
    if (pid > 0)
        return pair[0];
    int cause = errno;
    close(pair[0]);
    errno = cause;
    return -1;
}
