/* ask: one question to the daemon over its local socket (replicator/daemon/control.h). */
#pragma once

#include <glib.h>

#define ASK_ANSWER_MAX (1024 * 1024) /* bytes of an answer */
#define ASK_SECONDS 10               /* without a byte of it */

/* `request` is a line of JSON without its line feed. The answer has been checked as JSON; one that
 * is an error is an error here, too. */
GString *ask_daemon(const char *socket_path, const char *request, GError **error);
