/* child: what a program's end is told as. */
#include "replicator/mounter/child.h"

#include <errno.h>

static int
run(const char *command, int seconds, gboolean (*enter)(void *context))
{
    const char *const arguments[] = {"/bin/sh", "-c", command, NULL};
    const struct child child = {
        .what = "a test", .arguments = arguments, .seconds = seconds, .enter = enter, .stop = -1};
    return child_run(&child);
}

/* It is to end as soon as it has begun, which it tells through a pipe. */
static int
stop(const char *command, int grace)
{
    int pair[2];
    g_assert_cmpint(pipe(pair), ==, 0);
    g_autofree char *path = g_strdup_printf("/proc/%d/fd/%d", getpid(), pair[1]);
    const char *const arguments[] = {"/bin/sh", "-c", command, "sh", path, NULL};
    const struct child child = {
        .what = "a test", .arguments = arguments, .seconds = 60, .stop = pair[0], .grace = grace};
    int code = child_run(&child);
    close(pair[0]);
    close(pair[1]);
    return code;
}

static void
test_its_exit_code_is_given(void)
{
    g_assert_cmpint(run("exit 0", 60, NULL), ==, 0);
    g_assert_cmpint(run("exit 4", 60, NULL), ==, 4);
}

static void
test_it_is_killed_when_it_takes_too_long(void)
{
    g_assert_cmpint(run("sleep 1000", 0, NULL), ==, -1);
}

static void
test_one_that_is_to_end_is_asked_to_and_may_do_so_by_itself(void)
{
    g_assert_cmpint(stop("trap 'exit 32' TERM; echo >$1; while :; do sleep 1; done", 60), ==, 32);
}

static void
test_one_that_does_not_end_when_asked_to_is_killed(void)
{
    g_assert_cmpint(stop("trap '' TERM; echo >$1; while :; do sleep 1; done", 1), ==, -1);
}

static gboolean
refuse(void *context)
{
    (void)context;
    errno = EPERM;
    return FALSE;
}

static void
test_it_is_not_run_where_it_cannot_be_prepared(void)
{
    g_assert_cmpint(run("exit 0", 60, refuse), ==, -1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/child/its exit code is given", test_its_exit_code_is_given);
    g_test_add_func("/child/it is killed when it takes too long",
                    test_it_is_killed_when_it_takes_too_long);
    g_test_add_func("/child/one that is to end is asked to, and may do so by itself",
                    test_one_that_is_to_end_is_asked_to_and_may_do_so_by_itself);
    g_test_add_func("/child/one that does not end when asked to is killed",
                    test_one_that_does_not_end_when_asked_to_is_killed);
    g_test_add_func("/child/it is not run where it cannot be prepared",
                    test_it_is_not_run_where_it_cannot_be_prepared);
    return g_test_run();
}
