/* dirty: whether a file system says of itself that it was not unmounted, or that it has errors:
 * single flags at fixed places; nothing is parsed. */
#pragma once

#include "replicator/mounter/message.h"

/* Of the open device. What cannot be read, or has no such flag, is MESSAGE_CLEAN: mounting tells.
 */
enum message_state dirty_state(int fd, enum message_type type);
