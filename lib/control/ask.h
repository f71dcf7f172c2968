/* ask: one question to a daemon over its local socket (lib/control/control.h). */
#pragma once

#include <glib.h>

#define ASK_ANSWER_MAX (1024 * 1024) /* bytes of an answer */
#define ASK_SECONDS 10               /* for what it knows: without a byte of the answer */
#define ASK_LONG_SECONDS 900         /* for what it has to do first */

/* Whom: for messages, and the name of its unit. */
#define ASK_REPLICATOR "lifeboat-replicator"
#define ASK_NETSVC "lifeboat-netsvc"

/* `request` is a line of JSON without its line feed. The answer has been checked as JSON; one that
 * is an error is an error here, too. After `seconds` without a byte it is given up; 0: never. */
GString *ask_daemon(const char *program, const char *socket_path, const char *request,
                    guint seconds, GError **error);

/* What `lifeboat status` shows of backups. */
GString *ask_status(const char *socket_path, GError **error);

/* The same in two halves, with time for something else while the descriptor is not readable. -1
 * with an error, for which ask_is_absent tells whether no daemon runs. */
int ask_begin(const char *program, const char *socket_path, const char *request, guint seconds,
              GError **error);
GString *ask_end(int fd, const char *program, const char *socket_path, GError **error);
gboolean ask_is_absent(const GError *error);
