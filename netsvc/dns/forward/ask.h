/*
 * ask: one question to one server.
 *
 * By UDP from a socket of its own, so that each question has a random port beside its random id
 * (RFC 5452); the socket is connected, so that the kernel drops what comes from elsewhere and tells
 * at once that nobody is there. What does not match (relay.h) is passed over. A truncated answer,
 * or a stranger that keeps guessing, makes it ask again by TCP.
 *
 * It has no time limit: who asks frees it.
 */
#pragma once

#include "lib/base/cleanup.h"

#include <event2/event.h>
#include <sys/socket.h>

#define ASK_SIZE_MAX 512 /* bytes of a question */

enum ask_outcome {
    ASK_ANSWERED,
    ASK_UNREACHABLE, /* nobody is there: the kernel, or a router, says so */
    ASK_FAILED,      /* no answer by TCP; no socket */
};

/* Called once, from the event loop, never from ask_new; the ask may be freed in it. The bytes are
 * valid until it returns. */
typedef void ask_done(void *context, enum ask_outcome outcome, const guint8 *wire, gsize size);

struct ask_to {
    const struct sockaddr *address;
    socklen_t size;
};

/* `wire` is the question whole, `end` the offset behind its question section; `fold`: whether the
 * answer's question may have other letters, small for capital. */
struct ask *ask_new(struct event_base *events, const struct ask_to *to, const guint8 *wire,
                    gsize size, gsize end, gboolean fold, ask_done *done, void *context);

/* Also ends it. */
void ask_free(struct ask *ask);
