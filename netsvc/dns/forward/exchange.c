#include "netsvc/dns/forward/exchange.h"

#include <string.h>

struct exchange;

/* One try: the question to one server. */
struct
try {
    struct exchange *exchange;
    struct upstream *upstream;
    struct ask *ask; /* NULL: it ended without an answer */
    gint64 sent;
};

struct exchange {
    struct cache_key key; /* first: it is its own key in the table */
    struct exchanges *all;
    GPtrArray *waiters; /* struct waiter */
    struct try tries[EXCHANGE_TRIES];
    guint count; /* of tries */
    gint64 began, next_try;
    gint64 pulse;    /* when silence gets suspicious; G_MAXINT64: it was looked into */
    gboolean silent; /* nobody showed in time: nobody waits for it any more */
    gboolean failed; /* a server has no answer */
    gboolean helped; /* … and that was not since it refuses */
};

struct exchanges {
    struct exchange_world world;
    const GPtrArray *upstreams;
    struct relay *relay;
    GHashTable *table; /* struct exchange */
    guint waiters, asks;
    guint max, asks_max;
};

static gint64
now(const struct exchanges *all)
{
    return all->world.now(all->world.context);
}

/* ---- the end of one ---- */

static void
serve(struct exchange *exchange, enum exchange_outcome outcome)
{
    struct exchanges *all = exchange->all;
    const struct relay *relay = outcome == EXCHANGE_ANSWERED ? all->relay : NULL;
    for (guint i = 0; i < exchange->waiters->len; i++)
        all->world.serve(all->world.context, outcome, &exchange->key, relay,
                         g_ptr_array_index(exchange->waiters, i));
    all->waiters -= exchange->waiters->len;
    g_ptr_array_set_size(exchange->waiters, 0);
}

static void
end_try(struct try *try)
{
    if (try->ask == NULL)
        return;
    g_clear_pointer(&try->ask, ask_free);
    try->exchange->all->asks--;
}

static void
exchange_free(gpointer pointer)
{
    struct exchange *exchange = pointer;
    for (guint i = 0; i < exchange->count; i++)
        end_try(&exchange->tries[i]);
    exchange->all->waiters -= exchange->waiters->len;
    g_ptr_array_unref(exchange->waiters);
    g_free(exchange);
}

static void
end(struct exchange *exchange, enum exchange_outcome outcome)
{
    serve(exchange, outcome);
    g_hash_table_remove(exchange->all->table, &exchange->key);
}

/* ---- which server ---- */

/* Among the first `count` tries. */
static gboolean
was_tried_before(const struct exchange *exchange, const struct upstream *upstream, guint count)
{
    for (guint i = 0; i < count; i++)
        if (exchange->tries[i].upstream == upstream)
            return TRUE;
    return FALSE;
}

/* The quickest that lives; NULL: none. `again`: those that were asked already, too. */
static struct upstream *
best(const struct exchange *exchange, gboolean again)
{
    const GPtrArray *upstreams = exchange->all->upstreams;
    struct upstream *found = NULL;
    for (guint i = 0; i < upstreams->len; i++) {
        struct upstream *upstream = g_ptr_array_index(upstreams, i);
        if (upstream_state(upstream) != UPSTREAM_ALIVE ||
            (!again && was_tried_before(exchange, upstream, exchange->count)))
            continue;
        if (found == NULL || upstream_round_trip(upstream) < upstream_round_trip(found))
            found = upstream;
    }
    return found;
}

static gboolean
any_in(const struct exchanges *all, enum upstream_state state)
{
    for (guint i = 0; i < all->upstreams->len; i++)
        if (upstream_state(g_ptr_array_index(all->upstreams, i)) == state)
            return TRUE;
    return FALSE;
}

gboolean
exchanges_can_ask(const struct exchanges *all)
{
    return any_in(all, UPSTREAM_ALIVE) || any_in(all, UPSTREAM_UNKNOWN);
}

static gboolean
any_fresh(const struct exchanges *all)
{
    for (guint i = 0; i < all->upstreams->len; i++)
        if (upstream_is_fresh(g_ptr_array_index(all->upstreams, i)))
            return TRUE;
    return FALSE;
}

/* ---- tries ---- */

static void on_done(void *context, enum ask_outcome outcome, const guint8 *wire, gsize size);

/* FALSE: there is nobody to ask, or not now. `again` as in best. */
static gboolean
try_next(struct exchange *exchange, gboolean again)
{
    struct exchanges *all = exchange->all;
    exchange->next_try = G_MAXINT64;
    if (exchange->count == EXCHANGE_TRIES || all->asks == all->asks_max)
        return FALSE;
    struct upstream *upstream = best(exchange, FALSE);
    if (upstream == NULL && again)
        upstream = best(exchange, TRUE);
    if (upstream == NULL)
        return FALSE;
    struct try *try = &exchange->tries[exchange->count];
    *try = (struct try){.exchange = exchange, .upstream = upstream, .sent = now(all)};
    try->ask = upstream_ask(upstream, &exchange->key, on_done, try);
    exchange->next_try = try->sent + (upstream_patience(upstream) << exchange->count);
    exchange->pulse = try->sent + upstream_pulse_patience(upstream) / 2;
    exchange->count++;
    all->asks++;
    return TRUE;
}

/* Whether a living server is still to answer. */
static gboolean
is_asked(const struct exchange *exchange)
{
    for (guint i = 0; i < exchange->count; i++)
        if (exchange->tries[i].ask != NULL &&
            upstream_state(exchange->tries[i].upstream) == UPSTREAM_ALIVE)
            return TRUE;
    return FALSE;
}

/* After a change: goes on, or ends it. It may be gone then. */
static void
settle(struct exchange *exchange)
{
    if (is_asked(exchange))
        return;
    if (try_next(exchange, !exchange->failed))
        return;
    if (!exchanges_can_ask(exchange->all))
        end(exchange, EXCHANGE_DEAD);
    else if (exchange->failed && any_fresh(exchange->all))
        end(exchange, exchange->helped ? EXCHANGE_FAILED : EXCHANGE_DEAD);
}

static void
on_done(void *context, enum ask_outcome outcome, const guint8 *wire, gsize size)
{
    struct try *try = context;
    struct exchange *exchange = try->exchange;
    struct exchanges *all = exchange->all;
    enum relay_outcome read = RELAY_BROKEN;
    if (outcome == ASK_ANSWERED)
        read = relay_read(all->relay, &exchange->key, wire, size);
    if (read == RELAY_GOOD) {
        upstream_good(try->upstream, try->sent);
        all->world.learn(all->world.context, &exchange->key, all->relay);
        end(exchange, EXCHANGE_ANSWERED);
        return;
    }
    end_try(try);
    if (outcome == ASK_ANSWERED)
        upstream_shows(try->upstream);
    if (outcome != ASK_UNREACHABLE)
        exchange->failed = TRUE;
    if (read != RELAY_REFUSED)
        exchange->helped = TRUE;
    if (!upstream_is_fresh(try->upstream) || outcome == ASK_UNREACHABLE)
        upstream_doubt(try->upstream);
    settle(exchange);
}

/* ---- all ---- */

struct exchanges *
exchanges_new(const struct exchange_world *world, const GPtrArray *upstreams)
{
    struct exchanges *all = g_new0(struct exchanges, 1);
    all->world = *world;
    all->asks_max = world->asks > 0 ? world->asks : EXCHANGE_ASKS_MAX;
    all->max = MAX(all->asks_max * EXCHANGES_MAX / EXCHANGE_ASKS_MAX, 1);
    all->upstreams = upstreams;
    all->relay = relay_new();
    all->table = g_hash_table_new_full(cache_key_hash, cache_key_equal, NULL, exchange_free);
    return all;
}

void
exchanges_free(struct exchanges *all)
{
    if (all == NULL)
        return;
    g_hash_table_destroy(all->table);
    relay_free(all->relay);
    g_free(all);
}

static void
wait_for(struct exchange *exchange, const struct asker *asker, const struct query *query,
         const struct reply_options *options)
{
    static const struct reply_options no_options;
    struct waiter *waiter = g_new(struct waiter, 1);
    waiter->asker = *asker;
    waiter->query = *query;
    waiter->options = options != NULL ? *options : no_options;
    g_assert(query->question_end <= sizeof waiter->wire);
    memcpy(waiter->wire, query->wire, query->question_end);
    waiter->query.wire = waiter->wire;
    waiter->query.size = query->question_end;
    waiter->query.cookie = NULL; /* what is answered to it is in the options */
    waiter->query.cookie_size = 0;
    waiter->query.tsig = waiter->query.authority = 0;
    g_ptr_array_add(exchange->waiters, waiter);
    exchange->all->waiters++;
}

static struct exchange *
exchange_new(struct exchanges *all, const struct cache_key *key)
{
    struct exchange *exchange = g_new0(struct exchange, 1);
    exchange->key = *key;
    exchange->all = all;
    exchange->waiters = g_ptr_array_new_with_free_func(g_free);
    exchange->began = now(all);
    exchange->pulse = G_MAXINT64;
    g_hash_table_add(all->table, exchange);
    try_next(exchange, FALSE);
    return exchange;
}

static gboolean
is_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    const struct sockaddr_in *in_a = (const struct sockaddr_in *)a;
    const struct sockaddr_in *in_b = (const struct sockaddr_in *)b;
    const struct sockaddr_in6 *in6_a = (const struct sockaddr_in6 *)a;
    const struct sockaddr_in6 *in6_b = (const struct sockaddr_in6 *)b;
    if (a->ss_family != b->ss_family)
        return FALSE;
    return a->ss_family == AF_INET6 ? IN6_ARE_ADDR_EQUAL(&in6_a->sin6_addr, &in6_b->sin6_addr)
                                    : in_a->sin_addr.s_addr == in_b->sin_addr.s_addr;
}

/* Whether there is room for one more question of that client, so that one that asks for thousands
 * of random names does not take the Internet from the others. */
static gboolean
has_room(const struct exchanges *all, const struct asker *asker)
{
    guint taken = g_hash_table_size(all->table), own = 0;
    GHashTableIter iter;
    gpointer key;
    if (all->asks == all->asks_max)
        return FALSE;
    if (taken < all->max / 2 || taken == all->max)
        return taken < all->max;
    g_hash_table_iter_init(&iter, all->table);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const struct exchange *exchange = key;
        const struct waiter *first =
            exchange->waiters->len > 0 ? g_ptr_array_index(exchange->waiters, 0) : NULL;
        own += first != NULL && is_same_host(&first->asker.address, &asker->address);
    }
    return own < EXCHANGE_SHARE;
}

gboolean
exchanges_join(struct exchanges *all, const struct cache_key *key, const struct asker *asker,
               const struct query *query, const struct reply_options *options)
{
    if (all->waiters == EXCHANGE_WAITERS_MAX)
        return FALSE;
    struct exchange *exchange = g_hash_table_lookup(all->table, key);
    if (exchange == NULL) {
        if (!has_room(all, asker))
            return FALSE;
        exchange = exchange_new(all, key);
    } else if (exchange->silent || now(all) - exchange->began >= EXCHANGE_PATIENCE) {
        return FALSE; /* others have waited long enough for that */
    }
    wait_for(exchange, asker, query, options);
    return TRUE;
}

/* As they are now, so that they can end while all are gone through. */
static GPtrArray *
list(const struct exchanges *all)
{
    GPtrArray *exchanges = g_ptr_array_sized_new(g_hash_table_size(all->table));
    GHashTableIter iter;
    gpointer exchange;
    g_hash_table_iter_init(&iter, all->table);
    while (g_hash_table_iter_next(&iter, &exchange, NULL))
        g_ptr_array_add(exchanges, exchange);
    return exchanges;
}

void
exchanges_changed(struct exchanges *all)
{
    g_autoptr(GPtrArray) exchanges = list(all);
    for (guint i = 0; i < exchanges->len; i++)
        settle(g_ptr_array_index(exchanges, i));
}

/* Whether one of the servers has shown since it was asked. */
static gboolean
is_shown(const struct exchange *exchange)
{
    for (guint i = 0; i < exchange->count; i++)
        if (upstream_showed(exchange->tries[i].upstream, exchange->tries[i].sent))
            return TRUE;
    return FALSE;
}

/* When a sign of life must have come, if there is life: each server has its time, once. */
static gint64
silence_ends(const struct exchange *exchange)
{
    gint64 end = exchange->began + UPSTREAM_PULSE_MIN;
    for (guint i = 0; i < exchange->count; i++) {
        const struct try *try = &exchange->tries[i];
        if (!was_tried_before(exchange, try->upstream, i))
            end = MAX(end, try->sent + upstream_pulse_patience(try->upstream));
    }
    return end;
}

static void
doubt_tries(struct exchange *exchange)
{
    for (guint i = 0; i < exchange->count; i++)
        if (exchange->tries[i].ask != NULL)
            upstream_doubt(exchange->tries[i].upstream);
}

/* No answer yet: is anybody there? Meanwhile another server may be quicker. */
static void
look_for_signs(struct exchange *exchange)
{
    exchange->pulse = G_MAXINT64;
    if (is_shown(exchange))
        return;
    for (guint i = 0; i < exchange->count; i++)
        upstream_pulse(exchange->tries[i].upstream);
    gint64 next_try = exchange->next_try;
    if (!try_next(exchange, FALSE))
        exchange->next_try = next_try;
}

/* Of what nobody answers, those who wait are told. */
static void
look_at_silence(struct exchange *exchange, gint64 time)
{
    if (!exchange->silent && time >= silence_ends(exchange) && !is_shown(exchange)) {
        exchange->silent = TRUE;
        doubt_tries(exchange);
        serve(exchange, EXCHANGE_SLOW);
    }
    if (time >= exchange->began + EXCHANGE_PATIENCE)
        serve(exchange, EXCHANGE_SLOW);
}

static gint64
next_due(const struct exchange *exchange, gint64 time)
{
    gint64 over =
        exchange->began + (exchange->waiters->len > 0 ? EXCHANGE_PATIENCE : EXCHANGE_LONGEST);
    gint64 silence = silence_ends(exchange);
    gint64 due = MIN(MIN(over, exchange->next_try), exchange->pulse);
    return silence > time ? MIN(due, silence) : due;
}

/* Of one; gives when something is due next, 0: it is gone. */
static gint64
tick(struct exchange *exchange, gint64 time)
{
    if (time >= exchange->began + EXCHANGE_LONGEST) {
        end(exchange, EXCHANGE_SLOW);
        return 0;
    }
    if (time >= exchange->pulse)
        look_for_signs(exchange);
    look_at_silence(exchange, time);
    if (time >= exchange->next_try) {
        doubt_tries(exchange);
        try_next(exchange, TRUE);
    }
    return next_due(exchange, time);
}

gint64
exchanges_tick(struct exchanges *all)
{
    g_autoptr(GPtrArray) exchanges = list(all);
    gint64 next = G_MAXINT64, time = now(all);
    for (guint i = 0; i < exchanges->len; i++) {
        gint64 due = tick(g_ptr_array_index(exchanges, i), time);
        if (due > 0)
            next = MIN(next, due);
    }
    return next;
}

guint
exchanges_count(const struct exchanges *all)
{
    return g_hash_table_size(all->table);
}
