/* place: who serves, where it keeps what must survive, and what time it is. */
#include "netsvc/check/check.h"

#include "lib/base/account.h"
#include "netsvc/clock_floor.h"

#include <errno.h>
#include <unistd.h>

static void
check_user(struct check *check)
{
    const char *user = check_config(check)->user;
    struct account account;
    if (!account_find(user, &account))
        check_found(check, CHECK_MACHINE, check_line(check), "net-user",
                    "`systemd-sysusers` makes the default one",
                    "there is no user '%s': what serves becomes 'nobody', as other programs do",
                    user);
}

/* The folder, or the one that it would be made in. */
static void
check_state(struct check *check)
{
    const char *state = check_config(check)->state;
    g_autofree char *folder = g_strdup(state);
    while (access(folder, F_OK) != 0 && errno == ENOENT && folder[1] != '\0') {
        char *above = g_path_get_dirname(folder);
        g_free(folder);
        folder = above;
    }
    if (!g_file_test(folder, G_FILE_TEST_IS_DIR))
        check_found(check, CHECK_MACHINE, check_line(check), "state", "name another folder",
                    "'%s' is no folder", folder);
    else if (access(folder, W_OK | X_OK) != 0)
        check_found(check, CHECK_MACHINE, check_line(check), "state",
                    errno == EROFS ? "mount it read-write: leases must survive a power cut"
                                   : "check as root",
                    "'%s' cannot be written to: %s", folder, g_strerror(errno));
}

static void
check_clock(struct check *check)
{
    const char *state = check_config(check)->state;
    g_autofree char *wrong =
        clock_floor_judge(g_get_real_time() / G_USEC_PER_SEC, clock_floor_read(state),
                          clock_floor_is_kept(state), state);
    if (wrong != NULL)
        check_found(check, CHECK_MACHINE, NULL, NULL, NULL, "%s", wrong);
}

void
check_place(struct check *check)
{
    check_user(check);
    check_state(check);
    check_clock(check);
}
