/*
 * last_good: the configuration that was served last, kept in the state folder for the time when the
 * power comes back and the file has a mistake in it: the clinic then has what it had.
 *
 *     STATE/last-good.conf     its text
 *     STATE/last-good.boot     the kernel's id of the boot in which it was served last
 *
 * Only after a boot: who changes the file and starts the daemon is to see his mistake.
 */
#pragma once

#include <glib.h>

/* Durably; best effort, what fails is told. */
void last_good_keep(const char *state, GBytes *text);

/* Whether one is kept, and was served before this boot. */
gboolean last_good_is_older(const char *state);

/* NULL: there is none. */
GBytes *last_good_text(const char *state);
