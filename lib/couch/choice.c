#include "lib/couch/choice.h"

#include <fnmatch.h>

static gboolean
matches(const char *const *globs, const char *name)
{
    for (gsize i = 0; globs != NULL && globs[i] != NULL; i++)
        if (fnmatch(globs[i], name, 0) == 0)
            return TRUE;
    return FALSE;
}

gboolean
choice_matches_any(const char *glob, char **names)
{
    for (; *names != NULL; names++)
        if (fnmatch(glob, *names, 0) == 0)
            return TRUE;
    return FALSE;
}

char *
choice_idle(const struct choice *choice, char **names)
{
    g_autoptr(GString) idle = g_string_new(NULL);
    for (const char *const *glob = choice->include; glob != NULL && *glob != NULL; glob++)
        if (!choice_matches_any(*glob, names))
            g_string_append_printf(idle, "%s'%s'", idle->len > 0 ? " or " : "", *glob);
    return idle->len > 0 ? g_string_free(g_steal_pointer(&idle), FALSE) : NULL;
}

gboolean
choice_takes(const struct choice *choice, const char *name)
{
    gboolean all = choice->include == NULL || choice->include[0] == NULL;
    return (all || matches(choice->include, name)) && !matches(choice->exclude, name);
}
