#include "lib/base/account.h"

#include "lib/base/fail.h"

#include <cap-ng.h>
#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define FOLDERS_OPEN 32 /* while a tree is walked */

gboolean
account_find(const char *name, struct account *account)
{
    const struct passwd *found = getpwnam(name);
    if (found != NULL)
        *account = (struct account){found->pw_uid, found->pw_gid};
    return found != NULL;
}

/* With what capng_update has set. */
static gboolean
change_to(const struct account *account, GError **error)
{
    int result = capng_change_id((int)account->uid, (int)account->gid,
                                 CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
    return result == 0 || fail_errno(error, errno, "cannot become the user with number %u (%d)",
                                     account->uid, result);
}

gboolean
account_become(const struct account *account, gboolean may_read, GError **error)
{
    capng_clear(CAPNG_SELECT_BOTH);
    if (may_read)
        capng_update(CAPNG_ADD, CAPNG_PERMITTED | CAPNG_INHERITABLE, CAP_DAC_READ_SEARCH);
    return change_to(account, error);
}

gboolean
account_become_with(const struct account *account, const int *rights, GError **error)
{
    capng_clear(CAPNG_SELECT_BOTH);
    for (gsize i = 0; rights != NULL && rights[i] >= 0; i++)
        capng_update(CAPNG_ADD, CAPNG_PERMITTED | CAPNG_EFFECTIVE, (unsigned int)rights[i]);
    return change_to(account, error);
}

void
account_let_read(void)
{
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0);
}

/* ---- handing over ---- */

static __thread const struct account *owner; /* nftw passes nothing on */

static int
give(const char *path, const struct stat *there, int what, struct FTW *walk)
{
    (void)what;
    (void)walk;
    if (there->st_uid == owner->uid && there->st_gid == owner->gid)
        return 0;
    /* what has vanished meanwhile, as mount points that the mounter clears away, is nobody's */
    return lchown(path, owner->uid, owner->gid) == 0 || errno == ENOENT ? 0 : errno;
}

int
account_give(const struct account *account, const char *folder)
{
    owner = account;
    int error = nftw(folder, give, FOLDERS_OPEN, FTW_PHYS | FTW_MOUNT);
    owner = NULL;
    return error < 0 ? errno : error;
}

static gboolean
check_content(const struct account *account, const char *key, const char *folder,
              const char *const *ours, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        struct stat there;
        if (g_strv_contains(ours, name) || lstat(path, &there) != 0 || there.st_uid == account->uid)
            continue;
        g_autofree char *better = g_build_filename(folder, "lifeboat", NULL);
        return fail_set(error, FAIL_USAGE,
                        "the folder '%s' of the setting '%s' holds '%s', which is not ours\n"
                        "hint: name one that is lifeboat's alone, such as '%s'; where it is that "
                        "already, move '%s' elsewhere",
                        folder, key, name, better, name);
    }
    return TRUE;
}

gboolean
account_own(const struct account *account, const char *key, const char *folder, mode_t mode,
            const char *const *ours, GError **error)
{
    struct stat there;
    if (g_mkdir_with_parents(folder, (int)mode) != 0 || lstat(folder, &there) != 0)
        return fail_errno(error, errno, "cannot make '%s'", folder);
    if (there.st_uid == account->uid)
        return TRUE;
    if (!check_content(account, key, folder, ours, error))
        return FALSE;
    int cause = account_give(account, folder);
    return cause == 0 || fail_errno(error, cause, "cannot give '%s' to the user with number %u",
                                    folder, account->uid);
}

gboolean
account_own_state(const struct account *account, const char *state, GError **error)
{
    static const char *const ours[] = {"chains",
                                       "drives.json",
                                       "drives.json.partial",
                                       "keys",
                                       "last-runs.json",
                                       "last-runs.json.partial",
                                       "lost+found",
                                       "replicator.lock",
                                       "standby.json",
                                       "standby.json.partial",
                                       "standby.lock",
                                       NULL};
    return account_own(account, "state", state, 0700, ours, error);
}

gboolean
account_follow(const char *name, const char *folder, const char *state, GError **error)
{
    struct account account;
    struct stat there;
    g_autofree char *store = g_build_filename(folder, "lifeboat", NULL);
    if (geteuid() != 0 || !account_find(name, &account) || account.uid == 0 ||
        (lstat(store, &there) != 0 && lstat(folder, &there) != 0) || there.st_uid != account.uid)
        return TRUE;
    if (!account_own_state(&account, state, error) || !account_become(&account, TRUE, error))
        return FALSE;
    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, CAP_DAC_READ_SEARCH);
    return capng_apply(CAPNG_SELECT_CAPS) == 0 ||
           fail_errno(error, errno, "cannot keep the right to read files");
}
