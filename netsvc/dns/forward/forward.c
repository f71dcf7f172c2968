#include "netsvc/dns/forward/forward.h"

#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "netsvc/dns/dns.h"
#include "netsvc/dns/forward/cache.h"
#include "netsvc/dns/forward/exchange.h"
#include "netsvc/dns/forward/foreign.h"
#include "netsvc/dns/zone/special.h"

#include <string.h>
#include <time.h>

#define FAILED_TTL                                                                                 \
    5 /* seconds that a name without an answer is not asked for again, RFC 9520 3.2 */

struct forward {
    struct forward_world world;
    const struct config_dns *config;
    GPtrArray *upstreams; /* struct upstream */
    struct exchanges *exchanges;
    struct relay *relay; /* room for names of a rest that is written */
    struct cache *cache;
    struct special *special;
    struct event *timer;
    gint64 armed; /* when it goes off */
    guint8 out[DNS_TCP_MAX];
    struct {
        guint64 queries, followed, refused, special, hits, misses, stale, absent, slow, failed,
            full;
    } counted;
};

/* A reply that has begun, on its way through. */
struct passage {
    struct forward *forward;
    struct reply *reply;
    const struct name *name; /* that is not ours */
};

static gint64
boot_clock(void *context)
{
    struct timespec time;
    (void)context;
    clock_gettime(CLOCK_BOOTTIME, &time);
    return (gint64)time.tv_sec * G_TIME_SPAN_SECOND + time.tv_nsec / 1000;
}

static gint64
now(void *context)
{
    struct forward *forward = context;
    return forward->world.now(forward->world.context);
}

static gint64
now_seconds(struct forward *forward)
{
    return now(forward) / G_TIME_SPAN_SECOND;
}

static gboolean
is_parent(const struct forward *forward, const struct name *name)
{
    return forward->world.is_parent != NULL &&
           forward->world.is_parent(forward->world.context, name);
}

/* Whatever others say: the root is above all names, and others are above some of ours. */
static gboolean
exists(const struct forward *forward, const struct name *name)
{
    return name->labels == 0 || is_parent(forward, name) || special_exists(forward->special, name);
}

/* ---- answers ---- */

static void
absent(const struct passage *p, guint32 seconds, enum reply_error error)
{
    foreign_absent(p->reply, exists(p->forward, p->name), seconds, error);
}

static void
cached(const struct passage *p, const struct cache_answer *answer)
{
    struct forward *forward = p->forward;
    relay_write(forward->relay, answer, now_seconds(forward), exists(forward, p->name), p->reply);
}

/* What there is while upstream has nothing for us: an answer that is over (RFC 8767), or none. */
static void
without_uplink(const struct passage *p, const struct cache_key *key, guint32 seconds,
               enum reply_error error)
{
    struct cache_answer answer;
    if (cache_get(p->forward->cache, key, now_seconds(p->forward), &answer) &&
        relay_rcode(&answer) != RCODE_SERVFAIL) {
        p->forward->counted.stale++;
        cached(p, &answer);
        return;
    }
    p->forward->counted.absent++;
    absent(p, seconds, error);
}

/* ---- from upstream ---- */

static void
learn(void *context, const struct cache_key *key, const struct relay *relay)
{
    struct forward *forward = context;
    struct cache_answer answer = *relay_answer(relay);
    guint32 seconds = relay_seconds(relay);
    if (seconds == 0)
        return;
    answer.put = now_seconds(forward);
    answer.until = answer.put + (gint64)seconds;
    cache_put(forward->cache, key, &answer);
}

/* RFC 9520 3.2: so that what cannot be resolved is not asked for all the time. */
static void
failed(const struct passage *p, const struct cache_key *key)
{
    struct forward *forward = p->forward;
    gint64 time = now_seconds(forward);
    guint8 wire[HEADER_SIZE + NAME_SIZE_MAX + 4];
    struct cache_answer answer;
    struct reply reply;
    forward->counted.failed++;
    if (cache_get(forward->cache, key, time, &answer)) {
        cached(p, &answer);
        return;
    }
    reply_begin_question(&reply, &key->name, key->type, CLASS_IN, wire, sizeof wire);
    reply.rcode = RCODE_SERVFAIL;
    answer = (struct cache_answer){.wire = wire,
                                   .size = reply_end(&reply),
                                   .error = ERROR_NETWORK_ERROR,
                                   .put = time,
                                   .until = time + FAILED_TTL};
    cache_put(forward->cache, key, &answer);
    cached(p, &answer);
}

static void
outcome_answer(const struct passage *p, enum exchange_outcome outcome, const struct cache_key *key,
               const struct relay *relay)
{
    struct forward *forward = p->forward;
    struct cache_answer answer;
    switch (outcome) {
    case EXCHANGE_ANSWERED:
        answer = *relay_answer(relay);
        answer.put = now_seconds(forward);
        answer.until = G_MAXINT64;
        cached(p, &answer);
        break;
    case EXCHANGE_DEAD:
        without_uplink(p, key, FOREIGN_TTL, ERROR_NO_REACHABLE_AUTHORITY);
        break;
    case EXCHANGE_SLOW:
        forward->counted.slow++;
        without_uplink(p, key, FOREIGN_SLOW_TTL, ERROR_NETWORK_ERROR);
        break;
    case EXCHANGE_FAILED:
        failed(p, key);
        break;
    }
}

/* An answer that came, and whom it is for. */
struct arrival {
    struct forward *forward;
    enum exchange_outcome outcome;
    const struct cache_key *key;
    const struct relay *relay;
};

/* A chain that leads to another name by now is not followed a second time. */
static gboolean
write_arrival(gpointer context, struct reply *reply, const struct name *name)
{
    const struct arrival *arrival = context;
    const struct passage p = {arrival->forward, reply, name};
    if (name_equal(name, &arrival->key->name))
        outcome_answer(&p, arrival->outcome, arrival->key, arrival->relay);
    else
        absent(&p, FOREIGN_SLOW_TTL, ERROR_NETWORK_ERROR);
    return TRUE;
}

static void
serve(void *context, enum exchange_outcome outcome, const struct cache_key *key,
      const struct relay *relay, const struct waiter *waiter)
{
    struct forward *forward = context;
    gboolean udp = waiter->asker.tcp == NULL;
    struct arrival arrival = {forward, outcome, key, relay};
    const struct answer_beyond beyond = {write_arrival, &arrival};
    struct reply reply;
    reply_begin(&reply, &waiter->query, &waiter->options, udp, forward->out,
                udp ? QUERY_UDP_MAX : sizeof forward->out);
    if (name_equal(&waiter->query.name, &key->name))
        write_arrival(&arrival, &reply, &key->name);
    else if (forward->world.again(forward->world.context, &reply, &beyond) != ANSWER_WRITTEN)
        foreign_code(&reply, RCODE_SERVFAIL, ERROR_NOT_READY); /* the zone has gone */
    asker_send(&waiter->asker, forward->out, reply_end(&reply));
}

/* ---- time ---- */

static void
arm(struct forward *forward, gint64 due)
{
    if (due >= forward->armed)
        return;
    forward->armed = due;
    gint64 wait = MAX(due - now(forward), 0);
    const struct timeval in = {wait / G_TIME_SPAN_SECOND, wait % G_TIME_SPAN_SECOND};
    event_add(forward->timer, &in);
}

void
forward_tick(struct forward *forward)
{
    gint64 due = G_MAXINT64;
    forward->armed = G_MAXINT64;
    for (guint i = 0; i < forward->upstreams->len; i++)
        due = MIN(due, upstream_tick(g_ptr_array_index(forward->upstreams, i)));
    due = MIN(due, exchanges_tick(forward->exchanges));
    if (due < G_MAXINT64)
        arm(forward, due);
}

static void
on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    forward_tick(context);
}

/* Something may be due sooner than was known: nothing new is before that. */
static void
look_again(struct forward *forward)
{
    arm(forward, now(forward) + UPSTREAM_PULSE_MIN / 2);
}

/* ---- health ---- */

static void
tell(struct forward *forward, struct upstream *upstream, enum upstream_state before)
{
    enum upstream_state state = upstream_state(upstream);
    const char *text = upstream_text(upstream);
    g_autofree char *name = g_strdup_printf("forwarder %s", text);
    if (state == UPSTREAM_ALIVE)
        log_info("forwarder %s answers, in %.1f ms", text,
                 (double)upstream_round_trip(upstream) / 1000.0);
    else if (state == UPSTREAM_DEAD)
        log_notice("forwarder %s does not reach the Internet; it is probed again", text);
    if (forward->world.alert == NULL || (state == UPSTREAM_LOOP) == (before == UPSTREAM_LOOP))
        return;
    g_autofree char *loop =
        g_strdup_printf("forwarder %s leads back to this server: it is not asked", text);
    forward->world.alert(forward->world.context, name, state == UPSTREAM_LOOP ? loop : "");
}

static void
on_changed(void *context, struct upstream *upstream, enum upstream_state before)
{
    struct forward *forward = context;
    if (upstream_state(upstream) != before)
        tell(forward, upstream, before);
    exchanges_changed(forward->exchanges);
    look_again(forward);
}

/* Whether it is a probe that one of our own forwarders sent back to us. */
static gboolean
saw_ourselves(struct forward *forward, const struct query *query)
{
    gboolean seen = FALSE;
    for (guint i = 0; i < forward->upstreams->len && !seen; i++)
        seen = upstream_saw(g_ptr_array_index(forward->upstreams, i), query);
    return seen;
}

/* ---- queries ---- */

static gboolean
is_inside(const struct forward *forward, const struct asker *asker)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&asker->address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&asker->address;
    const GArray *networks = forward->config->networks;
    if (asker->address.ss_family == AF_INET)
        return config_networks_have(networks, AF_INET, &in->sin_addr);
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return config_networks_have(networks, AF_INET, in6->sin6_addr.s6_addr + 12);
    return config_networks_have(networks, AF_INET6, &in6->sin6_addr);
}

static gboolean
can_be_forwarded(guint16 type)
{
    return type == TYPE_ANY ||
           (type != 0 && type != TYPE_OPT && (type < TYPE_META_FIRST || type > TYPE_META_LAST));
}

/* FALSE: the reply is not to be sent, as one goes through the asker later. */
static gboolean
ask_upstream(const struct passage *p, const struct cache_key *key, const struct asker *asker)
{
    struct forward *forward = p->forward;
    for (guint i = 0; i < forward->upstreams->len; i++)
        upstream_wanted(g_ptr_array_index(forward->upstreams, i));
    if (!exchanges_can_ask(forward->exchanges)) {
        look_again(forward);
        without_uplink(p, key, FOREIGN_TTL, ERROR_NO_REACHABLE_AUTHORITY);
        return TRUE;
    }
    if (!exchanges_join(forward->exchanges, key, asker, p->reply->query, p->reply->options)) {
        forward->counted.full++;
        without_uplink(p, key, FOREIGN_SLOW_TTL, ERROR_NETWORK_ERROR);
        return TRUE;
    }
    look_again(forward);
    return FALSE;
}

static gboolean
from_internet(const struct passage *p, const struct asker *asker)
{
    struct forward *forward = p->forward;
    const struct query *query = p->reply->query;
    const struct cache_key key = {.name = *p->name,
                                  .type = query->type,
                                  .dnssec_ok = query->dnssec_ok,
                                  .checking_disabled = (query->flags & FLAG_CD) != 0};
    struct cache_answer answer;
    if (cache_get(forward->cache, &key, now_seconds(forward), &answer) &&
        now_seconds(forward) < answer.until) {
        forward->counted.hits++;
        cached(p, &answer);
        return TRUE;
    }
    if ((query->flags & FLAG_RD) == 0) {
        foreign_code(p->reply, RCODE_REFUSED, ERROR_NOT_AUTHORITATIVE);
        return TRUE;
    }
    forward->counted.misses++;
    return ask_upstream(p, &key, asker);
}

static gboolean
find(const struct passage *p, const struct asker *asker)
{
    struct forward *forward = p->forward;
    if (special_answer(forward->special, p->name, is_parent(forward, p->name), p->reply)) {
        forward->counted.special++;
        return TRUE;
    }
    return from_internet(p, asker);
}

static gboolean
answer(const struct passage *p, const struct asker *asker)
{
    struct forward *forward = p->forward;
    const struct query *query = p->reply->query;
    if (saw_ourselves(forward, query)) {
        absent(p, FOREIGN_SLOW_TTL, ERROR_NO_REACHABLE_AUTHORITY);
    } else if (!is_inside(forward, asker)) {
        forward->counted.refused++;
        foreign_code(p->reply, RCODE_REFUSED, ERROR_PROHIBITED);
    } else if (query->class != CLASS_IN) {
        foreign_code(p->reply, RCODE_REFUSED, ERROR_NOT_AUTHORITATIVE);
    } else if (!can_be_forwarded(query->type)) {
        foreign_code(p->reply, RCODE_NOTIMP, ERROR_NONE);
    } else {
        return find(p, asker);
    }
    return TRUE;
}

gsize
forward_answer(struct forward *forward, const struct asker *asker, const struct query *query,
               const struct reply_options *options, guint8 *out, gsize room)
{
    struct reply reply;
    const struct passage p = {forward, &reply, &query->name};
    forward->counted.queries++;
    reply_begin(&reply, query, options, asker->tcp == NULL, out, room);
    return answer(&p, asker) ? reply_end(&reply) : 0;
}

gboolean
forward_follow(struct forward *forward, const struct asker *asker, struct reply *reply,
               const struct name *name)
{
    const struct query *query = reply->query;
    const struct passage p = {forward, reply, name};
    /* What comes later is not signed: who signs his queries gets what is ours alone. */
    if ((query->flags & FLAG_RD) == 0 || query->tsig > 0 || !is_inside(forward, asker) ||
        !can_be_forwarded(query->type))
        return TRUE;
    forward->counted.followed++;
    return find(&p, asker);
}

/* ---- begin, end, tell ---- */

struct forward *
forward_new(const struct forward_world *world, const struct config_dns *config)
{
    struct forward *forward = g_new0(struct forward, 1);
    forward->world = *world;
    if (forward->world.now == NULL)
        forward->world.now = boot_clock;
    forward->config = config;
    forward->armed = G_MAXINT64;
    forward->timer = evtimer_new(world->events, on_timer, forward);
    forward->relay = relay_new();
    forward->cache = cache_new(CACHE_BYTES);
    forward->special = special_new();
    forward->upstreams = g_ptr_array_new_with_free_func((GDestroyNotify)upstream_free);
    const struct exchange_world exchanges = {.events = world->events,
                                             .now = now,
                                             .learn = learn,
                                             .serve = serve,
                                             .context = forward,
                                             .asks = world->questions};
    forward->exchanges = exchanges_new(&exchanges, forward->upstreams);
    const struct upstream_world upstreams = {
        .events = world->events, .now = now, .changed = on_changed, .context = forward};
    for (guint i = 0; i < config->forwarders->len; i++) {
        const struct config_peer *peer = &g_array_index(config->forwarders, struct config_peer, i);
        g_ptr_array_add(forward->upstreams, upstream_new(&upstreams, peer));
    }
    forward_tick(forward);
    return forward;
}

void
forward_free(struct forward *forward)
{
    if (forward == NULL)
        return;
    exchanges_free(forward->exchanges);
    g_ptr_array_unref(forward->upstreams);
    special_free(forward->special);
    cache_free(forward->cache);
    relay_free(forward->relay);
    event_free(forward->timer);
    g_free(forward);
}

void
forward_append_forwarders(const struct forward *forward, GString *json)
{
    json_text_member_array(json, "forwarders");
    for (guint i = 0; i < forward->upstreams->len; i++)
        upstream_json(g_ptr_array_index(forward->upstreams, i), json);
    json_text_end_array(json);
}

void
forward_append_numbers(const struct forward *forward, GString *json)
{
    json_text_member_object(json, "others"); /* names that are not ours */
    json_text_member_unsigned(json, "queries", forward->counted.queries);
    json_text_member_unsigned(json, "followed", forward->counted.followed); /* chains of ours */
    json_text_member_unsigned(json, "refused", forward->counted.refused);
    json_text_member_unsigned(json, "special", forward->counted.special);
    json_text_member_unsigned(json, "absent", forward->counted.absent);
    json_text_member_unsigned(json, "slow", forward->counted.slow);
    json_text_member_unsigned(json, "failed", forward->counted.failed);
    json_text_member_unsigned(json, "full", forward->counted.full);
    json_text_member_unsigned(json, "asking", forward_waiting(forward));
    json_text_end_object(json);
    json_text_member_object(json, "cache");
    json_text_member_unsigned(json, "answers", cache_count(forward->cache));
    json_text_member_unsigned(json, "bytes", cache_bytes(forward->cache));
    json_text_member_unsigned(json, "hits", forward->counted.hits);
    json_text_member_unsigned(json, "misses", forward->counted.misses);
    json_text_member_unsigned(json, "stale", forward->counted.stale);
    json_text_end_object(json);
}

guint
forward_waiting(const struct forward *forward)
{
    return exchanges_count(forward->exchanges);
}
