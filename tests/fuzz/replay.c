/* replay: runs a fuzz target on every file of the folders and files named, so that its corpus is an
 * ordinary test. */
#include "tests/fuzz/fuzz.h"

#include <glib.h>
#include <stdio.h>

static guint
replay_file(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *data = NULL;
    gsize size = 0;
    if (!g_file_get_contents(path, &data, &size, &error))
        g_error("%s", error->message);
    /* An exact copy, so that a sanitizer sees one byte too far. */
    g_autofree guint8 *exact = g_memdup2(data, size);
    printf("# %s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(exact, size);
    return 1;
}

static guint
replay_folder(const char *path)
{
    guint n = 0;
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(path, 0, &error);
    if (dir == NULL)
        g_error("%s", error->message);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        n += replay_file(file);
    }
    return n;
}

int
main(int argc, char **argv)
{
    guint n = 0;
    for (int i = 1; i < argc; i++)
        n += g_file_test(argv[i], G_FILE_TEST_IS_DIR) ? replay_folder(argv[i])
                                                      : replay_file(argv[i]);
    printf("%u inputs\n", n);
    return n > 0 ? 0 : 1; /* a test of nothing is no test */
}
