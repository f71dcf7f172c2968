/*
 * rate: how fast the answers of a server may come, all of its transfers together.
 *
 * Each piece that comes is paid for with time: what costs more time than has passed puts the next
 * piece off, of whichever transfer. One that comes too early is held back, which in the end holds
 * back its sender (TCP). They go on in turn. After a rest a quarter of a second's worth may come at
 * once.
 */
#pragma once

#include "lib/base/cleanup.h"

#define RATE_SOCKET_BUFFER (128 * 1024) /* bytes that the kernel takes ahead of a transfer */

struct rate;

struct rate *rate_new(guint64 bytes_per_second);
void rate_free(struct rate *rate);
AUTO_DEFINE(rate)

/* A transfer is one of libcurl's: CURL *. */

/* Such a piece has come. FALSE: too early; the transfer, which is to pause, is held. */
gboolean rate_admits(struct rate *rate, void *transfer, gsize size);

/* It came whether that was too early or not. */
void rate_pays(struct rate *rate, gsize size);

/* Lets those that are held go on, as far as it is time. */
void rate_let_go_on(struct rate *rate);

/* Milliseconds until that has something to do, at most `milliseconds`. */
guint rate_wait(const struct rate *rate, guint milliseconds);

/* The transfer is about to end. */
void rate_forget(struct rate *rate, void *transfer);
