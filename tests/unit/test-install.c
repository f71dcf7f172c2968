/* Certificates as files: whoever reads them sees one whole set, whatever happens meanwhile. */
#include "netsvc/parent/task/install.h"
#include "scratch.h"

#include "lib/base/jsontext.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static GString *
files_of(guint number)
{
    static const char *const names[] = {"server.pem", "chain.pem", "fullchain.pem", "server.key"};
    GString *out = g_string_new(NULL);
    g_autofree char *text = g_strdup_printf("set %u\n", number);
    json_text_begin_object(out);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        json_text_member_string(out, names[i], text);
    json_text_end_object(out);
    return out;
}

static gboolean
install(const struct scratch *scratch, guint number, GError **error)
{
    gboolean changed = FALSE;
    g_autoptr(GString) files = files_of(number);
    g_autofree char *folder = g_build_filename(scratch->path, "tls", NULL);
    gboolean done = install_set(folder, (struct slice){files->str, files->len}, &changed, error);
    return done && changed;
}

static char *
read_in(const struct scratch *scratch, const char *set, const char *name)
{
    g_autofree char *path = g_build_filename(scratch->path, "tls", set, name, NULL);
    char *text = NULL;
    g_file_get_contents(path, &text, NULL, NULL);
    return text;
}

static guint
count_sets(const struct scratch *scratch)
{
    guint count = 0;
    g_autofree char *folder = g_build_filename(scratch->path, "tls", NULL);
    g_autoptr(GDir) list = g_dir_open(folder, 0, NULL);
    const char *name;
    while (list != NULL && (name = g_dir_read_name(list)) != NULL)
        count += g_str_has_prefix(name, "set-");
    return count;
}

static void
test_sets(void)
{
    AUTO(scratch) *scratch = scratch_new();
    struct stat status;
    g_assert_true(install(scratch, 1, NULL));
    g_assert_true(install(scratch, 2, NULL));
    g_assert_false(install(scratch, 2, NULL)); /* it is there already */
    g_assert_true(install(scratch, 3, NULL));
    g_autofree char *current = read_in(scratch, "current", "server.pem");
    g_autofree char *previous = read_in(scratch, "previous", "fullchain.pem");
    g_assert_cmpstr(current, ==, "set 3\n");
    g_assert_cmpstr(previous, ==, "set 2\n");
    g_assert_cmpuint(count_sets(scratch), ==, 2);
    g_assert_cmpint(fstatat(scratch->fd, "tls/current/server.key", &status, 0), ==, 0);
    g_assert_cmpuint(status.st_mode & 07777, ==, 0600);
    g_assert_cmpint(fstatat(scratch->fd, "tls/current/server.pem", &status, 0), ==, 0);
    g_assert_cmpuint(status.st_mode & 07777, ==, 0644);
    g_assert_cmpint(fstatat(scratch->fd, "tls", &status, 0), ==, 0);
    g_assert_cmpuint(status.st_mode & 07777, ==, 0755);
}

static void
test_spoilt_is_mended(void)
{
    AUTO(scratch) *scratch = scratch_new();
    g_assert_true(install(scratch, 1, NULL));
    g_assert_cmpint(fchmodat(scratch->fd, "tls/current/server.key", 0644, 0), ==, 0);
    g_assert_true(install(scratch, 1, NULL));
    g_assert_cmpint(unlinkat(scratch->fd, "tls/current/chain.pem", 0), ==, 0);
    g_assert_true(install(scratch, 1, NULL));
}

static void
test_only_our_names(void)
{
    AUTO(scratch) *scratch = scratch_new();
    gboolean changed = FALSE;
    g_autofree char *folder = g_build_filename(scratch->path, "tls", NULL);
    static const char files[] = "{\"server.pem\":\"x\",\"../../evil\":\"y\",\"evil\":\"z\"}";
    g_assert_true(install_set(folder, slice_of(files), &changed, NULL));
    g_autofree char *evil = read_in(scratch, "current", "evil");
    g_assert_null(evil);
    g_assert_cmpint(faccessat(scratch->fd, "evil", F_OK, 0), !=, 0);
}

/* All four files, opened through one open of the link, as a program that goes there does. */
static gboolean
read_whole(const struct scratch *scratch)
{
    static const char *const names[] = {"server.pem", "chain.pem", "fullchain.pem", "server.key"};
    char first[64] = "", text[64];
    AUTO_FD int set = openat(scratch->fd, "tls/current", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (set < 0)
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        AUTO_FD int fd = openat(set, names[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return FALSE; /* two swaps came in between: that set is gone */
        ssize_t size = read(fd, text, sizeof text - 1);
        text[MAX(size, 0)] = '\0';
        g_assert_cmpint(size, >, 0);
        if (i == 0)
            strcpy(first, text);
        g_assert_cmpstr(first, ==, text);
    }
    return TRUE;
}

static void
test_readers_see_one_set(void)
{
    AUTO(scratch) *scratch = scratch_new();
    guint whole = 0;
    g_assert_true(install(scratch, 1, NULL));
    pid_t writer = fork();
    for (guint i = 2; writer == 0 && i < 150; i++)
        if (!install(scratch, i, NULL))
            _exit(1);
    if (writer == 0)
        _exit(0);
    int status = -1;
    while (waitpid(writer, &status, WNOHANG) == 0)
        whole += read_whole(scratch);
    g_assert_cmpint(status, ==, 0);
    g_assert_cmpuint(whole, >, 10);
}

/* Killed at any moment: what is in force is one whole set, and the next one goes in. */
static void
test_killed_at_any_moment(void)
{
    AUTO(scratch) *scratch = scratch_new();
    g_assert_true(install(scratch, 1, NULL));
    for (guint i = 2; i < 60; i++) {
        pid_t writer = fork();
        if (writer == 0) {
            for (guint k = i * 1000;; k++)
                install(scratch, k, NULL);
        }
        g_usleep(i * 97 % 3000);
        kill(writer, SIGKILL);
        waitpid(writer, NULL, 0);
        g_assert_true(read_whole(scratch));
    }
    g_assert_true(install(scratch, 7, NULL));
    g_autofree char *current = read_in(scratch, "current", "server.key");
    g_assert_cmpstr(current, ==, "set 7\n");
    g_assert_cmpuint(count_sets(scratch), <=, 2);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/install/two-sets-are-kept", test_sets);
    g_test_add_func("/install/what-was-spoilt-is-mended", test_spoilt_is_mended);
    g_test_add_func("/install/only-names-that-are-known", test_only_our_names);
    g_test_add_func("/install/readers-see-one-whole-set", test_readers_see_one_set);
    g_test_add_func("/install/killed-at-any-moment", test_killed_at_any_moment);
    return g_test_run();
}
