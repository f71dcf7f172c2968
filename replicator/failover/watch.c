#include "replicator/failover/watch.h"

#include "lib/base/fail.h"
#include "lib/base/stop.h"
#include "lib/control/ask.h"
#include "lib/json/json.h"
#include "replicator/failover/ask.h"
#include "replicator/tell.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define LOOK_MS 200 /* between looks whether Ctrl-C was pressed */

struct watch {
    const struct command_line *line;
    guint64 after;
    gboolean cancelled;
    gint64 began; /* monotonic */
};

/* ---- showing ---- */

static void
show_step(const struct watch *watch, struct slice step)
{
    g_autofree char *name = tell_text(step, "name"), *state = tell_text(step, "state");
    g_autofree char *text = tell_text(step, "text");
    const double passed = (double)(g_get_monotonic_time() - watch->began) / G_USEC_PER_SEC;
    if (options_flag(watch->line, "json")) {
        printf(SLICE_FORMAT "\n", SLICE_ARGS(step));
    } else {
        const char *mark = g_strcmp0(state, "begun") == 0    ? "…"
                           : g_strcmp0(state, "failed") == 0 ? "FAILED"
                                                             : "done";
        printf("  %6.2f s  %-10s %-6s %s\n", passed, name != NULL ? name : "?", mark,
               text != NULL ? text : "");
    }
    fflush(stdout);
}

static void
show_steps(struct watch *watch, struct slice answer)
{
    struct slice list, step;
    if (!json_member(answer, "steps", &list) || json_type(list) != JSON_ARRAY)
        return;
    for (gsize place = 0; json_next_element(list, &place, &step);) {
        json_member_unsigned(step, "number", &watch->after);
        show_step(watch, step);
    }
}

/* ---- asking ---- */

static void
cancel(struct watch *watch)
{
    g_autoptr(GError) trouble = NULL;
    watch->cancelled = TRUE;
    fprintf(stderr, "\nasking the nodes to go back …\n");
    g_autoptr(GString) answer = failover_ask(watch->line, "cancel", "", ASK_SECONDS, &trouble);
    if (answer == NULL) {
        g_autofree char *message = fail_message(trouble->message);
        fprintf(stderr, "it cannot be stopped any more: %s\n", message);
    }
}

/* The answer to a question that waits for the next step. */
static GString *
wait_for_answer(struct watch *watch, GError **error)
{
    const char *socket = options_string(watch->line, "net-control");
    g_autofree char *request = g_strdup_printf(
        "{\"ask\":\"failover/steps\",\"after\":%" G_GUINT64_FORMAT "}", watch->after);
    int fd = ask_begin(ASK_NETSVC, socket, request, ASK_LONG_SECONDS, error);
    if (fd < 0)
        return NULL;
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    while (poll(&readable, 1, LOOK_MS) <= 0)
        if (stop_requested() && !watch->cancelled)
            cancel(watch);
    GString *answer = ask_end(fd, ASK_NETSVC, socket, error);
    close(fd);
    return answer;
}

gboolean
watch_steps(const struct command_line *line, guint64 after, GError **error)
{
    struct watch watch = {.line = line, .after = after, .began = g_get_monotonic_time()};
    for (;;) {
        g_autoptr(GString) text = wait_for_answer(&watch, error);
        if (text == NULL) {
            fail_add_hint(error, "the nodes go on without this command: `lifeboat status` tells");
            return FALSE;
        }
        struct slice answer = {text->str, text->len};
        show_steps(&watch, answer);
        if (json_member_true(answer, "goes_on"))
            continue;
        g_autofree char *failed = tell_text(answer, "failed");
        return failed == NULL || fail_set(error, FAIL_FAILED, "%s", failed);
    }
}
