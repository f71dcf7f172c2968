/* scratch: what a process left behind is known for that, and nothing else is. */
#include "lib/couch/scratch.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void
what_is_in_use_is_not_left(void)
{
    g_autofree char *prefix = scratch_prefix(SCRATCH_DRILL);
    g_autofree char *name = g_strconcat(prefix, "00001", NULL);
    g_assert_true(g_str_has_prefix(name, "lifeboat-drill-"));
    g_assert_cmpuint(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"), ==, strlen(name));
    g_assert_true(scratch_is(name));
    g_assert_false(scratch_is_left(name));
}

static void
what_a_process_left_is_left(void)
{
    int ends[2];
    char name[200] = "";
    g_assert_cmpint(pipe(ends), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        g_autofree char *prefix = scratch_prefix(SCRATCH_TRIAL);
        _exit(write(ends[1], prefix, strlen(prefix)) < 0);
    }
    close(ends[1]);
    g_assert_cmpint((int)read(ends[0], name, sizeof name - 8), >, 0);
    g_assert_cmpint((int)waitpid(child, NULL, 0), ==, child);
    close(ends[0]);
    strcat(name, "0123");
    g_assert_true(scratch_is_left(name));
}

/* A name of this process with one of its parts changed. */
static char *
with_part(guint which, const char *part)
{
    g_autofree char *prefix = scratch_prefix(SCRATCH_DRILL);
    g_auto(GStrv) parts = g_strsplit(prefix, "-", -1);
    g_free(parts[which]);
    parts[which] = g_strdup(part);
    return g_strjoinv("-", parts);
}

static void
only_what_is_certain_counts(void)
{
    static const struct {
        guint which;
        const char *part;
        gboolean left;
    } cases[] = {
        {2, "00000000", FALSE}, /* another machine */
        {3, "00000000", TRUE},  /* this one before it was started anew */
        {5, "1", TRUE},         /* the process-id is another process's now */
        {5, "", FALSE},         {4, "x", FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = with_part(cases[i].which, cases[i].part);
        g_assert_true(scratch_is_left(name) == cases[i].left);
    }
    static const char *const others[] = {"lifeboat-drill-0a1b2c3d-00001",
                                         "lifeboat-trial-0123456789abcdef", "medic", ""};
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        g_assert_true(scratch_is(others[i]) == (i < 2));
        g_assert_false(scratch_is_left(others[i]));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scratch/what is in use is not left", what_is_in_use_is_not_left);
    g_test_add_func("/scratch/what a process left is left", what_a_process_left_is_left);
    g_test_add_func("/scratch/only what is certain counts", only_what_is_certain_counts);
    return g_test_run();
}
