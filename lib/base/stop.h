/*
 * stop: ending cleanly on SIGINT and SIGTERM. The signal only sets a mark, which work looks at
 * between two steps; a second one ends the program at once. A program that does not watch is never
 * asked to stop.
 */
#pragma once

#include <glib.h>

/* From now on the signals are caught. */
void stop_watch(void);
gboolean stop_requested(void);

/* FALSE with FAIL_LATER when asked to stop. */
gboolean stop_check(GError **error);

/* For http_set_stop and patience: whether to give up now. Of no context. */
gboolean stop_is_due(void *context);

/* It is not due for so long from now, so that what must be cleaned up can be. 0: no longer. */
void stop_grant(guint milliseconds);

/* Waits unless asked to stop. */
void stop_sleep(guint milliseconds);
