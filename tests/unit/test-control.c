/* The daemon's socket: what is answered arrives. */
#include "lib/control/control.h"

#include "tests/unit/scratch.h"

#include <sys/socket.h>
#include <sys/un.h>

#define LONG (4 * 1024 * 1024) /* bytes: more than a socket holds */

static void
keep(void *context, struct slice request, struct control_question *question)
{
    struct control_question **kept = context;
    (void)request;
    *kept = question;
}

static int
ask(const char *path)
{
    static const char request[] = "{}\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    g_assert_cmpint(connect(fd, (const struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(write(fd, request, strlen(request)), ==, strlen(request));
    return fd;
}

/* Gives how many bytes come before the end. */
static gpointer
take_all(gpointer fd)
{
    static char buffer[65536];
    gsize all = 0;
    ssize_t got;
    while ((got = read(GPOINTER_TO_INT(fd), buffer, sizeof buffer)) > 0)
        all += (gsize)got;
    return GSIZE_TO_POINTER(all);
}

static void
test_what_was_answered_is_taken_before_the_end(void)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *path = g_build_filename(scratch->path, "socket", NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strnfill(LONG, 'x');
    struct event_base *events = event_base_new();
    struct control_question *question = NULL;
    struct control *control = control_new(events, path, keep, &question, &error);
    g_assert_no_error(error);
    AUTO_FD int fd = ask(path);
    while (question == NULL)
        event_base_loop(events, EVLOOP_ONCE);
    control_refuse(question, text);
    GThread *taker = g_thread_new("taker", take_all, GINT_TO_POINTER(fd));
    control_free(control);
    event_base_free(events); /* by which libevent hangs up */
    g_assert_cmpuint(GPOINTER_TO_SIZE(g_thread_join(taker)), ==,
                     LONG + strlen("{\"error\":\"\"}\n"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/control/what was answered is taken before the end",
                    test_what_was_answered_is_taken_before_the_end);
    return g_test_run();
}
