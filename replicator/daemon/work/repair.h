/*
 * repair: what people are told of a drive that was not unmounted, or whose file system has errors,
 * and of what the mounter did about it (mounter/check.h).
 */
#pragma once

#include "replicator/drive/device.h"

struct repair {
    const char *node;
    enum message_type type;
    gboolean ours; /* it was pulled out, or the power failed, while we had it mounted */
};

/* One sentence; NULL: nothing was wrong. `folder` is where it is mounted; NULL: nowhere. There,
 * what the check salvaged is removed if it is ours: parts of the run that was interrupted. Caller
 * frees. */
char *repair_settle(const struct repair *repair, const struct message_reply *reply,
                    const char *folder);
