/* child: what a program's end is told as. */
#include "replicator/mounter/child.h"

#include <errno.h>

static int
run(const char *command, int seconds, gboolean (*enter)(void *context))
{
    const char *const arguments[] = {"/bin/sh", "-c", command, NULL};
    const struct child child = {"a test", arguments, seconds, enter, NULL};
    return child_run(&child);
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
    g_test_add_func("/child/it is not run where it cannot be prepared",
                    test_it_is_not_run_where_it_cannot_be_prepared);
    return g_test_run();
}
