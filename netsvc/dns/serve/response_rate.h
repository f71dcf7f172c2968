/*
 * response_rate: how many answers a second a network of clients gets by UDP, so that nobody makes
 * us flood a third one whose address he writes into his queries.
 *
 * Each network has a bucket that refills evenly: an IPv4 /24, an IPv6 /56; and each single address
 * of our own networks, which gets RESPONSE_RATE_OWN times as much, for a clinic's whole Wi-Fi is
 * one /24. The machine itself is not limited. A bucket holds one second's answers.
 *
 * Of answers beyond that every second one is dropped, and the others are sent truncated: they are
 * no larger than the query, and a client that is what it says comes back by TCP. A good cookie
 * frees from all of it (the caller asks before it takes).
 *
 * The table is of fixed size and never allocates. Where too many networks ask at once, those that
 * were limited least are forgotten, and begin anew with a full bucket.
 */
#pragma once

#include "lib/base/cleanup.h"

#include <sys/socket.h>

#define RESPONSE_RATE_OWN 20

struct response_rate;

/* `own`: of struct config_network, copied. `per_second` answers to one network; 0: no limit. */
struct response_rate *response_rate_new(guint per_second, const GArray *own);
void response_rate_free(struct response_rate *rate);
AUTO_DEFINE(response_rate)

enum response_rate_verdict {
    RESPONSE_RATE_SEND,
    RESPONSE_RATE_TRUNCATE, /* with TC; BADCOOKIE where the query has a cookie that is not good */
    RESPONSE_RATE_DROP,
};

/* For one answer. `now`: nanoseconds of a clock that never goes back; one reading does for many. */
enum response_rate_verdict response_rate_take(struct response_rate *rate,
                                              const struct sockaddr_storage *client, gint64 now);

/* Answers that were limited so far. */
guint64 response_rate_limited(const struct response_rate *rate);
