/*
 * hooks: programs of the operator's that are run at certain moments, as root, one after the other:
 * CHT is started and stopped by them, the other node's power is cut, nginx takes a new certificate.
 *
 * Each is run with its name as argument and LIFEBOAT_… in its environment, in a process group of
 * its own, which is killed when its time is over. What it writes goes to the log, line by line; its
 * last line is told where it fails. One that others than root may write to is not run.
 */
#pragma once

#include "netsvc/parent/world.h"

#define HOOKS_LAST_MAX 400 /* bytes of what it said last */
#define HOOKS_OF_NAME 4    /* at once: those of one name do not keep others waiting for ever */

struct hooks;

struct hooks *hooks_new(struct world *world);
void hooks_free(struct hooks *hooks); /* those that run are killed */

/* Its end is told to tasks_done. `body`: see task.h. */
void hooks_run(struct hooks *hooks, guint32 handle, const char *name, const char *body, gsize size);

/* Those of that name are not wanted any more: killed, or not begun. */
void hooks_cancel(struct hooks *hooks, guint32 handle, const char *name);
