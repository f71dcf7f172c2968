/* process: the mounter's own side (mounter.h): takes requests until the daemon is gone. Every
 * request is a child's, so that a slow one holds up no other. */
#pragma once

#include "replicator/mounter/mounter.h"

void process_run(int fd, const struct mounter_options *options);
