#include "netsvc/parent/privileges.h"

#include "lib/base/fail.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>

static const unsigned int kept[] = {
    CAP_NET_BIND_SERVICE, /* ports 53 and 67 */
    CAP_NET_RAW,          /* frames to clients that have no address yet, ARP */
    CAP_NET_ADMIN,        /* receive buffers beyond the system's limit */
    CAP_SETUID,
    CAP_SETGID, /* children become another user, … */
    CAP_SETPCAP,
    CAP_SYS_CHROOT,   /* … without any of these, in their own folder */
    CAP_CHOWN,        /* which is theirs */
    CAP_DAC_OVERRIDE, /* and looked into; so are zone files and keys */
    CAP_KILL,         /* one that hangs */
};

gboolean
privileges_limit(GError **error)
{
    if (geteuid() != 0)
        return TRUE;
    capng_get_caps_process();
    for (int capability = 0; capability <= CAP_LAST_CAP; capability++) {
        gboolean keep = FALSE;
        for (gsize i = 0; i < G_N_ELEMENTS(kept); i++)
            keep = keep || kept[i] == (unsigned int)capability;
        if (!keep)
            capng_update(CAPNG_DROP,
                         CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE | CAPNG_BOUNDING_SET,
                         (unsigned int)capability);
    }
    if (capng_apply(CAPNG_SELECT_BOTH) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail_errno(error, errno, "cannot give up rights that are not needed");
    return TRUE;
}
