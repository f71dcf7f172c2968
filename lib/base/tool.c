#include "lib/base/tool.h"

#include "config.h"

/* Administration's folders are not in everybody's PATH. */
char *
tool_find(const char *name)
{
    static const char *const folders[] = {"/usr/sbin", "/sbin", "/usr/local/sbin"};
    char *found = g_find_program_in_path(name);
    for (gsize i = 0; found == NULL && i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_build_filename(folders[i], name, NULL);
        found = g_find_program_in_path(path);
    }
    return found;
}

char *
tool_ours(const char *name)
{
    static const char *const folders[] = {".", "../replicator", "../restore"};
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *own = self != NULL ? g_path_get_dirname(self) : g_strdup(LIFEBOAT_BINDIR);
    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_build_filename(own, folders[i], name, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_EXECUTABLE) && !g_file_test(path, G_FILE_TEST_IS_DIR))
            return g_canonicalize_filename(path, NULL);
    }
    return g_build_filename(LIFEBOAT_BINDIR, name, NULL);
}
