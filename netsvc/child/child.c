#include "netsvc/child/child.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/channel.h"
#include "netsvc/child/asked.h"
#include "netsvc/child/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define REFUSAL_MAX 4096 /* bytes of a message */
#define FLUSH_MS 1000    /* for what is to be said at the end */

struct child {
    const struct child_role *role;
    struct config *config;
    struct event_base *events;
    struct event *overdue; /* the end takes too long */
    struct channel *channel;
    struct asked *asked;
    struct task_state state; /* as it was told last … */
    gboolean has_state;      /* … if it was */
    GArray *sockets;         /* struct child_socket */
    gpointer self;
    gboolean serves, ending, only_tries, lenient;
    GHashTable *alerts; /* name → text, as told last */
    GError *failure;
};

/* ---- who it becomes ---- */

gboolean
child_account(const struct config *config, struct account *account)
{
    return account_find(config->user, account) || account_find("nobody", account);
}

static gboolean
enter_sandbox(struct child *child, GError **error)
{
    struct account account;
    const gboolean becomes = geteuid() == 0;
    if (becomes && !child_account(child->config, &account))
        return fail_set(error, FAIL_FAILED, "there is no user '%s', and no 'nobody'",
                        child->config->user);
    g_autofree char *folder = g_build_filename(child->config->state, child->role->name, NULL);
    const struct sandbox sandbox = {
        .account = becomes ? &account : NULL,
        .folder = folder,
        .calls = child->role->calls,
        .rights = child->role->rights,
        .makes_sockets = child->role->makes_sockets,
    };
    return sandbox_enter(&sandbox, error);
}

/* ---- what the parent says ---- */

static void
add_socket(struct child *child, const void *data, gsize size, int fd)
{
    struct child_socket added = {.fd = fd};
    if (fd < 0 || size != sizeof added.what)
        g_error("the parent handed over no socket");
    memcpy(&added.what, data, size);
    g_assert(added.what.kind < MESSAGE_SOCKETS);
    added.what.interface[IF_NAMESIZE - 1] = '\0';
    int flags = fcntl(fd, F_GETFL);
    g_assert(flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
    g_array_append_val(child->sockets, added);
}

/* The message is the hint, too: the parent tells it. */
static void
refuse(struct child *child, const GError *error)
{
    gsize size = MIN(strlen(error->message), REFUSAL_MAX);
    channel_send(child->channel, MESSAGE_REFUSED, error->message, size, -1);
    channel_flush(child->channel, FLUSH_MS);
}

static void send_alerts(struct child *child);
static void tell_role(struct child *child);

static void
serve(struct child *child)
{
    g_autoptr(GError) error = NULL;
    child->serves = enter_sandbox(child, &error) && child->role->begin(child->self, &error);
    if (child->serves) {
        channel_send(child->channel, MESSAGE_READY, NULL, 0, -1);
        asked_begin(child->asked, child->channel);
        send_alerts(child);
        tell_role(child);
    } else {
        refuse(child, error);
        child->failure = g_steal_pointer(&error);
        event_base_loopbreak(child->events);
    }
}

static void
take_task(struct child *child, const void *data, gsize size)
{
    static const char nobody[] = "nothing is done for others there",
                      too_early[] = "that part of lifeboat-netsvc is being started, or ends";
    struct child_task task;
    g_autofree char *copy = NULL;
    if (!asked_parse(data, size, &task, &copy))
        return;
    if (!child->serves || child->ending)
        child_task_done(child, task.number, FALSE, too_early, sizeof too_early - 1);
    else if (child->role->task != NULL)
        child->role->task(child->self, &task);
    else
        child_task_done(child, task.number, FALSE, nobody, sizeof nobody - 1);
}

/* What has come before it serves is told as soon as it does. */
static void
tell_role(struct child *child)
{
    if (child->serves && child->has_state && child->role->role != NULL)
        child->role->role(child->self, &child->state);
}

static void
take_role(struct child *child, const void *data, gsize size)
{
    if (size != sizeof child->state)
        return;
    memcpy(&child->state, data, size);
    child->has_state = TRUE;
    tell_role(child);
}

static void
take(void *context, enum message_kind kind, const void *data, gsize size, int fd)
{
    struct child *child = context;
    if (kind == MESSAGE_SOCKET) {
        add_socket(child, data, size, fd);
        return;
    }
    if (fd >= 0)
        close(fd);
    if (kind == MESSAGE_PING)
        channel_send(child->channel, MESSAGE_PING, NULL, 0, -1);
    else if (kind == MESSAGE_SERVE && !child->serves)
        serve(child);
    else if (kind == MESSAGE_ROLE)
        take_role(child, data, size);
    else if (kind == MESSAGE_DONE)
        asked_take(child->asked, data, size);
    else if (kind == MESSAGE_TASK)
        take_task(child, data, size);
    else if (child->serves && !child->ending &&
             (kind != MESSAGE_NAMES || size % sizeof(struct message_name) == 0))
        child->role->take(child->self, kind, data, size);
}

/* ---- the end ---- */

static void
is_overdue(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    child_ended(context);
}

static void
hung_up(void *context)
{
    struct child *child = context;
    const struct timeval limit = {.tv_sec = CHILD_END_SECONDS};
    child->ending = TRUE;
    event_add(child->overdue, &limit);
    if (child->serves)
        child->role->end(child->self);
    if (!child->serves || !child->role->drains)
        child_ended(child);
}

void
child_ended(struct child *child)
{
    event_base_loopbreak(child->events);
}

/* ---- the whole ---- */

static int
run(struct child *child, GError **error)
{
    child->self = child->role->open(child, error);
    if (child->self == NULL) {
        refuse(child, *error);
        return FAIL_USAGE;
    }
    channel_send(child->channel, MESSAGE_PREPARED, NULL, 0, -1);
    event_base_dispatch(child->events);
    if (child->failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&child->failure));
        return FAIL_FAILED;
    }
    return 0;
}

/* All is left to the kernel: the sandbox lets nothing more be done. */
int
child_serve(const struct child_role *role, const struct command_line *line, GError **error)
{
    struct child *child = g_new0(struct child, 1);
    log_never_wait();
    signal(SIGINT, SIG_IGN); /* ends the parent, which hangs up then */
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    child->role = role;
    child->events = event_base_new();
    child->overdue = evtimer_new(child->events, is_overdue, child);
    child->sockets = g_array_new(FALSE, TRUE, sizeof(struct child_socket));
    child->alerts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    child->asked = asked_new();
    child->channel = channel_new(child->events, CHILD_CHANNEL, take, hung_up, child);
    child->lenient = options_flag(line, "lenient");
    child->config = config_read(line, error);
    close(CHILD_CONFIG);
    if (child->config == NULL) {
        refuse(child, *error);
        return FAIL_USAGE;
    }
    int code = run(child, error);
    g_autofree char *message = *error != NULL ? fail_message((*error)->message) : NULL;
    if (message != NULL)
        log_debug("%s ends: %s", role->name, message); /* the parent tells it */
    g_clear_error(error);
    _exit(code);
}

gboolean
child_try(const struct child_role *role, struct config *config, GError **error)
{
    struct child *child = g_new0(struct child, 1);
    child->role = role;
    child->config = config;
    child->events = event_base_new();
    child->only_tries = TRUE;
    return role->open(child, error) != NULL;
}

/* ---- for the role ---- */

guint
child_descriptors(struct child *child, guint wanted)
{
    struct rlimit limit = {0, 0};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted) {
        const struct rlimit raised = {MIN(wanted, limit.rlim_max), limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    if (limit.rlim_cur >= wanted) {
        child_alert(child, "open files", "%s", "");
        return wanted;
    }
    child_alert(child, "open files",
                "'%s' may have %u files open, not %u: fewer are served at a time; raise the hard "
                "limit (LimitNOFILE= of its unit)",
                child->role->name, (guint)limit.rlim_cur, wanted);
    return (guint)limit.rlim_cur;
}

const struct config *
child_config(const struct child *child)
{
    return child->config;
}

gboolean
child_is_lenient(const struct child *child)
{
    return child->lenient;
}

struct event_base *
child_events(const struct child *child)
{
    return child->events;
}

const GArray *
child_sockets(const struct child *child)
{
    return child->sockets;
}

void
child_send(struct child *child, enum message_kind kind, const void *data, gsize size)
{
    if (!child->only_tries)
        channel_send(child->channel, kind, data, size, -1);
}

void
child_answer(struct child *child, const GString *json)
{
    static const char too_long[] = "{\"error\":\"the answer is too long\"}";
    if (json->len <= MESSAGE_MAX - sizeof(struct message))
        child_send(child, MESSAGE_ANSWER, json->str, json->len);
    else
        child_send(child, MESSAGE_ANSWER, too_long, sizeof too_long - 1);
}

static void
send_alert(struct child *child, const char *name, const char *text)
{
    g_autoptr(GString) packet = g_string_new(name);
    g_string_append_c(packet, '\0');
    g_string_append_len(packet, text,
                        (gssize)MIN(strlen(text), MESSAGE_ALERT_MAX - packet->len - 1));
    g_string_append_c(packet, '\0');
    child_send(child, MESSAGE_ALERT, packet->str, packet->len);
}

/* What one says before it serves waits: what the one before it said ends first. */
static void
send_alerts(struct child *child)
{
    GHashTableIter at;
    gpointer name, text;
    g_hash_table_iter_init(&at, child->alerts);
    while (g_hash_table_iter_next(&at, &name, &text))
        if (*(const char *)text != '\0')
            send_alert(child, name, text);
}

void
child_alert(struct child *child, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    if (child->only_tries)
        return;
    const char *told = g_hash_table_lookup(child->alerts, name);
    if (g_strcmp0(told != NULL ? told : "", text) == 0)
        return;
    if (child->serves)
        send_alert(child, name, text);
    g_hash_table_replace(child->alerts, g_strdup(name), g_steal_pointer(&text));
}

/* ---- tasks ---- */

void
child_ask(struct child *child, const char *name, const char *body, gsize size,
          child_answered answered, gpointer context)
{
    asked_send(child->asked, child->serves ? child->channel : NULL, name, body, size, answered,
               context);
}

/* It may hold keys. */
void
child_tell_peer(struct child *child, const void *data, gsize size)
{
    const char *name = child->role->name;
    GByteArray *body = g_byte_array_sized_new((guint)(strlen(name) + 1 + size));
    g_byte_array_append(body, (const guint8 *)name, (guint)strlen(name) + 1);
    g_byte_array_append(body, data, (guint)size);
    child_ask(child, "failover/send", (const char *)body->data, body->len, NULL, NULL);
    explicit_bzero(body->data, body->len);
    g_byte_array_unref(body);
}

void
child_forget(struct child *child, gpointer context)
{
    asked_forget(child->asked, context);
}

void
child_task_done(struct child *child, guint32 number, gboolean done, const char *answer, gsize size)
{
    asked_done(child->channel, number, done, answer, size);
}

void
child_tell_role(struct child *child, const struct task_state *state)
{
    child_send(child, MESSAGE_ROLE, state, sizeof *state);
}
