/* hooks: programs of the operator's that cannot be run, which else shows at the first switch. */
#include "netsvc/check/check.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* NULL: it can be run. Else why not, and in `hint` what to do. */
static const char *
why_not(const char *path, const char **hint)
{
    struct stat there;
    *hint = "root alone may change it, since it is run as root: `chown root` and `chmod 755`";
    if (stat(path, &there) != 0) {
        *hint = errno == EACCES ? "check as root"
                                : "put it there, or correct the path; share/lifeboat/hooks of the "
                                  "installation has the ones that come with Lifeboat";
        return g_strerror(errno);
    }
    if (!S_ISREG(there.st_mode))
        return *hint = "name a program", "it is no file";
    if ((there.st_mode & 0111) == 0)
        return *hint = "`chmod 755`", "it is not executable";
    if (there.st_uid != 0 && there.st_uid != geteuid())
        return "it is not root's";
    if ((there.st_mode & 022) != 0)
        return "others than root may write to it";
    return NULL;
}

static void
check_hook(struct check *check, const char *option, const char *path)
{
    const char *hint, *why = path != NULL ? why_not(path, &hint) : NULL;
    if (why != NULL)
        check_found(check, CHECK_MACHINE, check_line(check), option, hint,
                    "the program '%s' cannot be run: %s", path, why);
}

void
check_hooks(struct check *check)
{
    const struct config *config = check_config(check);
    const struct config_failover *failover = &config->failover;
    check_hook(check, "start-hook", failover->start);
    check_hook(check, "stop-hook", failover->stop);
    check_hook(check, "fence-hook", failover->fence);
    check_hook(check, "cert-hook", config->cert.hook);
    if (config->own != NULL && (failover->start == NULL) != (failover->stop == NULL))
        check_found(check, CHECK_NOTE, check_line(check),
                    failover->start != NULL ? "start-hook" : "stop-hook",
                    "set both `start` and `stop` under [failover], or none",
                    "what the one starts the other does not stop: one of the two is missing");
}
