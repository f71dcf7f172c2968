#include "lib/base/tool.h"

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
