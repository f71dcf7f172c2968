/*
 * forward: names that are not ours.
 *
 *     a probe of our own came in      → loop (upstream.h), no such name
 *     asked from outside our networks → REFUSED
 *     a special name                  → its fixed answer (zone/special.h)
 *     the cache has it                → that
 *     no uplink lives                 → the cache's stale one, else no such name (foreign.h), at
 * once else                            → asked upstream (exchange.h), answered later
 *
 * A chain of CNAMEs of ours that leads to such a name is followed the same way (forward_follow):
 * who asks for recursion does not follow it himself.
 *
 * Which uplinks live is known before a client asks: no query ever waits for a dead one. One that
 * finds it alive but slow waits for EXCHANGE_PATIENCE at most.
 */
#pragma once

#include "netsvc/config/config.h"
#include "netsvc/dns/serve/answer.h"
#include "netsvc/dns/serve/asker.h"

#include <event2/event.h>

/* What it needs of the process that it is in. */
struct forward_world {
    struct event_base *events;
    /* Microseconds of a clock that never jumps; NULL: the boot clock. */
    gint64 (*now)(void *context);
    /* Whether names of ours are below this one, so that it exists; NULL: of none. */
    gboolean (*is_parent)(void *context, const struct name *name);
    /* answer_write, when the rest of a chain is there; needed by forward_follow only. */
    enum answer_outcome (*again)(void *context, struct reply *reply,
                                 const struct answer_beyond *beyond);
    /* child_alert; an empty text ends it. NULL: nobody is told. */
    void (*alert)(void *context, const char *name, const char *text);
    void *context;
    guint questions; /* upstream at a time, EXCHANGE_ASKS_MAX at the most; 0: as many */
};

struct forward;

/* Begins to probe the forwarders. `config` must outlive it. */
struct forward *forward_new(const struct forward_world *world, const struct config_dns *config);
void forward_free(struct forward *forward);
AUTO_DEFINE(forward)

/* A query for a name that no zone of ours holds. Gives the size of the answer in `out`, which holds
 * what dns_serve's does; 0: it goes through the asker later. */
gsize forward_answer(struct forward *forward, const struct asker *asker, const struct query *query,
                     const struct reply_options *options, guint8 *out, gsize room);

/* The rest of an answer of ours, whose chain leads to `name`: nothing for who may not ask, or did
 * not ask, for what others know. FALSE: the whole goes through the asker later; what is ours of it
 * is looked up again then, as it may have changed. */
gboolean forward_follow(struct forward *forward, const struct asker *asker, struct reply *reply,
                        const struct name *name);

/* For tests with a clock of their own: does what is due by now. */
void forward_tick(struct forward *forward);

/* Queries that wait for an answer from elsewhere. */
guint forward_waiting(const struct forward *forward);

/* Members of the object that is being written: "forwarders": […]; and what was counted. */
void forward_append_forwarders(const struct forward *forward, GString *json);
void forward_append_numbers(const struct forward *forward, GString *json);
