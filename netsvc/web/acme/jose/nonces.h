/*
 * nonces: each request has one that we gave, and none is good twice (RFC 8555, 6.5).
 *
 * A nonce is a counter and its time, with a MAC of a key that this process made. So none has to be
 * remembered before it is used; of the last NONCES_KEPT a bit each tells whether it was. One that
 * is older, of another process, or more than an hour old is refused, and the client tries with the
 * next one, which came with that answer.
 */
#pragma once

#include "lib/base/cleanup.h"

#define NONCES_KEPT 262144  /* whose use is known */
#define NONCES_SECONDS 3600 /* that one is good for */
#define NONCES_TEXT 48      /* bytes of one, with its zero byte */

struct nonces;

struct nonces *nonces_new(void);
void nonces_free(struct nonces *nonces);
AUTO_DEFINE(nonces)

/* `now`: seconds of a clock that does not go back. */
void nonces_make(struct nonces *nonces, guint32 now, char text[NONCES_TEXT]);

/* FALSE with a problem: it is not good, or not any more. */
gboolean nonces_use(struct nonces *nonces, guint32 now, const char *text, GError **error);
