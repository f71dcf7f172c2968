/*
 * tasks: what one part asks of another (netsvc/task.h) goes through here: to whom its name says,
 * and back to whoever asked. Who may ask for what is a table: a child that was taken over gets no
 * further than its own tasks.
 */
#pragma once

#include "netsvc/parent/world.h"

struct tasks *tasks_new(struct world *world);
void tasks_free(struct tasks *tasks);

/* From the child of that service: MESSAGE_TASK, MESSAGE_DONE. */
void tasks_take(struct tasks *tasks, guint service, enum message_kind kind, const void *data,
                gsize size);

/* A child that is gone answers no more, and waits for nothing. */
void tasks_lost(struct tasks *tasks, guint service);

/* The operator's, WHO/WHAT; FALSE: nobody is called so. */
gboolean tasks_question(struct tasks *tasks, const char *name, struct slice request,
                        struct control_question *question);

/* One that the parent does itself is over (hooks.c, replicator.c, install.c): `handle` as it was
 * given. */
void tasks_done(struct tasks *tasks, guint32 handle, gboolean done, const char *answer, gsize size);
