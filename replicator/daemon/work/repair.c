#include "replicator/daemon/work/repair.h"

#include "replicator/mounter/check.h"
#include "replicator/mounter/salvage.h"

static const char *
tell_cause(const struct repair *repair, enum message_state state)
{
    if (state == MESSAGE_HAS_ERRORS)
        return "errors were noted on it";
    return repair->ours
               ? "it was pulled out, or the power failed, before it was safe to remove"
               : "it was pulled out too early where it was used last, here or on another computer";
}

static char *
tell_outcome(const struct repair *repair, enum message_check check)
{
    const struct check_tool *tool = check_tool(repair->type);
    switch (check) {
    case MESSAGE_MENDED:
        return g_strdup("its file system was mended");
    case MESSAGE_NO_CHECKER:
        return g_strdup_printf("its file system was not checked, for '%s' is missing: `apt install "
                               "%s`",
                               tool->name, tool->package);
    case MESSAGE_STOPPED:
        return g_strdup("the check of its file system was stopped; it begins anew the next time");
    case MESSAGE_NOT_CHECKED:
    case MESSAGE_NOT_MENDED:
        break;
    }
    return g_strdup_printf("its file system could not be mended: `fsck %s` may, while "
                           "lifeboat-replicator is stopped",
                           repair->node);
}

char *
repair_settle(const struct repair *repair, const struct message_reply *reply, const char *folder)
{
    guint salvaged = 0;
    if (reply->state == MESSAGE_CLEAN)
        return NULL;
    if (folder != NULL && reply->check == MESSAGE_MENDED)
        salvaged = salvage_settle(repair->type, folder, &reply->salvage, repair->ours);
    g_autofree char *outcome = tell_outcome(repair, reply->check);
    return g_strdup_printf("%s: %s%s%s", tell_cause(repair, reply->state), outcome,
                           salvaged > 0 ? "; what was salvaged lies on it, " : "",
                           salvaged > 0 ? salvage_where(repair->type) : "");
}
