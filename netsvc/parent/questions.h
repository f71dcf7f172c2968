/* questions: what the control socket is asked (lib/control), and alerts: what people must know of
 * now. Both stand in `status`, and in status.json beside the socket. */
#pragma once

#include "netsvc/parent/world.h"

void questions_ask(void *context, struct slice request, struct control_question *question);
void questions_reloaded(struct world *world);
/* Something of the status has changed: status.json beside the socket will say so, too. */
void questions_changed(struct world *world);
void questions_publish(struct world *world);
void questions_answered(struct world *world, guint service, const void *json, gsize size);
/* A child that is gone will not answer. */
void questions_lost(struct world *world, guint service);
void questions_alert(struct world *world, guint service, const void *data, gsize size);
/* The parent's own; an empty text ends it. */
void questions_own_alert(struct world *world, const char *name, const char *text);
/* All that a child told of ends with it. */
void questions_forget_alerts(struct world *world, guint service);
