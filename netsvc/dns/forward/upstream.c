#include "netsvc/dns/forward/upstream.h"

#include "lib/base/chance.h"
#include "lib/base/jsontext.h"
#include "netsvc/bytes.h"
#include "netsvc/dns/forward/relay.h"

#include <arpa/inet.h>
#include <string.h>

#define PROBE_TRIES 2
#define PROBE_PATIENCE (400 * G_TIME_SPAN_MILLISECOND) /* while its round trip is not known */
#define QUIET_WANTED (10 * G_TIME_SPAN_SECOND) /* a living one is probed, while clients ask … */
#define QUIET_IDLE (60 * G_TIME_SPAN_SECOND)   /* … and while they do not */
#define DEAD_FIRST G_TIME_SPAN_SECOND          /* until a dead one is probed again, doubling … */
#define DEAD_LONGEST (30 * G_TIME_SPAN_SECOND)
#define DEAD_WANTED (3 * G_TIME_SPAN_SECOND) /* … but no longer than that while clients ask */
#define LOOP_AGAIN (60 * G_TIME_SPAN_SECOND)
#define FRESH (2 * G_TIME_SPAN_SECOND)
#define DNS_PORT 53
#define RECORD_HEAD 10 /* type, class, TTL, size of the data */

/* Random labels below a name that is reserved (RFC 2606) and well served; not below one of the
 * special names, which a server would answer by itself. */
#define PROBE_DOMAIN "example.com"
#define SECRET_HEX 16 /* digits that are the same in each label, by which we know it again */
#define LABEL_HEX (SECRET_HEX + 8)

/* RFC 6298 2; all zero: not known. */
struct round_trip {
    gint64 smoothed, variation;
};

struct upstream {
    struct upstream_world world;
    struct config_peer peer;
    char text[INET6_ADDRSTRLEN + sizeof "[]:65535"];
    enum upstream_state state;
    struct round_trip answers, pulses;
    gint64 good, shown, wanted; /* when that was last */
    gboolean edns, keeps_case;

    struct ask *pulse;
    gint64 pulse_sent;
    struct ask *probe;
    gint64 probe_sent, probe_began, probe_until;
    guint probe_tries;
    guint8 probe_wire[ASK_SIZE_MAX];
    gsize probe_end;
    gboolean probe_edns;
    gint64 again, interval; /* when, where it is dead or a loop, and how long after the last one */
    char secret[SECRET_HEX + 1];
    guint32 count;

    guint64 asked, answered, doubted;
};

/* ---- asking ---- */

/* Each letter large or small by chance: more that a stranger must guess. */
static void
mix_case(guint8 *name, gsize size)
{
    guint8 chance[NAME_SIZE_MAX];
    chance_bytes(chance, size);
    for (gsize i = 0; i < size; i++)
        if (g_ascii_islower(name[i]) && (chance[i] & 1) != 0)
            name[i] = (guint8)g_ascii_toupper((char)name[i]);
}

/* Gives the size of the whole. */
static gsize
write_question(const struct cache_key *key, gboolean mixed, gboolean edns,
               guint8 wire[ASK_SIZE_MAX], gsize *end)
{
    memset(wire, 0, HEADER_SIZE);
    chance_bytes(wire, 2);
    bytes_put16(wire + 2, FLAG_RD | (key->checking_disabled ? FLAG_CD : 0u));
    bytes_put16(wire + 4, 1);
    guint8 *at = wire + HEADER_SIZE;
    memcpy(at, key->name.wire, key->name.size);
    if (mixed)
        mix_case(at, key->name.size);
    at += key->name.size;
    bytes_put16(at, key->type);
    bytes_put16(at + 2, CLASS_IN);
    at += 4;
    *end = (gsize)(at - wire);
    if (!edns)
        return *end;
    const guint8 opt[] = {
        0, 0, TYPE_OPT, QUERY_UDP_MAX >> 8, QUERY_UDP_MAX & 255, 0, 0, key->dnssec_ok ? 0x80 : 0,
        0, 0, 0};
    bytes_put16(wire + 10, 1);
    memcpy(at, opt, sizeof opt);
    return *end + sizeof opt;
}

static struct ask_to
ask_to(const struct upstream *upstream)
{
    return (struct ask_to){(const struct sockaddr *)&upstream->peer.address, upstream->peer.size};
}

struct ask *
upstream_ask(struct upstream *upstream, const struct cache_key *key, ask_done *done, void *context)
{
    guint8 wire[ASK_SIZE_MAX];
    gsize end;
    gsize size = write_question(key, upstream->keeps_case, upstream->edns, wire, &end);
    const struct ask_to to = ask_to(upstream);
    upstream->asked++;
    return ask_new(upstream->world.events, &to, wire, size, end, !upstream->keeps_case, done,
                   context);
}

static void
measure(struct round_trip *trip, gint64 took)
{
    took = MAX(took, 1);
    if (trip->smoothed == 0) {
        *trip = (struct round_trip){took, took / 2};
        return;
    }
    trip->variation += (ABS(took - trip->smoothed) - trip->variation) / 4;
    trip->smoothed = MAX(trip->smoothed + (took - trip->smoothed) / 8, 1);
}

static gint64
longest(const struct round_trip *trip)
{
    return trip->smoothed + 4 * trip->variation;
}

gint64
upstream_round_trip(const struct upstream *upstream)
{
    return upstream->answers.smoothed;
}

gint64
upstream_patience(const struct upstream *upstream)
{
    if (upstream->answers.smoothed == 0)
        return PROBE_PATIENCE;
    return CLAMP(longest(&upstream->answers), UPSTREAM_PATIENCE_MIN, UPSTREAM_PATIENCE_MAX);
}

static gint64
now(const struct upstream *upstream)
{
    return upstream->world.now(upstream->world.context);
}

void
upstream_shows(struct upstream *upstream)
{
    upstream->shown = now(upstream);
}

void
upstream_good(struct upstream *upstream, gint64 sent)
{
    upstream_shows(upstream);
    upstream->good = upstream->shown;
    upstream->answered++;
    measure(&upstream->answers, upstream->good - sent);
}

/* ---- pulses ---- */

gint64
upstream_pulse_patience(const struct upstream *upstream)
{
    return CLAMP(longest(&upstream->pulses), UPSTREAM_PULSE_MIN, UPSTREAM_PULSE_MAX);
}

gboolean
upstream_showed(const struct upstream *upstream, gint64 since)
{
    return upstream->shown > since;
}

static void
pulse_done(void *context, enum ask_outcome outcome, const guint8 *wire, gsize size)
{
    struct upstream *upstream = context;
    (void)wire;
    (void)size;
    if (outcome == ASK_ANSWERED) {
        upstream_shows(upstream);
        measure(&upstream->pulses, upstream->shown - upstream->pulse_sent);
    }
    g_clear_pointer(&upstream->pulse, ask_free);
}

/* One that is on its way is waited for, unless it must be lost. */
void
upstream_pulse(struct upstream *upstream)
{
    const struct cache_key root = {.name = {.size = 1}, .type = TYPE_NS};
    const struct ask_to to = ask_to(upstream);
    guint8 wire[ASK_SIZE_MAX];
    gsize end;
    if (upstream->pulse != NULL && now(upstream) - upstream->pulse_sent < UPSTREAM_PULSE_MAX)
        return;
    ask_free(upstream->pulse);
    gsize size = write_question(&root, FALSE, upstream->edns, wire, &end);
    upstream->pulse_sent = now(upstream);
    upstream->pulse =
        ask_new(upstream->world.events, &to, wire, size, end, TRUE, pulse_done, upstream);
}

gboolean
upstream_is_fresh(const struct upstream *upstream)
{
    return upstream->state == UPSTREAM_ALIVE && now(upstream) - upstream->good < FRESH;
}

/* ---- health ---- */

static void
enter(struct upstream *upstream, enum upstream_state state)
{
    enum upstream_state before = upstream->state;
    gint64 time = now(upstream);
    upstream->state = state;
    if (state == UPSTREAM_DEAD) {
        upstream->interval =
            before == UPSTREAM_DEAD ? MIN(upstream->interval * 2, DEAD_LONGEST) : DEAD_FIRST;
        upstream->again = time + upstream->interval;
    } else if (state == UPSTREAM_LOOP) {
        upstream->again = time + LOOP_AGAIN;
    }
    upstream->world.changed(upstream->world.context, upstream, before);
}

static void probe_done(void *context, enum ask_outcome outcome, const guint8 *wire, gsize size);

static void
send_probe(struct upstream *upstream)
{
    char text[LABEL_HEX + sizeof "." PROBE_DOMAIN];
    struct cache_key key = {.type = TYPE_A};
    g_snprintf(text, sizeof text, "%s%08x." PROBE_DOMAIN, upstream->secret, upstream->count++);
    gboolean good = name_from_text(&key.name, text);
    g_assert(good);
    upstream->probe_edns = upstream->probe_tries == 0;
    gsize size = write_question(&key, TRUE, upstream->probe_edns, upstream->probe_wire,
                                &upstream->probe_end);
    const struct ask_to to = ask_to(upstream);
    upstream->probe_sent = now(upstream);
    upstream->probe_until =
        upstream->probe_sent + (upstream_patience(upstream) << upstream->probe_tries);
    upstream->probe_tries++;
    upstream->probe = ask_new(upstream->world.events, &to, upstream->probe_wire, size,
                              upstream->probe_end, TRUE, probe_done, upstream);
}

static void
begin_probe(struct upstream *upstream)
{
    if (upstream->probe != NULL)
        return;
    upstream->probe_tries = 0;
    upstream->probe_began = now(upstream);
    send_probe(upstream);
    upstream_pulse(upstream);
}

/* Not alive by this one; unless a client's question was answered meanwhile. */
static void
probe_failed(struct upstream *upstream)
{
    g_clear_pointer(&upstream->probe, ask_free);
    if (upstream->probe_tries < PROBE_TRIES) {
        send_probe(upstream);
        return;
    }
    if (upstream->state == UPSTREAM_ALIVE && upstream->good >= upstream->probe_began)
        enter(upstream, UPSTREAM_ALIVE);
    else
        enter(upstream, upstream->state == UPSTREAM_LOOP ? UPSTREAM_LOOP : UPSTREAM_DEAD);
}

/* That there is no such name, in foreign.h's words: one of our kind that has no uplink itself. The
 * record's names are all the root's, which no SOA record of the Internet's has. */
static gboolean
is_foreign(const guint8 *wire, gsize size, gsize end)
{
    static const guint8 no_answers_but_soa[] = {0, 0, 0, 1};
    static const guint8 soa_of_root[] = {0, 0, TYPE_SOA, 0, CLASS_IN};
    static const guint8 names_of_root[] = {0, 0};
    return size >= end + 1 + RECORD_HEAD + sizeof names_of_root &&
           memcmp(wire + 6, no_answers_but_soa, sizeof no_answers_but_soa) == 0 &&
           memcmp(wire + end, soa_of_root, sizeof soa_of_root) == 0 &&
           memcmp(wire + end + 1 + RECORD_HEAD, names_of_root, sizeof names_of_root) == 0;
}

static gboolean
is_alive(const struct upstream *upstream, const guint8 *wire, gsize size)
{
    enum rcode rcode = wire[3] & RCODE_MASK;
    return (rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN || rcode == RCODE_REFUSED) &&
           !is_foreign(wire, size, upstream->probe_end);
}

static void
probe_done(void *context, enum ask_outcome outcome, const guint8 *wire, gsize size)
{
    struct upstream *upstream = context;
    if (outcome != ASK_ANSWERED || !is_alive(upstream, wire, size)) {
        probe_failed(upstream);
        return;
    }
    upstream->edns = upstream->probe_edns;
    upstream->keeps_case = memcmp(wire + HEADER_SIZE, upstream->probe_wire + HEADER_SIZE,
                                  upstream->probe_end - HEADER_SIZE) == 0;
    upstream_good(upstream, upstream->probe_sent);
    g_clear_pointer(&upstream->probe, ask_free);
    enter(upstream, UPSTREAM_ALIVE);
}

void
upstream_doubt(struct upstream *upstream)
{
    upstream->doubted++;
    if (upstream->state == UPSTREAM_ALIVE)
        begin_probe(upstream);
}

void
upstream_wanted(struct upstream *upstream)
{
    upstream->wanted = now(upstream);
    if (upstream->state == UPSTREAM_DEAD)
        upstream->again = MIN(upstream->again, upstream->probe_sent + DEAD_WANTED);
}

gboolean
upstream_saw(struct upstream *upstream, const struct query *query)
{
    const guint8 *wire = query->name.wire;
    if (wire[0] != LABEL_HEX || memcmp(wire + 1, upstream->secret, SECRET_HEX) != 0)
        return FALSE;
    g_clear_pointer(&upstream->probe, ask_free);
    enter(upstream, UPSTREAM_LOOP);
    return TRUE;
}

/* When a pulse that is on its way must be lost. */
static gint64
pulse_ends(const struct upstream *upstream)
{
    return upstream->pulse != NULL ? upstream->pulse_sent + upstream_pulse_patience(upstream)
                                   : G_MAXINT64;
}

static gint64
due(const struct upstream *upstream, gint64 time)
{
    if (upstream->probe != NULL)
        return upstream->probe_until;
    if (upstream->state != UPSTREAM_ALIVE)
        return upstream->again;
    gboolean idle = time - upstream->wanted > QUIET_IDLE;
    gint64 quiet = MAX(upstream->good, upstream->probe_sent) + (idle ? QUIET_IDLE : QUIET_WANTED);
    return MIN(quiet, pulse_ends(upstream));
}

gint64
upstream_tick(struct upstream *upstream)
{
    gint64 time = now(upstream);
    if (due(upstream, time) <= time) {
        if (pulse_ends(upstream) <= time)
            g_clear_pointer(&upstream->pulse, ask_free);
        if (upstream->probe != NULL)
            probe_failed(upstream);
        else
            begin_probe(upstream);
    }
    return due(upstream, time);
}

/* ---- begin, end, tell ---- */

static void
write_text(struct upstream *upstream)
{
    char address[INET6_ADDRSTRLEN] = "?";
    guint port;
    gboolean six = upstream->peer.address.ss_family == AF_INET6;
    if (six) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&upstream->peer.address;
        inet_ntop(AF_INET6, &in6->sin6_addr, address, sizeof address);
        port = ntohs(in6->sin6_port);
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&upstream->peer.address;
        inet_ntop(AF_INET, &in->sin_addr, address, sizeof address);
        port = ntohs(in->sin_port);
    }
    if (port == DNS_PORT)
        g_snprintf(upstream->text, sizeof upstream->text, "%s", address);
    else if (six)
        g_snprintf(upstream->text, sizeof upstream->text, "[%s]:%u", address, port);
    else
        g_snprintf(upstream->text, sizeof upstream->text, "%s:%u", address, port);
}

struct upstream *
upstream_new(const struct upstream_world *world, const struct config_peer *peer)
{
    struct upstream *upstream = g_new0(struct upstream, 1);
    guint64 secret;
    upstream->world = *world;
    upstream->peer = *peer;
    upstream->wanted = world->now(world->context);
    write_text(upstream);
    chance_bytes(&secret, sizeof secret);
    g_snprintf(upstream->secret, sizeof upstream->secret, "%016" G_GINT64_MODIFIER "x", secret);
    begin_probe(upstream);
    return upstream;
}

void
upstream_free(struct upstream *upstream)
{
    if (upstream == NULL)
        return;
    ask_free(upstream->probe);
    ask_free(upstream->pulse);
    g_free(upstream);
}

enum upstream_state
upstream_state(const struct upstream *upstream)
{
    return upstream->state;
}

const char *
upstream_text(const struct upstream *upstream)
{
    return upstream->text;
}

void
upstream_json(const struct upstream *upstream, GString *json)
{
    static const char *const states[] = {"unknown", "alive", "dead", "loop"};
    json_text_begin_object(json);
    json_text_member_string(json, "address", upstream->text);
    json_text_member_string(json, "state", states[upstream->state]);
    json_text_member_decimal(json, "milliseconds", (double)upstream->answers.smoothed / 1000.0);
    json_text_member_boolean(json, "edns", upstream->edns);
    json_text_member_unsigned(json, "asked", upstream->asked);
    json_text_member_unsigned(json, "answered", upstream->answered);
    json_text_member_unsigned(json, "doubted", upstream->doubted);
    json_text_end_object(json);
}
