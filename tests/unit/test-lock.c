/* lock: one holder at a time, the second is told who, and the dead hold nothing. */
#include "lib/base/lock.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NAME "lock"

struct place {
    char *path;
    int fd;
};

/* Stands in for the C library's, to let another run remove the file between open and flock. */
static int vanish_from = -1;

int
flock(int fd, int operation)
{
    if (vanish_from >= 0)
        unlinkat(vanish_from, NAME, 0);
    vanish_from = -1;
    return (int)syscall(SYS_flock, fd, operation);
}

static void
place_make(struct place *place, gconstpointer data)
{
    (void)data;
    place->path = g_dir_make_tmp("test-lock-XXXXXX", NULL);
    place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(place->fd, >=, 0);
}

static void
place_remove(struct place *place, gconstpointer data)
{
    (void)data;
    close(place->fd);
    g_assert_true(file_remove_tree(AT_FDCWD, place->path, NULL));
    g_free(place->path);
}

static gboolean
exists(const struct place *place)
{
    return faccessat(place->fd, NAME, F_OK, 0) == 0;
}

/* A child that holds the lock until it is killed; returns when it has it. */
static pid_t
start_holder(const struct place *place)
{
    int ready[2];
    g_assert_cmpint(pipe(ready), ==, 0);
    pid_t child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        struct lock *lock = lock_take(place->fd, NAME, "lifeboat snapshot", NULL);
        if (lock == NULL || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    char byte;
    close(ready[1]);
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    close(ready[0]);
    return child;
}

static void
kill_holder(pid_t child)
{
    int status;
    g_assert_cmpint(kill(child, SIGKILL), ==, 0);
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(WIFSIGNALED(status));
}

static void
the_second_is_told_who_has_it(struct place *place, gconstpointer data)
{
    (void)data;
    pid_t child = start_holder(place);
    g_autoptr(GError) error = NULL;
    AUTO(lock) *lock = lock_take(place->fd, NAME, "other", &error);
    kill_holder(child);
    g_assert_null(lock);
    g_assert_error(error, FAIL, FAIL_LATER);
    g_autofree char *expected =
        g_strdup_printf("'%s' is in use: 'lifeboat snapshot' (process %d on host '%s') since ",
                        place->path, (int)child, g_get_host_name());
    g_assert_true(g_str_has_prefix(error->message, expected));
}

static void
a_killed_holder_holds_nothing(struct place *place, gconstpointer data)
{
    (void)data;
    kill_holder(start_holder(place));
    g_assert_true(exists(place)); /* its file is still there */
    g_autoptr(GError) error = NULL;
    AUTO(lock) *lock = lock_take(place->fd, NAME, "next", &error);
    g_assert_no_error(error);
    g_assert_nonnull(lock);
    g_autofree char *text = file_read(place->fd, NAME, 4096, NULL, &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(text, "purpose=next\n"));
    g_assert_null(strstr(text, "snapshot"));
}

static void
what_another_boot_left_is_neither_obeyed_nor_quoted(struct place *place, gconstpointer data)
{
    (void)data;
    g_autofree char *old = g_strdup_printf("[lock]\npurpose=old\nprocess=1\nhost=%s\nboot=another\n"
                                           "since=2026-11-22T08:15:00Z\n",
                                           g_get_host_name());
    g_assert_true(file_replace(place->fd, NAME, old, strlen(old), 0644, NULL));
    AUTO(lock) *lock = lock_take(place->fd, NAME, "new", NULL);
    g_assert_nonnull(lock);

    /* a holder that has not written its name yet */
    AUTO_FD int fd = openat(place->fd, NAME, O_WRONLY | O_TRUNC | O_CLOEXEC);
    g_assert_true(file_write(fd, old, strlen(old), NAME, NULL));
    g_autoptr(GError) error = NULL;
    g_assert_null(lock_take(place->fd, NAME, "second", &error));
    g_assert_true(g_str_has_suffix(error->message, "' is in use by another process"));
}

static void
letting_go_removes_the_file_and_only_ours(struct place *place, gconstpointer data)
{
    (void)data;
    struct lock *lock = lock_take(place->fd, NAME, "one", NULL);
    g_assert_true(exists(place));
    lock_free(lock);
    g_assert_false(exists(place));

    lock = lock_take(place->fd, NAME, "one", NULL);
    g_assert_nonnull(lock);
    g_assert_true(
        file_replace(place->fd, NAME, "x", 1, 0644, NULL)); /* somebody put another there */
    lock_free(lock);
    g_assert_true(exists(place));
}

static void
a_file_that_lost_its_name_is_no_lock(struct place *place, gconstpointer data)
{
    (void)data;
    vanish_from = place->fd;
    AUTO(lock) *lock = lock_take(place->fd, NAME, "first", NULL);
    g_assert_nonnull(lock);
    g_assert_true(exists(place));
    g_assert_null(lock_take(place->fd, NAME, "second", NULL));
}

/* Eight processes take and let go as fast as they can; inside, each finds that it is alone. */
static void
never_two_at_once(struct place *place, gconstpointer data)
{
    (void)data;
    pid_t children[8];
    for (gsize i = 0; i < G_N_ELEMENTS(children); i++) {
        children[i] = fork();
        g_assert_cmpint(children[i], >=, 0);
        if (children[i] != 0)
            continue;
        for (int round = 0; round < 200; round++) {
            struct lock *lock = lock_take(place->fd, NAME, "crowd", NULL);
            if (lock == NULL)
                continue;
            if (mkdirat(place->fd, "inside", 0700) != 0 ||
                unlinkat(place->fd, "inside", AT_REMOVEDIR) != 0)
                _exit(1);
            lock_free(lock);
        }
        _exit(0);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(children); i++) {
        int status;
        g_assert_cmpint(waitpid(children[i], &status, 0), ==, children[i]);
        g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

static void
a_link_is_not_followed(struct place *place, gconstpointer data)
{
    (void)data;
    g_assert_cmpint(symlinkat("elsewhere", place->fd, NAME), ==, 0);
    g_autoptr(GError) error = NULL;
    g_assert_null(lock_take(place->fd, NAME, "x", &error));
    g_assert_error(error, FAIL, FAIL_FAILED);
    g_assert_cmpint(faccessat(place->fd, "elsewhere", F_OK, 0), !=, 0);
}

#define ADD(path, function) g_test_add(path, struct place, NULL, place_make, function, place_remove)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/lock/the-second-is-told-who-has-it", the_second_is_told_who_has_it);
    ADD("/lock/a-killed-holder-holds-nothing", a_killed_holder_holds_nothing);
    ADD("/lock/what-another-boot-left-is-neither-obeyed-nor-quoted",
        what_another_boot_left_is_neither_obeyed_nor_quoted);
    ADD("/lock/letting-go-removes-the-file-and-only-ours",
        letting_go_removes_the_file_and_only_ours);
    ADD("/lock/a-file-that-lost-its-name-is-no-lock", a_file_that_lost_its_name_is_no_lock);
    ADD("/lock/never-two-at-once", never_two_at_once);
    ADD("/lock/a-link-is-not-followed", a_link_is_not_followed);
    return g_test_run();
}
