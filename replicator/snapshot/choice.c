#include "replicator/snapshot/choice.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"

#include <fnmatch.h>

static gboolean
matches(const char *const *globs, const char *name)
{
    for (gsize i = 0; globs != NULL && globs[i] != NULL; i++)
        if (fnmatch(globs[i], name, 0) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
matches_any(const char *glob, char **names)
{
    for (; *names != NULL; names++)
        if (fnmatch(glob, *names, 0) == 0)
            return TRUE;
    return FALSE;
}

gboolean
choice_takes(const struct run_options *options, const char *name)
{
    gboolean all = options->include == NULL || options->include[0] == NULL;
    return (all || matches(options->include, name)) && !matches(options->exclude, name);
}

gboolean
choice_check(const struct run_options *options, char **names, GError **error)
{
    g_autoptr(GString) globs = g_string_new(NULL);
    for (const char *const *glob = options->include; glob != NULL && *glob != NULL; glob++) {
        if (matches_any(*glob, names))
            return TRUE;
        g_string_append_printf(globs, "%s'%s'", globs->len > 0 ? " or " : "", *glob);
    }
    return globs->len == 0 ||
           fail_set(error, FAIL_USAGE, "no database on the server matches --include %s",
                    globs->str);
}

void
choice_tell_idle(struct run *run)
{
    const struct run_options *options = run->options;
    for (const char *const *glob = options->include; glob != NULL && *glob != NULL; glob++)
        if (!matches_any(*glob, run->names))
            run_problem(run, "no database on the server matches --include '%s'", *glob);
    for (const char *const *glob = options->exclude; glob != NULL && *glob != NULL; glob++)
        if (!matches_any(*glob, run->names))
            log_notice("no database on the server matches --exclude '%s'", *glob);
}
