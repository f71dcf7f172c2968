/*
 * upstream: one of the servers that we forward to, and whether it is worth asking.
 *
 *     UNKNOWN ──probe──→ ALIVE ⇄ DEAD        LOOP: it leads back to us
 *
 * A probe is a question for a random name, which no cache on the way can answer: only a server that
 * reaches the Internet does. A living one is probed when it has been quiet, and at once when a
 * question to it is lost or fails (doubt); a dead one in growing intervals, and sooner while
 * clients ask. Two probes that fail make it dead: at once where the kernel says that nobody is
 * there. One that refuses lives: it knows names of its own.
 *
 * A pulse is a question for what every server has at hand. It tells within a round trip whether the
 * server is there at all, so that a client's question waits for one that is slow with a name, but
 * not for one that is gone.
 *
 * The random label also tells loops: where a question for it comes in here (upstream_saw), the
 * server is ourselves, or asks us.
 *
 * Time is microseconds of a clock that never jumps.
 */
#pragma once

#include "netsvc/config/config.h"
#include "netsvc/dns/forward/ask.h"
#include "netsvc/dns/forward/cache.h"
#include "netsvc/dns/wire/query.h"

#define UPSTREAM_PATIENCE_MIN (300 * G_TIME_SPAN_MILLISECOND) /* until a question is lost */
#define UPSTREAM_PATIENCE_MAX G_TIME_SPAN_SECOND
#define UPSTREAM_PULSE_MIN (200 * G_TIME_SPAN_MILLISECOND) /* of silence, then it seems gone */
#define UPSTREAM_PULSE_MAX (1500 * G_TIME_SPAN_MILLISECOND)

enum upstream_state {
    UPSTREAM_UNKNOWN, /* for its first probe's time only */
    UPSTREAM_ALIVE,
    UPSTREAM_DEAD,
    UPSTREAM_LOOP,
};

struct upstream;

struct upstream_world {
    struct event_base *events;
    gint64 (*now)(void *context);
    /* A probe's verdict: another state, or a doubt that is over. Never from a call of ours to it.
     */
    void (*changed)(void *context, struct upstream *upstream, enum upstream_state before);
    void *context;
};

/* Probes it from now on. */
struct upstream *upstream_new(const struct upstream_world *world, const struct config_peer *peer);
void upstream_free(struct upstream *upstream);
AUTO_DEFINE(upstream)

enum upstream_state upstream_state(const struct upstream *upstream);
const char *upstream_text(const struct upstream *upstream);  /* "192.0.2.1", "[2001:db8::1]:5353" */
gint64 upstream_round_trip(const struct upstream *upstream); /* smoothed; 0: not known */

/* How long an answer may take until it is counted as lost. */
gint64 upstream_patience(const struct upstream *upstream);

/* How long it may be silent until it seems to be gone, by the round trip of pulses; it shows by
 * whatever it answers. upstream_pulse asks for a sign. */
gint64 upstream_pulse_patience(const struct upstream *upstream);
gboolean upstream_showed(const struct upstream *upstream, gint64 since);
void upstream_pulse(struct upstream *upstream);

/* The key's question, as this server understands it. */
struct ask *upstream_ask(struct upstream *upstream, const struct cache_key *key, ask_done *done,
                         void *context);

/* What became of it: an answer, no answer but a sign, or neither (or none that is any good). */
void upstream_good(struct upstream *upstream, gint64 sent);
void upstream_shows(struct upstream *upstream);
void upstream_doubt(struct upstream *upstream);

/* Whether it gave an answer just now, so that one that fails is the name's fault, not its own. */
gboolean upstream_is_fresh(const struct upstream *upstream);

/* A client wants something of the Internet: probe sooner. */
void upstream_wanted(struct upstream *upstream);

/* A question that came in: TRUE if it is this server's probe. */
gboolean upstream_saw(struct upstream *upstream, const struct query *query);

/* Does what is due; gives when something will be next. */
gint64 upstream_tick(struct upstream *upstream);

/* As one JSON object. */
void upstream_json(const struct upstream *upstream, GString *json);
