/*
 * admission: what the rate limit and the cookie say of a query before anything else is done for it.
 *
 *     by TCP                       answered: the address is its own
 *     by UDP, with a good cookie   answered
 *     within the limit             answered
 *     above it                     every second one dropped; else truncated, or BADCOOKIE for who
 *                                  sent a cookie and so understands that
 *
 * Whoever sent a cookie gets a fresh one with each answer.
 *
 * The clocks are the coarse ones, which cost nothing and are right to some milliseconds.
 */
#pragma once

#include "netsvc/config/config.h"
#include "netsvc/dns/serve/serve.h"
#include "netsvc/dns/wire/cookie.h"

struct admission {
    struct response_rate *rate;
    struct cookie_secret secret;
    gint64 (*monotonic)(void); /* nanoseconds; tests set their own, */
    gint64 (*wall)(void);      /* and seconds since 1970 */
};

#define ADMISSION_SECRET "cookie-secret" /* a file: the secret's bytes in hexadecimal */

/* With a secret that nobody else has, and that is gone with the process. */
void admission_init(struct admission *admission, const struct config_dns *config);

/* Then, so that cookies stay good over restarts: with the secret that the folder's file has; one is
 * made and kept where there is none. FALSE: that could not be done, and matters little. */
gboolean admission_open(struct admission *admission, int folder, GError **error);

void admission_clear(struct admission *admission);

enum serve_verdict admission_of(struct admission *admission, const struct asker *asker,
                                const struct query *query, struct reply_options *options);
