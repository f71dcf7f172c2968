/*
 * channel: one end of the socket between the parent and a child (message.h). Sending never waits:
 * what the socket does not take is kept, up to CHANNEL_KEPT_MAX, and sent in order.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "netsvc/message.h"

#include <event2/event.h>

#define CHANNEL_KEPT_MAX (64 * 1024 * 1024) /* bytes; with more the other side counts as gone */

struct channel;

/* A packet has come; its size is what its head says. The descriptor, -1 if there is none, is the
 * taker's. */
typedef void (*channel_take)(void *context, enum message_kind kind, const void *data, gsize size,
                             int fd);
/* The other side is gone, or sent what makes no sense. Called once; the channel still is to be
 * freed. */
typedef void (*channel_closed)(void *context);

/* Takes over the descriptor of a SOCK_SEQPACKET socket. */
struct channel *channel_new(struct event_base *events, int fd, channel_take take,
                            channel_closed closed, void *context);
void channel_free(struct channel *channel);
AUTO_DEFINE(channel)

/* `fd` is duplicated by the kernel, or kept as a duplicate; -1: none. */
void channel_send(struct channel *channel, enum message_kind kind, const void *data, gsize size,
                  int fd);

/* Sends what is kept, waiting for it, `milliseconds` at most. */
void channel_flush(struct channel *channel, int milliseconds);
