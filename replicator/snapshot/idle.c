#include "replicator/snapshot/idle.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"

gboolean
idle_check(const struct choice *choice, char **names, GError **error)
{
    g_autoptr(GString) globs = g_string_new(NULL);
    for (const char *const *glob = choice->include; glob != NULL && *glob != NULL; glob++) {
        if (choice_matches_any(*glob, names))
            return TRUE;
        g_string_append_printf(globs, "%s'%s'", globs->len > 0 ? " or " : "", *glob);
    }
    return globs->len == 0 ||
           fail_set(error, FAIL_USAGE, "no database on the server matches --include %s",
                    globs->str);
}

void
idle_tell(struct run *run)
{
    const struct choice *choice = &run->options->choice;
    for (const char *const *glob = choice->include; glob != NULL && *glob != NULL; glob++)
        if (!choice_matches_any(*glob, run->names))
            run_problem(run, "no database on the server matches --include '%s'", *glob);
    for (const char *const *glob = choice->exclude; glob != NULL && *glob != NULL; glob++)
        if (!choice_matches_any(*glob, run->names))
            log_notice("no database on the server matches --exclude '%s'", *glob);
}
