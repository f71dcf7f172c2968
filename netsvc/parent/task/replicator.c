#include "netsvc/parent/task/replicator.h"

#include "lib/base/fail.h"
#include "lib/control/ask.h"
#include "lib/json/json.h"
#include "netsvc/parent/task/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

struct call {
    struct replicator *replicator;
    guint32 handle;
    int fd;
    struct event *readable;
    GString *answer;
};

struct replicator {
    struct world *world;
    GPtrArray *calls; /* struct call */
};

static void
call_free(gpointer data)
{
    struct call *call = data;
    event_free(call->readable);
    close(call->fd);
    g_string_free(call->answer, TRUE);
    g_free(call);
}

static void
finish(struct call *call, gboolean done, const char *text, gsize size)
{
    struct replicator *replicator = call->replicator;
    tasks_done(replicator->world->tasks, call->handle, done, text, size);
    g_ptr_array_remove_fast(replicator->calls, call);
}

static void
judge(struct call *call)
{
    struct slice answer = {call->answer->str, call->answer->len};
    g_autofree char *refusal = NULL;
    if (answer.size == 0 || !json_check(answer, NULL)) {
        static const char gone[] = "lifeboat-replicator has ended meanwhile";
        finish(call, FALSE, gone, sizeof gone - 1);
    } else if (json_member_text(answer, "error", &refusal)) {
        finish(call, FALSE, refusal, strlen(refusal));
    } else {
        finish(call, TRUE, answer.data, answer.size);
    }
}

static void
is_readable(evutil_socket_t fd, short what, void *context)
{
    struct call *call = context;
    char block[4096];
    (void)what;
    ssize_t got = recv(fd, block, sizeof block, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got > 0 && call->answer->len + (gsize)got <= REPLICATOR_ANSWER_MAX) {
        g_string_append_len(call->answer, block, got);
        return;
    }
    if (got > 0) {
        static const char much[] = "lifeboat-replicator answers with too much";
        finish(call, FALSE, much, sizeof much - 1);
        return;
    }
    judge(call);
}

/* {"ask": "switch/STEP", … } */
static char *
request_of(const char *step, const char *body, gsize size)
{
    struct slice rest = {body, size};
    if (size == 0 || !json_check(rest, NULL) || json_type(rest) != JSON_OBJECT)
        return g_strdup_printf("{\"ask\":\"switch/%s\"}", step);
    const char *members = strchr(body, '{') + 1;
    members += strspn(members, " \t\r\n");
    return g_strdup_printf("{\"ask\":\"switch/%s\"%s%s", step, *members == '}' ? "" : ",", members);
}

void
replicator_ask(struct replicator *replicator, guint32 handle, const char *step, const char *body,
               gsize size)
{
    struct world *world = replicator->world;
    g_autoptr(GError) error = NULL;
    g_autofree char *request = request_of(step, body, size);
    int fd = ask_begin(ASK_REPLICATOR, options_string(world->current->line, "control"), request,
                       ASK_SECONDS, &error);
    if (fd < 0) {
        g_autofree char *message = fail_message(error->message);
        g_autofree char *text = fail_line(message, fail_hint(error->message));
        tasks_done(world->tasks, handle, FALSE, text, strlen(text));
        return;
    }
    struct call *call = g_new0(struct call, 1);
    call->replicator = replicator;
    call->handle = handle;
    call->fd = fd;
    call->answer = g_string_new(NULL);
    call->readable = event_new(world->events, fd, EV_READ | EV_PERSIST, is_readable, call);
    event_add(call->readable, NULL);
    g_ptr_array_add(replicator->calls, call);
}

struct replicator *
replicator_new(struct world *world)
{
    struct replicator *replicator = g_new0(struct replicator, 1);
    replicator->world = world;
    replicator->calls = g_ptr_array_new_with_free_func(call_free);
    return replicator;
}

void
replicator_free(struct replicator *replicator)
{
    if (replicator == NULL)
        return;
    g_ptr_array_unref(replicator->calls);
    g_free(replicator);
}
