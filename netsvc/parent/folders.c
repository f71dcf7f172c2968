#include "netsvc/parent/folders.h"

#include "lib/base/account.h"
#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/roles.h"

#include <errno.h>
#include <sys/stat.h>

static gboolean
make_folder(const char *path, mode_t mode, const struct account *owner, GError **error)
{
    if (g_mkdir_with_parents(path, (int)mode) != 0)
        return fail_errno(error, errno, "cannot make '%s'", path);
    if (owner == NULL)
        return TRUE;
    int cause = account_give(owner, path);
    return cause == 0 || fail_errno(error, cause, "cannot give '%s' to the user with number %u",
                                    path, owner->uid);
}

gboolean
folders_make(const char *path, GError **error)
{
    return make_folder(path, 0755, NULL, error);
}

/* The state folder stays root's, so that no child can put another's away. */
gboolean
folders_make_all(const struct config *config, gboolean tell, GError **error)
{
    struct account account;
    gboolean root = geteuid() == 0;
    if (root && tell && !account_find(config->user, &account))
        log_warning("there is no user '%s': what serves becomes 'nobody'; `systemd-sysusers` makes "
                    "that user",
                    config->user);
    if (root && !child_account(config, &account))
        return fail_set(error, FAIL_FAILED, "there is no user 'nobody' either");
    if (!folders_make(config->state, error))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++) {
        g_autofree char *folder = g_build_filename(config->state, roles[i]->name, NULL);
        if (!make_folder(folder, 0700, root ? &account : NULL, error))
            return FALSE;
    }
    return TRUE;
}
