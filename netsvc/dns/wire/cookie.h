/*
 * cookie: by which a client shows that its address is its own (RFC 7873), made so that every server
 * with the same secret takes it (RFC 9018):
 *
 *     client's 8 bytes │ version 1 │ 0 0 0 │ time, 4 bytes │ SipHash-2-4, 8 bytes
 *
 * The hash is of all that stands before it and of the client's address, with the secret as key.
 *
 * Every answer to a query with a cookie carries one: the same as long as it is good and not half an
 * hour old, then a fresh one. A good cookie frees from the rate
 * limit. One that is not good costs nothing, for clients come with old ones after each restart:
 * only where the rate limit is in force is such a query answered BADCOOKIE, which is as small as a
 * truncated answer and tells the client all that it needs.
 */
#pragma once

#include <glib.h>
#include <sys/socket.h>

#define COOKIE_CLIENT_SIZE 8
#define COOKIE_SIZE 24 /* of an answer's, the client's part included */
#define COOKIE_SECRET_SIZE 16

/* Of this process, or, where the configuration gives one, of both nodes. */
struct cookie_secret {
    guint64 key[2];
};
void cookie_secret_random(struct cookie_secret *secret);
void cookie_secret_set(struct cookie_secret *secret, const guint8 bytes[COOKIE_SECRET_SIZE]);

enum cookie_state {
    COOKIE_NONE,   /* the query has none */
    COOKIE_CLIENT, /* the client's part only: its first */
    COOKIE_BAD,    /* not ours, of another address, or too old */
    COOKIE_OLD,    /* good, and time for a fresh one */
    COOKIE_GOOD,
};

/* Of what query_parse gave; `now` in seconds since 1970. */
enum cookie_state cookie_check(const struct cookie_secret *secret, const guint8 *cookie, gsize size,
                               const struct sockaddr_storage *client, gint64 now);

/* For the answer, where the query's is no good one: begins with its first 8 bytes. */
void cookie_make(const struct cookie_secret *secret, const guint8 *cookie,
                 const struct sockaddr_storage *client, gint64 now, guint8 out[COOKIE_SIZE]);

/* SipHash-2-4 (Aumasson, Bernstein 2012) of at most 255 bytes, as the number that its 8 bytes are
 * in little-endian order. */
guint64 cookie_siphash(const guint64 key[2], const guint8 *data, gsize size);
