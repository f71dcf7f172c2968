#include "netsvc/task.h"

const char *
task_role_name(guint32 role)
{
    static const char *const names[TASK_ROLES] = {
        [TASK_ALONE] = "alone",     [TASK_ACTIVE] = "active", [TASK_SWITCHING] = "switching",
        [TASK_STANDBY] = "standby", [TASK_WAIT] = "waiting",
    };
    return role < TASK_ROLES ? names[role] : "unknown";
}
