/*
 * control: the daemon's local socket. A client sends one line of JSON, gets one line back, and the
 * connection ends. Who may connect is a matter of the socket's permissions (0660).
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#include <event2/event.h>

#define CONTROL_REQUEST_MAX 4096 /* bytes of a request */
#define CONTROL_CLIENTS_MAX 16   /* connected at once; for one more the first is hung up on */
#define CONTROL_SECONDS 5        /* for a client to send, and to take its answer */

/* Appends the answer, JSON without line feeds. The request has been checked as JSON. */
typedef void (*control_answer)(void *context, struct slice request, GString *answer);

struct control;

/* A socket that a dead daemon left at `path` is replaced; FAIL_LATER when a living one answers. */
struct control *control_new(struct event_base *events, const char *path, control_answer answer,
                            void *context, GError **error);
void control_free(struct control *control); /* removes the socket */
AUTO_DEFINE(control)
