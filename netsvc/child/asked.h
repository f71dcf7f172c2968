/* asked: what a child has asked others, and waits for. */
#pragma once

#include "netsvc/channel.h"
#include "netsvc/child/child.h"

struct asked;

struct asked *asked_new(void);

/* Sends it; without a channel it waits for asked_begin, as the parent has answers only for those
 * who serve. With `answered` its answer is waited for. */
void asked_send(struct asked *asked, struct channel *channel, const char *name, const char *body,
                gsize size, child_answered answered, gpointer context);

/* It serves: what waited is sent. */
void asked_begin(struct asked *asked, struct channel *channel);
void asked_forget(struct asked *asked, gpointer context);

/* A packet of MESSAGE_DONE. */
void asked_take(struct asked *asked, const void *data, gsize size);

/* A packet of MESSAGE_TASK as the role takes it, FALSE: it makes no sense. `copy` is to be freed
 * behind it. */
gboolean asked_parse(const void *data, gsize size, struct child_task *task, char **copy);
void asked_done(struct channel *channel, guint32 number, gboolean done, const char *answer,
                gsize size);
