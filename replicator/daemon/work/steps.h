/*
 * steps: the jobs that do the steps of a switch (replicator/switch), and who waits for them.
 *
 *     one that is asked for again while it goes on   joins it: both get its answer
 *     another, or the same with another value        takes its place: netsvc has thought better of
 *                                                    it, and each may be killed at any point
 *     `check`                                        only looks: it runs beside the others
 */
#pragma once

#include "lib/control/control.h"

struct steps;

/* `command` ends with NULL; the step and its value are added. `changed`: one that writes has begun
 * or ended. */
struct steps *steps_new(struct event_base *events, const char *const *command,
                        void (*changed)(void *context), void *context);

/* Kills what goes on; whoever waits is refused. */
void steps_free(struct steps *steps);
AUTO_DEFINE(steps)

/* The question is answered when it is over. `value` may be NULL. */
void steps_ask(struct steps *steps, const char *step, const char *value,
               struct control_question *question);

/* The one that writes and goes on; NULL: none does. */
const char *steps_under_way(const struct steps *steps);

/* Whether the last one that wrote is over and went well, and the next word of netsvc is to be
 * awaited: until then nobody follows, since what comes next needs the databases. */
gboolean steps_is_holding(const struct steps *steps);
void steps_release(struct steps *steps);
