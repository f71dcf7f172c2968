/* secondary_ask: see secondary_inside.h. */
#include "netsvc/bytes.h"
#include "netsvc/dns/transfer/secondary_inside.h"

#include "lib/base/chance.h"
#include "lib/base/log.h"
#include "netsvc/dns/transfer/apply.h"
#include "netsvc/dns/transfer/peer.h"

#include <event2/buffer.h>

#define LENGTH 2             /* bytes before each message (RFC 1035, 4.2.2) */
#define AT_ONCE (128 * 1024) /* bytes that are read before others have their turn */

const struct config_peer *
secondary_peer(const struct secondary *secondary)
{
    return &g_array_index(secondary->role.config->primaries, struct config_peer,
                          secondary->primary);
}

void
secondary_hang_up(struct secondary *secondary)
{
    if (secondary->connection != NULL)
        bufferevent_free(secondary->connection);
    secondary->connection = NULL;
    incoming_free(secondary->incoming);
    secondary->incoming = NULL;
    event_del(secondary->deadline);
    secondary->clock_learnt = FALSE;
}

/* ---- requests ---- */

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
    chance_bytes(&id, sizeof id);
    incoming_free(secondary->incoming);
    secondary->incoming = incoming_new(&role);
    secondary->kind = kind;
    gsize size = incoming_request(secondary->incoming, id, message + LENGTH,
                                  (guint64)secondary->role.wall());
    bytes_put16(message, (guint)size);
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

/* ---- answers ---- */

static void
take_zone(struct secondary *secondary, const struct content *content)
{
    char address[INET6_ADDRSTRLEN];
    g_autoptr(GError) error = NULL;
    struct zone *zone = content_to_zone(content, &secondary->origin, &error);
    if (zone == NULL) {
        secondary_fail(secondary, error->message);
        return;
    }
    secondary_arrive(secondary, zone);
    secondary_must_save(secondary, TRUE);
    log_info("zone '%s': serial %u, %" G_GUINT64_FORMAT " records from %s",
             secondary_name(secondary), secondary->soa.serial, content_count(content),
             peer_text(&secondary_peer(secondary)->address, address));
    secondary_succeed(secondary);
}

/* Few names among many: the zone stays. TRUE: it is done. */
static gboolean
change_in_place(struct secondary *secondary, GError **error)
{
    if (!apply_in_place(secondary->zone, incoming_content(secondary->incoming), error))
        return FALSE;
    secondary_read_soa(secondary, secondary->zone);
    secondary->role.changed(secondary->role.context, secondary->role.config, secondary->zone);
    secondary_must_save(secondary, TRUE);
    log_debug("zone '%s': serial %u, changes", secondary_name(secondary), secondary->soa.serial);
    secondary_succeed(secondary);
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
    log_notice("zone '%s': %s, asking for the whole zone", secondary_name(secondary),
               error != NULL ? error->message : "it is too large");
    ask_for_whole(secondary);
}

/* The same question once more, with the primary's time. */
static void
learn_clock(struct secondary *secondary)
{
    gint64 skew = incoming_skew(secondary->incoming);
    if (secondary->clock_learnt) {
        secondary_fail(secondary, "it takes no time for the right one");
        return;
    }
    secondary->clock_learnt = TRUE;
    secondary->skews[secondary->primary] = skew;
    log_notice("zone '%s': the primary's clock is %" G_GINT64_FORMAT " s from ours: its is taken",
               secondary_name(secondary), skew);
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
        secondary_succeed(secondary);
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
            log_notice("zone '%s': %s, asking for the whole zone", secondary_name(secondary),
                       error->message);
            secondary_hang_up(secondary);
            secondary->whole = TRUE;
            secondary_ask(secondary);
            return FALSE;
        }
        secondary_fail(secondary, error->message);
        return FALSE;
    }
}

/* ---- the connection ---- */

static void
on_read(struct bufferevent *connection, void *context)
{
    struct secondary *secondary = context;
    struct evbuffer *input = bufferevent_get_input(connection);
    guint8 length[LENGTH];
    gboolean more = TRUE;
    while (more && evbuffer_copyout(input, length, LENGTH) == LENGTH) {
        gsize size = bytes_get16(length);
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
        secondary_fail(secondary, "it is silent");
    else if (what & BEV_EVENT_EOF)
        secondary_fail(secondary, "it hung up before its answer was whole");
    else
        secondary_fail(secondary, g_strerror(errnum));
}

void
secondary_ask(struct secondary *secondary)
{
    const struct config_peer *peer = secondary_peer(secondary);
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
        secondary_fail(secondary, g_strerror(EVUTIL_SOCKET_ERROR()));
}
