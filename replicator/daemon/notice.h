/*
 * notice: tells people what happens: to the hooks (etc/hooks/README.md), and in status.json beside
 * the socket, which holds what `lifeboat status --json` answers.
 */
#pragma once

#include "replicator/daemon/place/place.h"

/* `place` and `device` may be NULL. `message` is one sentence. */
void notice_event(struct mounter *mounter, enum message_event event, const struct place *place,
                  const struct device *device, const char *message);

/* Work goes on: told to the hooks every few seconds at most. `last` keeps when that was. */
void notice_progress(struct mounter *mounter, const struct place *place, struct slice progress,
                     gint64 *last);

/* Replaces status.json in the folder; a failure is a warning. */
void notice_status(const char *folder, const GString *status);
