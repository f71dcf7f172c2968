#include "transfer.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/dns/dns.h"
#include "netsvc/dns/serve/tcp.h"
#include "netsvc/dns/transfer/kept.h"
#include "netsvc/dns/transfer/notify.h"
#include "netsvc/dns/transfer/outgoing.h"
#include "netsvc/dns/transfer/records.h"

#include <string.h>
#include <time.h>

#define OPT_MAX 256 /* bytes of an answer's OPT record: cookie, NSID and an extended error */

struct transfer {
    const struct config_dns *config;
    struct transfer_role role;
    struct tsig_keys *keys;
    char *boot_id;
    struct outgoings *outgoings;
    struct notify *notify;
    GPtrArray *secondaries; /* struct secondary */
};

/* A stream over TCP. */
struct sending {
    struct transfer *transfer;
    struct outgoing *outgoing;
    char *zone; /* for the log */
};

static guint64
now(const struct transfer *transfer)
{
    return (guint64)(transfer->role.wall != NULL ? transfer->role.wall() : time(NULL));
}

/* ---- begin and end ---- */

struct transfer *
transfer_open(const struct config_dns *config, GError **error)
{
    AUTO(transfer) *transfer = g_new0(struct transfer, 1);
    transfer->config = config;
    transfer->boot_id = kept_boot_id();
    transfer->outgoings = outgoings_new();
    transfer->secondaries = g_ptr_array_new();
    transfer->keys = tsig_keys_new(config->tsig, error);
    if (transfer->keys == NULL)
        return NULL;
    for (guint i = 0; i < config->zones->len; i++) {
        const struct config_zone *zone = config->zones->pdata[i];
        if (zone->tsig != NULL && tsig_keys_find(transfer->keys, zone->tsig) == NULL) {
            fail_set(error, FAIL_USAGE, "zone '%s': there is no TSIG key '%s'", zone->name,
                     zone->tsig);
            return NULL;
        }
    }
    return g_steal_pointer(&transfer);
}

static gboolean
is_secondary(const struct config_zone *zone)
{
    return zone->primaries != NULL && zone->primaries->len > 0;
}

/* A zone that we follow may have secondaries itself. */
static void
on_arrived(gpointer context, const struct config_zone *config, struct zone *zone)
{
    struct transfer *transfer = context;
    transfer->role.arrived(transfer->role.context, config, zone);
    notify_changed(transfer->notify, zone);
}

static void
on_changed(gpointer context, const struct config_zone *config, const struct zone *zone)
{
    struct transfer *transfer = context;
    (void)config;
    notify_changed(transfer->notify, zone);
}

static void
on_expired(gpointer context, const struct config_zone *config)
{
    struct transfer *transfer = context;
    transfer->role.expired(transfer->role.context, config);
}

static void
on_trouble(gpointer context, const struct config_zone *config, const char *text)
{
    struct transfer *transfer = context;
    transfer->role.trouble(transfer->role.context, config, text);
}

static gboolean
follow(struct transfer *transfer, const struct config_zone *zone, GError **error)
{
    struct secondary_role role = {
        .events = transfer->role.events,
        .config = zone,
        .keys = transfer->keys,
        .folder = transfer->role.folder,
        .clock_is_sure = transfer->role.clock_is_sure,
        .boot_id = transfer->boot_id,
        .boot = transfer->role.boot,
        .wall = transfer->role.wall,
        .context = transfer,
        .arrived = on_arrived,
        .changed = on_changed,
        .expired = on_expired,
        .trouble = on_trouble,
    };
    struct secondary *secondary = secondary_new(&role, error);
    if (secondary != NULL)
        g_ptr_array_add(transfer->secondaries, secondary);
    return secondary != NULL;
}

gboolean
transfer_begin(struct transfer *transfer, const struct transfer_role *role, GError **error)
{
    transfer->role = *role;
    transfer->notify = notify_new(role->events, transfer->config, transfer->keys, error);
    if (transfer->notify == NULL)
        return FALSE;
    for (guint i = 0; i < transfer->config->zones->len; i++) {
        const struct config_zone *zone = transfer->config->zones->pdata[i];
        if (is_secondary(zone) && !follow(transfer, zone, error))
            return FALSE;
    }
    return TRUE;
}

void
transfer_free(struct transfer *transfer)
{
    if (transfer == NULL)
        return;
    for (guint i = 0; i < transfer->secondaries->len; i++)
        secondary_free(transfer->secondaries->pdata[i]);
    g_ptr_array_unref(transfer->secondaries);
    notify_free(transfer->notify);
    outgoings_free(transfer->outgoings);
    tsig_keys_free(transfer->keys);
    g_free(transfer->boot_id);
    g_free(transfer);
}

/* ---- signatures ---- */

enum rcode
transfer_check(const struct transfer *transfer, const struct query *query, struct tsig *tsig)
{
    return tsig_check(tsig, transfer->keys, query->wire, query->size, query->tsig, now(transfer));
}

struct query
transfer_leave_room(const struct query *query, const struct tsig *tsig)
{
    struct query shorter = *query;
    /* An answer of a code alone must fit, whatever the names are; by UDP a little more arrives. */
    gsize least = query->question_end + (query->has_opt ? OPT_MAX : 0);
    gsize left = query->udp_size - MIN(tsig_size(tsig), query->udp_size);
    shorter.udp_size = (guint16)MAX(left, least);
    return shorter;
}

gsize
transfer_sign(const struct transfer *transfer, struct tsig *tsig, guint8 *out, gsize size,
              gsize room)
{
    if (size > 0)
        size = tsig_sign(tsig, out, size, room, now(transfer));
    tsig_clear(tsig);
    return size;
}

/* ---- requests ---- */

gboolean
transfer_is_ours(const struct query *query)
{
    return query->opcode == OPCODE_NOTIFY ||
           (query->opcode == OPCODE_QUERY &&
            (query->type == TYPE_AXFR || query->type == TYPE_IXFR));
}

struct request {
    struct transfer *transfer;
    const struct asker *asker;
    const struct query *query;
    struct tsig *tsig;
    guint8 *out;
    gsize room;
};

static gboolean
is_tcp(const struct request *request)
{
    return request->asker->fd < 0;
}

static gsize
answer_code(const struct request *request, enum rcode rcode)
{
    gsize room = request->room - tsig_size(request->tsig);
    gsize size = reply_code(request->query, NULL, rcode, !is_tcp(request), request->out, room);
    return transfer_sign(request->transfer, request->tsig, request->out, size, request->room);
}

static const struct config_zone *
zone_named(const struct transfer *transfer, const struct name *origin)
{
    for (guint i = 0; i < transfer->config->zones->len; i++) {
        const struct config_zone *zone = transfer->config->zones->pdata[i];
        struct name name;
        if (name_from_text(&name, zone->name) && name_equal(&name, origin))
            return zone;
    }
    return NULL;
}

/* ---- NOTIFY ---- */

static struct secondary *
secondary_of(const struct transfer *transfer, const struct name *origin)
{
    for (guint i = 0; i < transfer->secondaries->len; i++)
        if (name_equal(secondary_origin(transfer->secondaries->pdata[i]), origin))
            return transfer->secondaries->pdata[i];
    return NULL;
}

/* RFC 1996, 3.10 and 3.11: whether a primary says so matters, what serial it says does not. */
static gsize
take_notify(const struct request *request)
{
    const struct query *query = request->query;
    struct secondary *secondary = secondary_of(request->transfer, &query->name);
    const struct config_zone *zone = zone_named(request->transfer, &query->name);
    if (query->type != TYPE_SOA || query->class != CLASS_IN)
        return answer_code(request, RCODE_NOTIMP);
    if (secondary == NULL)
        return answer_code(request, RCODE_NOTAUTH);
    gboolean trusted = zone->tsig != NULL && request->tsig->key != NULL &&
                       request->tsig->key == tsig_keys_find(request->transfer->keys, zone->tsig);
    gboolean taken = secondary_notified(secondary, &request->asker->address, trusted);
    return answer_code(request, taken ? RCODE_NOERROR : RCODE_REFUSED);
}

/* ---- AXFR, IXFR ---- */

static gssize
next_message(gpointer context, guint8 *out)
{
    struct sending *sending = context;
    gssize size = outgoing_next(sending->outgoing, out, now(sending->transfer));
    if (size < 0)
        log_warning("zone '%s': a record does not fit into a message, so that it cannot be "
                    "transferred",
                    sending->zone);
    return size == 0 ? TCP_STREAM_END : size < 0 ? TCP_STREAM_BROKEN : size;
}

static void
end_sending(gpointer context)
{
    struct sending *sending = context;
    log_debug("zone '%s': %" G_GUINT64_FORMAT " records went out", sending->zone,
              outgoing_sent(sending->outgoing));
    outgoing_free(sending->outgoing);
    g_free(sending->zone);
    g_free(sending);
}

/* By UDP only the SOA: who is behind comes by TCP (RFC 1995, 2). */
static gsize
answer_soa(const struct request *request, const struct zone *zone)
{
    struct reply reply;
    struct rrset_record record = {0};
    const struct rrset *soa = zone_rrset(zone, zone_origin(zone), TYPE_SOA);
    gboolean found = soa != NULL && rrset_next(soa, &record);
    g_assert(found);
    reply_begin(&reply, request->query, NULL, TRUE, request->out,
                request->room - tsig_size(request->tsig));
    reply.flags = FLAG_AA;
    reply_record(&reply, SECTION_ANSWER, request->query->name.wire, request->query->name.size,
                 TYPE_SOA, CLASS_IN, record.ttl, record.rdata, record.size);
    gsize size = reply_end(&reply);
    return transfer_sign(request->transfer, request->tsig, request->out, size, request->room);
}

static gsize
send_zone(const struct request *request, const struct config_zone *config, const struct zone *zone)
{
    struct transfer *transfer = request->transfer;
    enum rcode rcode;
    const struct journal *journal =
        transfer->role.journal == NULL
            ? NULL
            : transfer->role.journal(transfer->role.context, &request->query->name);
    struct outgoing *outgoing = outgoing_new(transfer->outgoings, request->query, request->tsig,
                                             &request->asker->address, zone, journal, &rcode);
    if (outgoing == NULL)
        return answer_code(request, rcode);
    struct sending *sending = g_new(struct sending, 1);
    *sending = (struct sending){transfer, outgoing, g_strdup(config->name)};
    tcp_stream(request->asker, (struct tcp_stream){next_message, end_sending, sending});
    return 0;
}

static gsize
take_transfer(const struct request *request)
{
    const struct transfer *transfer = request->transfer;
    const struct query *query = request->query;
    const struct config_zone *config = zone_named(transfer, &query->name);
    if (config == NULL || query->class != CLASS_IN)
        return answer_code(request, RCODE_NOTAUTH);
    enum rcode rcode = outgoing_permit(transfer->config, config, transfer->keys, request->tsig,
                                       &request->asker->address);
    if (rcode != RCODE_NOERROR)
        return answer_code(request, rcode);
    const struct zone *zone = transfer->role.zone(transfer->role.context, &query->name);
    if (zone == NULL)
        return answer_code(request, RCODE_SERVFAIL);
    if (is_tcp(request))
        return send_zone(request, config, zone);
    return query->type == TYPE_IXFR ? answer_soa(request, zone)
                                    : answer_code(request, RCODE_REFUSED);
}

gsize
transfer_serve(struct transfer *transfer, const struct asker *asker, const struct query *query,
               struct tsig *tsig, guint8 *out, gsize room)
{
    struct request request = {transfer, asker, query, tsig, out, room};
    return query->opcode == OPCODE_NOTIFY ? take_notify(&request) : take_transfer(&request);
}

void
transfer_changed(struct transfer *transfer, const struct zone *zone)
{
    if (transfer->notify != NULL)
        notify_changed(transfer->notify, zone);
}

gboolean
transfer_status(const struct transfer *transfer, const struct name *origin,
                struct secondary_status *status)
{
    struct secondary *secondary = secondary_of(transfer, origin);
    if (secondary == NULL)
        return FALSE;
    secondary_status(secondary, status);
    return TRUE;
}
