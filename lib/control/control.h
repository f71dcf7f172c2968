/*
 * control: the daemon's local socket. A client sends one line of JSON, gets one line back, and the
 * connection ends. Who may connect is a matter of the socket's permissions (0660).
 *
 * An answer may take its time, as one to `drive eject` does: the question is kept until then.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#include <event2/event.h>

#define CONTROL_REQUEST_MAX 60000 /* bytes of a request: a certificate with its chain */
#define CONTROL_CLIENTS_MAX 16   /* connected at once; for one more the first is hung up on */
#define CONTROL_WAITING_MAX 32   /* that wait for an answer */
#define CONTROL_SECONDS 5        /* for a client to send, and to take its answer */

/* One that waits for its answer. */
struct control_question;

/* The request has been checked as JSON. The question must be answered, now or later, before the
 * control is freed. */
typedef void (*control_ask)(void *context, struct slice request, struct control_question *question);

/* `answer`: JSON without line feeds. Frees the question; if nobody waits any longer, that is all.
 */
void control_answer(struct control_question *question, const GString *answer);

/* The same with {"error": MESSAGE}. */
void control_refuse(struct control_question *question, const char *message);

struct control;

/* A socket that a dead daemon left at `path` is replaced; FAIL_LATER when a living one answers. */
struct control *control_new(struct event_base *events, const char *path, control_ask ask,
                            void *context, GError **error);

/* So many wait that one that cannot be answered at once is to be refused: each holds a descriptor.
 */
gboolean control_is_crowded(const struct control *control);

/* Waits, CONTROL_SECONDS at most, until what was answered has been taken; removes the socket. */
void control_free(struct control *control);
AUTO_DEFINE(control)
