#include "netsvc/parent/task/hooks.h"

#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/json/json.h"
#include "netsvc/parent/task/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct hook {
    struct hooks *hooks;
    guint32 handle;
    char *name, *path;
    char **environment;
    pid_t pid; /* 0: it waits for those before it */
    int pidfd, output;
    struct event *said, *died, *overdue;
    GString *line; /* not whole yet */
    char last[HOOKS_LAST_MAX];
    gint64 began; /* monotonic */
    gboolean timed_out;
};

struct hooks {
    struct world *world;
    GQueue all; /* struct hook; the first one runs */
};

static void begin_first(struct hooks *hooks);

/* ---- the end ---- */

static void
hook_free(struct hook *hook)
{
    if (hook->pid > 0) {
        kill(-hook->pid, SIGKILL);
        waitpid(hook->pid, NULL, 0);
    }
    if (hook->said != NULL) {
        event_free(hook->said);
        event_free(hook->died);
        event_free(hook->overdue);
        close(hook->pidfd);
        close(hook->output);
    }
    g_string_free(hook->line, TRUE);
    g_strfreev(hook->environment);
    g_free(hook->name);
    g_free(hook->path);
    g_free(hook);
}

static void
tell_done(struct hook *hook, gboolean configured)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_text_begin_object(out);
    json_text_member_boolean(out, "configured", configured);
    if (configured)
        json_text_member_decimal(out, "seconds",
                                 (double)(g_get_monotonic_time() - hook->began) / G_USEC_PER_SEC);
    json_text_end_object(out);
    tasks_done(hook->hooks->world->tasks, hook->handle, TRUE, out->str, out->len);
}

static void
tell_failed(struct hook *hook, const char *why)
{
    g_autofree char *text = g_strdup_printf("hook '%s' (%s) %s%s%s", hook->name, hook->path, why,
                                            *hook->last != '\0' ? ": " : "", hook->last);
    tasks_done(hook->hooks->world->tasks, hook->handle, FALSE, text, strlen(text));
}

static void
is_over(struct hook *hook, int status)
{
    struct hooks *hooks = hook->hooks;
    g_autofree char *why = NULL;
    g_queue_remove(&hooks->all, hook);
    if (hook->timed_out)
        why = g_strdup("took longer than it may and was killed");
    else if (WIFSIGNALED(status))
        why = g_strdup_printf("was ended by signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        why = g_strdup_printf("ended with %d", WEXITSTATUS(status));
    if (why == NULL)
        tell_done(hook, TRUE);
    else
        tell_failed(hook, why);
    hook_free(hook);
    begin_first(hooks);
}

/* ---- while it runs ---- */

static void
take_line(struct hook *hook)
{
    g_strchomp(hook->line->str);
    if (*hook->line->str != '\0') {
        g_autofree char *shown = log_escape(hook->line->str);
        log_info("hook '%s': %s", hook->name, shown);
        g_strlcpy(hook->last, shown, sizeof hook->last);
    }
    g_string_truncate(hook->line, 0);
}

/* FALSE: that was all. */
static gboolean
read_output(struct hook *hook)
{
    char block[4096];
    ssize_t got = read(hook->output, block, sizeof block);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN;
    for (ssize_t i = 0; i < got; i++) {
        if (block[i] != '\n' && hook->line->len < HOOKS_LAST_MAX)
            g_string_append_c(hook->line, block[i] != '\0' ? block[i] : ' ');
        else if (block[i] == '\n')
            take_line(hook);
    }
    return got > 0;
}

static void
has_said(evutil_socket_t fd, short what, void *context)
{
    struct hook *hook = context;
    (void)fd;
    (void)what;
    if (!read_output(hook))
        event_del(hook->said);
}

static void
has_died(evutil_socket_t fd, short what, void *context)
{
    struct hook *hook = context;
    char more[1];
    int status = 0;
    (void)fd;
    (void)what;
    /* what it left running may hold the other end: no more is read than is there */
    while (event_pending(hook->said, EV_READ, NULL) && read_output(hook) &&
           recv(hook->output, more, sizeof more, MSG_PEEK | MSG_DONTWAIT) > 0)
        ;
    take_line(hook);
    waitpid(hook->pid, &status, 0);
    hook->pid = 0;
    is_over(hook, status);
}

static void
is_overdue(evutil_socket_t fd, short what, void *context)
{
    struct hook *hook = context;
    (void)fd;
    (void)what;
    hook->timed_out = TRUE;
    kill(-hook->pid, SIGKILL);
}

/* ---- the beginning ---- */

static void
become(struct hook *hook, int output)
{
    sigset_t none;
    char *const arguments[] = {hook->path, hook->name, NULL};
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(nothing, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    execve(hook->path, arguments, hook->environment);
    dprintf(STDERR_FILENO, "cannot be run: %s\n", g_strerror(errno));
    _exit(127);
}

/* Whether nobody but root, and ourselves, can change it. */
static gboolean
is_ours(const char *path, const char **why)
{
    struct stat there;
    if (stat(path, &there) != 0)
        *why = g_strerror(errno);
    else if ((there.st_uid != 0 && there.st_uid != geteuid()) || (there.st_mode & 022) != 0)
        *why = "others than root may write to it";
    return *why == NULL;
}

static gboolean
start(struct hook *hook, const char **why)
{
    struct event_base *events = hook->hooks->world->events;
    const struct timeval limit = {.tv_sec = hook->hooks->world->current->config->hook_seconds};
    int pair[2];
    if (!is_ours(hook->path, why))
        return FALSE;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return *why = g_strerror(errno), FALSE;
    pid_t pid = fork();
    if (pid == 0)
        become(hook, pair[1]);
    close(pair[1]);
    hook->output = pair[0];
    hook->pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    if (hook->pidfd < 0) {
        *why = g_strerror(errno);
        close(pair[0]);
        return FALSE;
    }
    setpgid(pid, pid);
    hook->pid = pid;
    hook->said = event_new(events, hook->output, EV_READ | EV_PERSIST, has_said, hook);
    hook->died = event_new(events, hook->pidfd, EV_READ, has_died, hook);
    hook->overdue = evtimer_new(events, is_overdue, hook);
    event_add(hook->said, NULL);
    event_add(hook->died, NULL);
    event_add(hook->overdue, &limit);
    return TRUE;
}

static void
begin_first(struct hooks *hooks)
{
    struct hook *hook;
    while ((hook = g_queue_peek_head(&hooks->all)) != NULL && hook->pid == 0) {
        const char *why = NULL;
        hook->began = g_get_monotonic_time();
        if (start(hook, &why))
            return;
        g_autofree char *text = g_strdup_printf("cannot be run: %s", why);
        tell_failed(hook, text);
        g_queue_pop_head(&hooks->all);
        hook_free(hook);
    }
}

/* ---- what is asked ---- */

static const char *
path_of(const struct config *config, const char *name)
{
    const struct {
        const char *name, *path;
    } known[] = {
        {"start", config->failover.start},
        {"stop", config->failover.stop},
        {"fence", config->failover.fence},
        {"certificate", config->cert.hook},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        if (strcmp(known[i].name, name) == 0)
            return known[i].path;
    return NULL;
}

/* So that it is one variable, and not what the parent says itself. */
static gboolean
is_variable(struct slice key)
{
    gsize i = 0;
    while (i < key.size && g_ascii_isupper(key.data[i]))
        i++;
    return key.size > 0 && i == key.size && !slice_is(key, "EVENT");
}

static char **
environment_of(const char *name, struct slice body)
{
    char **environment = g_get_environ();
    struct slice key, value;
    environment = g_environ_setenv(environment, "LIFEBOAT_EVENT", name, TRUE);
    if (body.size == 0 || !json_check(body, NULL) || json_type(body) != JSON_OBJECT)
        return environment;
    for (gsize place = 0; json_next_member(body, &place, &key, &value);) {
        g_autoptr(GString) text = g_string_new(NULL), variable = g_string_new("LIFEBOAT_");
        if (json_type(value) != JSON_STRING || !is_variable(key))
            continue;
        g_string_append_len(variable, key.data, (gssize)key.size); /* names are plain */
        json_unescape(value, text);
        environment = g_environ_setenv(environment, variable->str, text->str, TRUE);
    }
    return environment;
}

static guint
count_of(const struct hooks *hooks, const char *name)
{
    guint count = 0;
    for (const GList *each = hooks->all.head; each != NULL; each = each->next)
        count += strcmp(((const struct hook *)each->data)->name, name) == 0;
    return count;
}

void
hooks_run(struct hooks *hooks, guint32 handle, const char *name, const char *body, gsize size)
{
    const char *path = path_of(hooks->world->current->config, name);
    struct hook *hook = g_new0(struct hook, 1);
    hook->hooks = hooks;
    hook->handle = handle;
    hook->name = g_strdup(name);
    hook->path = g_strdup(path);
    hook->line = g_string_new(NULL);
    if (path == NULL) {
        tell_done(hook, FALSE);
        hook_free(hook);
        return;
    }
    if (count_of(hooks, name) >= HOOKS_OF_NAME) {
        tell_failed(hook, "is asked for too often at once");
        hook_free(hook);
        return;
    }
    hook->environment = environment_of(name, (struct slice){body, size});
    g_queue_push_tail(&hooks->all, hook);
    begin_first(hooks);
}

void
hooks_cancel(struct hooks *hooks, guint32 handle, const char *name)
{
    for (GList *each = hooks->all.head, *next; each != NULL; each = next) {
        struct hook *hook = each->data;
        next = each->next;
        if (strcmp(hook->name, name) != 0)
            continue;
        if (hook->pid > 0) {
            kill(-hook->pid, SIGKILL); /* its end is told as that of any other */
            continue;
        }
        tell_failed(hook, "is not wanted any more");
        g_queue_delete_link(&hooks->all, each);
        hook_free(hook);
    }
    tasks_done(hooks->world->tasks, handle, TRUE, "", 0);
}

struct hooks *
hooks_new(struct world *world)
{
    struct hooks *hooks = g_new0(struct hooks, 1);
    hooks->world = world;
    g_queue_init(&hooks->all);
    return hooks;
}

void
hooks_free(struct hooks *hooks)
{
    struct hook *hook;
    if (hooks == NULL)
        return;
    while ((hook = g_queue_pop_head(&hooks->all)) != NULL)
        hook_free(hook);
    g_free(hooks);
}
