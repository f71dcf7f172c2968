/*
 * exchange: the questions that upstream servers are asked now, and who waits for their answers.
 *
 * The same question of several clients is asked once. It goes to the best server that lives; when
 * that is silent, to the next one, and the first answer counts, whoever gives it. A server that
 * gives none (SERVFAIL) is doubted: until it is known whether that is the name's fault or the
 * uplink's, the question waits.
 *
 *     ANSWERED   →  answer                            DEAD  the last server died, or all refuse
 *     FAILED     the servers live and have no answer  SLOW  nobody has shown at all while a sign of
 *                                                           life takes (upstream.h), or
 *                                                           EXCHANGE_PATIENCE is over; it goes on
 *                                                           for EXCHANGE_LONGEST, for the cache
 *
 * Bounded: EXCHANGES_MAX questions, EXCHANGE_WAITERS_MAX that wait, EXCHANGE_ASKS_MAX sockets; and
 * when half of the questions are taken, a client that waits for EXCHANGE_SHARE gets no more.
 * Time is microseconds, as upstream.h's.
 */
#pragma once

#include "netsvc/dns/forward/cache.h"
#include "netsvc/dns/forward/relay.h"
#include "netsvc/dns/forward/upstream.h"
#include "netsvc/dns/serve/asker.h"

#define EXCHANGES_MAX 512
#define EXCHANGE_WAITERS_MAX 4096 /* of all exchanges */
#define EXCHANGE_ASKS_MAX 640     /* sockets */
#define EXCHANGE_SHARE 64         /* of the questions for one client */
#define EXCHANGE_TRIES 3          /* of one question */

#define EXCHANGE_PATIENCE (1800 * G_TIME_SPAN_MILLISECOND) /* of clients, RFC 8767 5 */
#define EXCHANGE_LONGEST (5 * G_TIME_SPAN_SECOND)

/* A client's query, kept until its answer comes. */
struct waiter {
    struct asker asker;
    struct query query; /* its `wire` is the copy below: header and question */
    struct reply_options options;
    guint8 wire[HEADER_SIZE + NAME_SIZE_MAX + 4];
};

enum exchange_outcome { EXCHANGE_ANSWERED, EXCHANGE_FAILED, EXCHANGE_DEAD, EXCHANGE_SLOW };

struct exchange_world {
    struct event_base *events;
    gint64 (*now)(void *context);
    /* An answer came: to be kept, and given to those who wait. */
    void (*learn)(void *context, const struct cache_key *key, const struct relay *relay);
    /* To each who waits; the relay only where it is ANSWERED. */
    void (*serve)(void *context, enum exchange_outcome outcome, const struct cache_key *key,
                  const struct relay *relay, const struct waiter *waiter);
    void *context;
    guint asks; /* in place of EXCHANGE_ASKS_MAX, where fewer files may be open; 0: that. There are
                   fewer questions then in proportion. */
};

struct exchanges;

/* `upstreams`: struct upstream, in the order of the configuration. */
struct exchanges *exchanges_new(const struct exchange_world *world, const GPtrArray *upstreams);
void exchanges_free(struct exchanges *exchanges); /* who waits gets nothing */
AUTO_DEFINE(exchanges)

/* Whether there is a server that can be asked, or of which that is not known yet. */
gboolean exchanges_can_ask(const struct exchanges *exchanges);

/* The client's query waits for the answer from now on. FALSE: there are too many. */
gboolean exchanges_join(struct exchanges *exchanges, const struct cache_key *key,
                        const struct asker *asker, const struct query *query,
                        const struct reply_options *options);

/* An upstream's health is another. */
void exchanges_changed(struct exchanges *exchanges);

/* Does what is due; gives when something will be next. */
gint64 exchanges_tick(struct exchanges *exchanges);

guint exchanges_count(const struct exchanges *exchanges);
