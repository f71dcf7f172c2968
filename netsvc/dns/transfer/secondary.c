#include "secondary.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/dns/transfer/apply.h"
#include "netsvc/dns/transfer/incoming.h"
#include "netsvc/dns/transfer/kept.h"
#include "netsvc/dns/transfer/peer.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define LENGTH 2             /* bytes before each message (RFC 1035, 4.2.2) */
#define AT_ONCE (128 * 1024) /* bytes that are read before others have their turn */

struct secondary {
    struct secondary_role role;
    struct name origin;
    const struct tsig_key *key;
    struct zone *zone; /* the context's; NULL: there is none */
    struct soa soa;    /* of it */
    gint64 checked;    /* boot seconds when it was known to be the newest */
    gint64 due;        /* boot seconds of the next check */
    gint64 save_due;   /* boot seconds when what is new is saved; -1: nothing is */
    gint64 saved;      /* boot seconds when it was last; -1: never */
    gboolean zone_unsaved;
    guint failures; /* of all primaries, in a row */
    char *trouble;
    struct event *timer;
    gint64 *skews; /* of each primary */

    /* ---- while it asks ---- */
    struct bufferevent *connection; /* NULL: it waits */
    struct event *deadline;
    struct incoming *incoming;
    enum incoming_kind kind;
    guint primary;         /* which one is asked */
    gboolean whole;        /* no IXFR */
    gboolean clock_learnt; /* of this primary, this time */
    gboolean again;        /* a NOTIFY came meanwhile */
    GString *errors;       /* of the primaries before */
};

static void ask_primary(struct secondary *secondary);

/* ---- time ---- */

static gint64
boot_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
}

static gint64
wall_seconds(void)
{
    return time(NULL);
}

static gint64
refresh_of(const struct secondary *secondary)
{
    return CLAMP(secondary->soa.refresh, SECONDARY_TIMER_MIN, SECONDARY_TIMER_MAX);
}

static gint64
retry_of(const struct secondary *secondary)
{
    if (secondary->zone != NULL)
        return CLAMP(secondary->soa.retry, SECONDARY_TIMER_MIN, SECONDARY_TIMER_MAX);
    gint64 wait = SECONDARY_FIRST_RETRY;
    for (guint i = 1; i < secondary->failures && wait < SECONDARY_LAST_RETRY; i++)
        wait *= 2;
    return MIN(wait, SECONDARY_LAST_RETRY);
}

static gint64
expiry_of(const struct secondary *secondary)
{
    guint32 expire = MAX(secondary->soa.expire, SECONDARY_EXPIRE_MIN);
    return secondary->checked + expire;
}

static struct kept_now
kept_now(const struct secondary *secondary)
{
    return (struct kept_now){
        .boot = secondary->role.boot(),
        .wall = secondary->role.wall(),
        .wall_sure = secondary->role.clock_is_sure,
        .boot_id = secondary->role.boot_id,
    };
}

static const char *
name_of(const struct secondary *secondary)
{
    return secondary->role.config->name;
}

/* ---- what there is ---- */

static gboolean
read_soa(const struct zone *zone, struct soa *soa)
{
    struct rrset_record record = {0};
    const struct rrset *rrset = zone_rrset(zone, zone_origin(zone), TYPE_SOA);
    return rrset != NULL && rrset_next(rrset, &record) &&
           records_soa(soa, record.rdata, record.size);
}

static void
arrive(struct secondary *secondary, struct zone *zone)
{
    gboolean good = read_soa(zone, &secondary->soa);
    g_assert(good); /* zone_finish saw to it */
    secondary->zone = zone;
    secondary->role.arrived(secondary->role.context, secondary->role.config, zone);
}

static gint64
save_interval(const struct secondary *secondary)
{
    gsize more = zone_count(secondary->zone) / SECONDARY_SAVE_RRSETS;
    return MIN(SECONDARY_SAVE_MIN + (gint64)more, SECONDARY_SAVE_MAX);
}

static void
must_save(struct secondary *secondary, gboolean zone_too)
{
    if (secondary->role.folder < 0)
        return;
    gint64 now = secondary->role.boot();
    secondary->zone_unsaved |= zone_too;
    if (secondary->save_due < 0)
        secondary->save_due =
            secondary->saved < 0 ? now : MAX(now, secondary->saved + save_interval(secondary));
}

static void
save(struct secondary *secondary)
{
    g_autoptr(GError) error = NULL;
    struct kept_now now = kept_now(secondary);
    now.boot = secondary->checked;
    now.wall -= secondary->role.boot() - secondary->checked;
    if (secondary->save_due < 0 || secondary->zone == NULL)
        return;
    secondary->save_due = -1;
    secondary->saved = secondary->role.boot();
    if ((secondary->zone_unsaved && !kept_write(secondary->role.folder, secondary->zone, &error)) ||
        !kept_write_checked(secondary->role.folder, &secondary->origin, &now, &error))
        log_warning("zone '%s' is served, but not kept for the next start: %s", name_of(secondary),
                    error->message);
    secondary->zone_unsaved = FALSE;
}

static void
hang_up(struct secondary *secondary)
{
    if (secondary->connection != NULL)
        bufferevent_free(secondary->connection);
    secondary->connection = NULL;
    incoming_free(secondary->incoming);
    secondary->incoming = NULL;
    event_del(secondary->deadline);
    secondary->clock_learnt = FALSE;
}

static void
expire(struct secondary *secondary)
{
    log_warning("zone '%s' has expired: no primary was there for too long", name_of(secondary));
    secondary->role.expired(secondary->role.context, secondary->role.config);
    secondary->zone = NULL;
    if (secondary->connection != NULL) { /* what is asked there is about what is gone */
        hang_up(secondary);
        secondary->due = secondary->role.boot();
    }
    secondary->save_due = secondary->saved = -1;
    if (secondary->role.folder >= 0)
        kept_remove(secondary->role.folder, &secondary->origin);
}

/* ---- waiting ---- */

/* The timer comes at the next of: a check, the expiry, a save. */
static void
wait_on(struct secondary *secondary)
{
    gint64 now = secondary->role.boot(), next = G_MAXINT64;
    if (secondary->connection == NULL)
        next = secondary->due;
    if (secondary->zone != NULL)
        next = MIN(next, expiry_of(secondary));
    if (secondary->save_due >= 0)
        next = MIN(next, secondary->save_due);
    if (next == G_MAXINT64) {
        event_del(secondary->timer);
        return;
    }
    struct timeval after = {.tv_sec = CLAMP(next - now, 0, SECONDARY_TIMER_MAX)};
    event_add(secondary->timer, &after);
}

void
secondary_look(struct secondary *secondary)
{
    gint64 now = secondary->role.boot();
    if (secondary->zone != NULL && now >= expiry_of(secondary))
        expire(secondary);
    if (secondary->save_due >= 0 && now >= secondary->save_due)
        save(secondary);
    if (secondary->connection == NULL && now >= secondary->due) {
        secondary->primary = 0;
        secondary->whole = FALSE;
        secondary->again = FALSE;
        g_string_truncate(secondary->errors, 0);
        ask_primary(secondary);
    }
    wait_on(secondary);
}

static void
on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    secondary_look(context);
}

/* ---- the end of asking ---- */

static void
tell_trouble(struct secondary *secondary, const char *text)
{
    if (g_strcmp0(secondary->trouble, text) == 0)
        return;
    g_free(secondary->trouble);
    secondary->trouble = g_strdup(text);
    secondary->role.trouble(secondary->role.context, secondary->role.config, text);
}

/* It is known to be the newest. */
static void
succeed(struct secondary *secondary)
{
    hang_up(secondary);
    secondary->failures = 0;
    secondary->checked = secondary->role.boot();
    secondary->due =
        secondary->checked + (secondary->again ? SECONDARY_GAP : refresh_of(secondary));
    must_save(secondary, FALSE);
    tell_trouble(secondary, NULL);
    wait_on(secondary);
}

static const struct config_peer *
peer_of(const struct secondary *secondary)
{
    return &g_array_index(secondary->role.config->primaries, struct config_peer,
                          secondary->primary);
}

/* The next primary, or in a while the first one again. */
static void
fail(struct secondary *secondary, const char *text)
{
    char address[INET6_ADDRSTRLEN];
    g_autofree char *message = fail_message(text);
    g_string_append_printf(secondary->errors, "%sprimary %s: %s",
                           secondary->errors->len > 0 ? "; " : "",
                           peer_text(&peer_of(secondary)->address, address), message);
    hang_up(secondary);
    if (++secondary->primary < secondary->role.config->primaries->len) {
        ask_primary(secondary);
        return;
    }
    secondary->failures++;
    secondary->due = secondary->role.boot() + retry_of(secondary);
    tell_trouble(secondary, secondary->errors->str);
    wait_on(secondary);
}

/* ---- asking ---- */

static void
send_request(struct secondary *secondary, enum incoming_kind kind)
{
    guint8 message[LENGTH + INCOMING_REQUEST_MAX];
    guint16 id = 0;
    struct incoming_role role = {
        .origin = &secondary->origin,
        .kind = kind,
        .serial = secondary->soa.serial,
        .key = secondary->key,
        .skew = secondary->skews[secondary->primary],
        .records_max = ZONE_RECORDS_MAX,
        .bytes_max = INCOMING_BYTES_MAX,
    };
    if (getrandom(&id, sizeof id, 0) != sizeof id)
        g_error("no random numbers");
    incoming_free(secondary->incoming);
    secondary->incoming = incoming_new(&role);
    secondary->kind = kind;
    gsize size = incoming_request(secondary->incoming, id, message + LENGTH,
                                  (guint64)secondary->role.wall());
    wire_put16(message, (guint)size);
    bufferevent_write(secondary->connection, message, size + LENGTH);
}

static void
ask_for_zone(struct secondary *secondary)
{
    gboolean changes = secondary->zone != NULL && !secondary->whole;
    send_request(secondary, changes ? INCOMING_IXFR : INCOMING_AXFR);
}

/* IXFR led nowhere. */
static void
ask_for_whole(struct secondary *secondary)
{
    secondary->whole = TRUE;
    ask_for_zone(secondary);
}

static void
take_zone(struct secondary *secondary, const struct content *content)
{
    char address[INET6_ADDRSTRLEN];
    g_autoptr(GError) error = NULL;
    struct zone *zone = content_to_zone(content, &secondary->origin, &error);
    if (zone == NULL) {
        fail(secondary, error->message);
        return;
    }
    arrive(secondary, zone);
    must_save(secondary, TRUE);
    log_info("zone '%s': serial %u, %" G_GUINT64_FORMAT " records from %s", name_of(secondary),
             secondary->soa.serial, content_count(content),
             peer_text(&peer_of(secondary)->address, address));
    succeed(secondary);
}

/* Few names among many: the zone stays. TRUE: it is done. */
static gboolean
change_in_place(struct secondary *secondary, GError **error)
{
    if (!apply_in_place(secondary->zone, incoming_content(secondary->incoming), error))
        return FALSE;
    gboolean good = read_soa(secondary->zone, &secondary->soa);
    g_assert(good);
    secondary->role.changed(secondary->role.context, secondary->role.config, secondary->zone);
    must_save(secondary, TRUE);
    log_debug("zone '%s': serial %u, changes", name_of(secondary), secondary->soa.serial);
    succeed(secondary);
    return TRUE;
}

static void
take_changes(struct secondary *secondary)
{
    const struct content *changes = incoming_content(secondary->incoming);
    g_autoptr(GError) error = NULL;
    if (change_in_place(secondary, &error))
        return;
    AUTO(content) *base =
        error == NULL ? content_of_zone(secondary->zone, INCOMING_BYTES_MAX) : NULL;
    AUTO(content) *result =
        base != NULL ? apply_changes(base, changes, INCOMING_BYTES_MAX, &error) : NULL;
    if (result != NULL) {
        take_zone(secondary, result);
        return;
    }
    log_notice("zone '%s': %s, asking for the whole zone", name_of(secondary),
               error != NULL ? error->message : "it is too large");
    ask_for_whole(secondary);
}

/* The same question once more, with the primary's time. */
static void
learn_clock(struct secondary *secondary)
{
    gint64 skew = incoming_skew(secondary->incoming);
    if (secondary->clock_learnt) {
        fail(secondary, "it takes no time for the right one");
        return;
    }
    secondary->clock_learnt = TRUE;
    secondary->skews[secondary->primary] = skew;
    log_notice("zone '%s': the primary's clock is %" G_GINT64_FORMAT " s from ours: its is taken",
               name_of(secondary), skew);
    send_request(secondary, secondary->kind);
}

/* FALSE: nothing more is to be read. */
static gboolean
take_message(struct secondary *secondary, const guint8 *wire, gsize size)
{
    g_autoptr(GError) error = NULL;
    switch (
        incoming_take(secondary->incoming, wire, size, (guint64)secondary->role.wall(), &error)) {
    case INCOMING_MORE:
        return TRUE;
    case INCOMING_NEWER:
        ask_for_zone(secondary);
        return FALSE;
    case INCOMING_SAME:
        succeed(secondary);
        return FALSE;
    case INCOMING_ZONE:
        take_zone(secondary, incoming_content(secondary->incoming));
        return FALSE;
    case INCOMING_CHANGES:
        take_changes(secondary);
        return FALSE;
    case INCOMING_CLOCK:
        learn_clock(secondary);
        return FALSE;
    case INCOMING_WHOLE:
        ask_for_whole(secondary);
        return FALSE;
    default:
        /* What it sent as changes may be wrong; the zone itself need not be. */
        if (secondary->kind == INCOMING_IXFR) {
            log_notice("zone '%s': %s, asking for the whole zone", name_of(secondary),
                       error->message);
            hang_up(secondary);
            secondary->whole = TRUE;
            ask_primary(secondary);
            return FALSE;
        }
        fail(secondary, error->message);
        return FALSE;
    }
}

static void
on_read(struct bufferevent *connection, void *context)
{
    struct secondary *secondary = context;
    struct evbuffer *input = bufferevent_get_input(connection);
    guint8 length[LENGTH];
    gboolean more = TRUE;
    while (more && evbuffer_copyout(input, length, LENGTH) == LENGTH) {
        gsize size = wire_get16(length);
        if (evbuffer_get_length(input) < LENGTH + size)
            return;
        evbuffer_drain(input, LENGTH);
        g_autofree guint8 *wire = g_malloc(MAX(size, 1));
        evbuffer_remove(input, wire, size);
        more = take_message(secondary, wire, size);
    }
}

static void
on_event(struct bufferevent *connection, short what, void *context)
{
    struct secondary *secondary = context;
    int errnum = EVUTIL_SOCKET_ERROR();
    if (what & BEV_EVENT_CONNECTED) {
        /* Without a zone there is no serial to compare. */
        if (secondary->zone != NULL && !secondary->whole)
            send_request(secondary, INCOMING_SOA);
        else
            send_request(secondary, INCOMING_AXFR);
        return;
    }
    (void)connection;
    if (what & BEV_EVENT_TIMEOUT)
        fail(secondary, "it is silent");
    else if (what & BEV_EVENT_EOF)
        fail(secondary, "it hung up before its answer was whole");
    else
        fail(secondary, g_strerror(errnum));
}

static void
on_deadline(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    fail(context, "it takes too long");
}

static void
ask_primary(struct secondary *secondary)
{
    const struct config_peer *peer = peer_of(secondary);
    struct timeval silence = {.tv_sec = SECONDARY_SILENCE};
    struct timeval longest = {.tv_sec = SECONDARY_LONGEST};
    secondary->connection = bufferevent_socket_new(secondary->role.events, -1,
                                                   BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    g_assert(secondary->connection != NULL);
    bufferevent_setcb(secondary->connection, on_read, NULL, on_event, secondary);
    bufferevent_set_timeouts(secondary->connection, &silence, &silence);
    bufferevent_setwatermark(secondary->connection, EV_READ, 0, AT_ONCE);
    bufferevent_enable(secondary->connection, EV_READ | EV_WRITE);
    event_add(secondary->deadline, &longest);
    if (bufferevent_socket_connect(secondary->connection, (const struct sockaddr *)&peer->address,
                                   (int)peer->size) != 0)
        fail(secondary, g_strerror(EVUTIL_SOCKET_ERROR()));
}

/* ---- begin and end ---- */

static void
read_kept(struct secondary *secondary)
{
    g_autoptr(GError) error = NULL;
    struct kept_now now = kept_now(secondary);
    gint64 age = 0;
    struct zone *zone =
        secondary->role.folder < 0
            ? NULL
            : kept_read(secondary->role.folder, &secondary->origin, &now, &age, &error);
    if (error != NULL)
        log_warning("zone '%s': %s, and is transferred anew", name_of(secondary), error->message);
    if (zone == NULL)
        return;
    secondary->checked = now.boot - age;
    arrive(secondary, zone);
}

struct secondary *
secondary_new(const struct secondary_role *role, GError **error)
{
    AUTO(secondary) *secondary = g_new0(struct secondary, 1);
    secondary->role = *role;
    secondary->save_due = secondary->saved = -1;
    secondary->errors = g_string_new(NULL);
    secondary->skews = g_new0(gint64, role->config->primaries->len);
    if (role->boot == NULL)
        secondary->role.boot = boot_seconds;
    if (role->wall == NULL)
        secondary->role.wall = wall_seconds;
    if (!name_from_text(&secondary->origin, role->config->name)) {
        fail_set(error, FAIL_USAGE, "'%s' is no name for a zone", role->config->name);
        return NULL;
    }
    if (role->config->tsig != NULL) {
        secondary->key = tsig_keys_find(role->keys, role->config->tsig);
        if (secondary->key == NULL) {
            fail_set(error, FAIL_USAGE, "zone '%s': there is no TSIG key '%s'", name_of(secondary),
                     role->config->tsig);
            return NULL;
        }
    }
    secondary->timer = evtimer_new(role->events, on_timer, secondary);
    secondary->deadline = evtimer_new(role->events, on_deadline, secondary);
    read_kept(secondary);
    secondary->due = secondary->role.boot();
    wait_on(secondary);
    return g_steal_pointer(&secondary);
}

void
secondary_free(struct secondary *secondary)
{
    if (secondary == NULL)
        return;
    save(secondary);
    if (secondary->deadline != NULL)
        hang_up(secondary);
    if (secondary->timer != NULL)
        event_free(secondary->timer);
    if (secondary->deadline != NULL)
        event_free(secondary->deadline);
    g_string_free(secondary->errors, TRUE);
    g_free(secondary->trouble);
    g_free(secondary->skews);
    g_free(secondary);
}

gboolean
secondary_notified(struct secondary *secondary, const struct sockaddr_storage *from,
                   gboolean trusted)
{
    const GArray *primaries = secondary->role.config->primaries;
    for (guint i = 0; !trusted && i < primaries->len; i++)
        trusted = peer_is_same_host(&g_array_index(primaries, struct config_peer, i).address, from);
    if (!trusted)
        return FALSE;
    secondary->again = TRUE;
    if (secondary->connection == NULL) {
        gint64 soonest = secondary->zone != NULL ? secondary->checked + SECONDARY_GAP : 0;
        secondary->due = MIN(secondary->due, MAX(soonest, secondary->role.boot()));
        wait_on(secondary);
    }
    return TRUE;
}

const struct name *
secondary_origin(const struct secondary *secondary)
{
    return &secondary->origin;
}

gboolean
secondary_status(const struct secondary *secondary, struct secondary_status *status)
{
    gint64 now = secondary->role.boot();
    *status = (struct secondary_status){.trouble = secondary->trouble};
    if (secondary->zone == NULL)
        return FALSE;
    status->serial = secondary->soa.serial;
    status->age = now - secondary->checked;
    status->expires = expiry_of(secondary) - now;
    return TRUE;
}
