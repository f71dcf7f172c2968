/* tell: what the daemon's answers hold, in words for a person at a terminal. */
#pragma once

#include "lib/base/slice.h"

#include <glib.h>

/* A text of the answer, fit for a terminal; NULL: none. Caller frees. */
char *tell_text(struct slice object, const char *name);

/* Likewise a message with its hint, "MESSAGE (HINT)". */
char *tell_message(struct slice object, const char *name);

/* What is being done with a drive or store, by the daemon's word for it. */
const char *tell_work(const char *doing);

/* `2026-11-28 20:00, 3 hours ago`, or `in 3 hours`; caller frees. */
char *tell_time(gint64 time);

/* `about 1200 changes`; `at least 1 change`, where the object does not say that they were counted.
 * Caller frees. */
char *tell_changes(struct slice object, const char *changes, const char *counted);

/* What of the configuration waits for a restart, a line each, on standard output. */
void tell_waiting(struct slice configuration);
