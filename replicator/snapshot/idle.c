#include "replicator/snapshot/idle.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"

gboolean
idle_check(const struct choice *choice, char **names, GError **error)
{
    g_autofree char *idle = choice_idle(choice, names);
    for (const char *const *glob = choice->include; glob != NULL && *glob != NULL; glob++)
        if (choice_matches_any(*glob, names))
            return TRUE;
    return idle == NULL ||
           fail_set(error, FAIL_USAGE, "no database on the server matches --include %s", idle);
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
