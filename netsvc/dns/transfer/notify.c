#include "notify.h"

#include "lib/base/chance.h"
#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/bytes.h"
#include "netsvc/dns/transfer/peer.h"
#include "netsvc/dns/transfer/records.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SOA_MAX 600 /* bytes of the record in a message: two names and five numbers */
#define MESSAGE_MAX 1232
#define PACKETS_AT_ONCE 64

/* One secondary of one zone. */
struct told {
    struct notify *notify;
    const struct config_zone *zone;
    const struct config_peer *peer;
    const struct tsig_key *key;
    struct name origin;
    guint8 soa[SOA_MAX]; /* RDATA of the newest */
    gsize soa_size;
    guint32 soa_ttl;
    guint tries; /* that were made; 0: it waits for more changes */
    gboolean pending;
    guint16 id;
    struct tsig tsig; /* of the last try */
    struct event *timer;
};

struct notify {
    GPtrArray *told;
    int sockets[2]; /* IPv4, IPv6; -1: not needed, or there is none */
    struct event *readable[2];
};

static guint
family_index(int family)
{
    return family == AF_INET6 ? 1 : 0;
}

/* ---- out ---- */

static gsize
write_message(struct told *told, guint8 *out)
{
    struct reply reply;
    reply_begin_question(&reply, &told->origin, TYPE_SOA, CLASS_IN, out, MESSAGE_MAX);
    reply_record(&reply, SECTION_ANSWER, told->origin.wire, told->origin.size, TYPE_SOA, CLASS_IN,
                 told->soa_ttl, told->soa, told->soa_size);
    gsize size = reply_end(&reply);
    chance_bytes(&told->id, sizeof told->id);
    bytes_put16(out, told->id);
    bytes_put16(out + 2, OPCODE_NOTIFY << FLAG_OPCODE_SHIFT | FLAG_AA);
    tsig_clear(&told->tsig);
    tsig_begin(&told->tsig, told->key, 0);
    return tsig_sign(&told->tsig, out, size, MESSAGE_MAX, (guint64)time(NULL));
}

static void
give_up(struct told *told)
{
    told->pending = FALSE;
    log_notice("zone '%s': a secondary does not answer that the zone has changed, and will find "
               "out when its refresh comes",
               told->zone->name);
}

static void
on_timer(evutil_socket_t fd, short what, void *context)
{
    struct told *told = context;
    guint8 message[MESSAGE_MAX];
    int out = told->notify->sockets[family_index(told->peer->address.ss_family)];
    (void)fd, (void)what;
    if (told->tries == NOTIFY_TRIES) {
        give_up(told);
        return;
    }
    gsize size = write_message(told, message);
    /* What is not sent is sent at the next try. */
    if (size > 0 && sendto(out, message, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                           (const struct sockaddr *)&told->peer->address, told->peer->size) < 0)
        log_debug("zone '%s': notify: %s", told->zone->name, g_strerror(errno));
    struct timeval after = {.tv_sec = NOTIFY_RETRY << told->tries++};
    event_add(told->timer, &after);
}

void
notify_changed(struct notify *notify, const struct zone *zone)
{
    struct rrset_record record = {0};
    const struct rrset *soa = NULL;
    for (guint i = 0; i < notify->told->len; i++) {
        struct told *told = notify->told->pdata[i];
        if (!name_equal(&told->origin, zone_origin(zone)))
            continue;
        if (soa == NULL) {
            soa = zone_rrset(zone, zone_origin(zone), TYPE_SOA);
            if (soa == NULL || !rrset_next(soa, &record) || record.size > SOA_MAX)
                return;
        }
        memcpy(told->soa, record.rdata, record.size);
        told->soa_size = record.size;
        told->soa_ttl = record.ttl;
        if (told->pending && told->tries == 0)
            continue; /* it is about to be told */
        struct timeval after = {.tv_sec = NOTIFY_WAIT};
        told->pending = TRUE;
        told->tries = 0;
        event_add(told->timer, &after);
    }
}

/* ---- answers ---- */

/* Where its signature stands; 0: it has none. FALSE: it is no answer to what we said. */
static gboolean
read_answer(const struct told *told, const guint8 *wire, gsize size, gsize *signature)
{
    g_autofree struct records *records = g_new(struct records, 1);
    struct record record;
    enum records_outcome outcome;
    *signature = 0;
    if (!records_begin(records, wire, size) || records->id != told->id ||
        !(records->flags & FLAG_QR) ||
        (records->flags & FLAG_OPCODE_MASK) >> FLAG_OPCODE_SHIFT != OPCODE_NOTIFY)
        return FALSE;
    while ((outcome = records_next(records, &record)) == RECORDS_ONE)
        if (record.type == TYPE_TSIG)
            *signature = record.offset;
    return outcome == RECORDS_END;
}

static void
take_answer(struct told *told, const guint8 *wire, gsize size)
{
    gsize signature;
    g_autoptr(GError) error = NULL;
    if (!read_answer(told, wire, size, &signature))
        return;
    guint rcode = bytes_get16(wire + 2) & RCODE_MASK;
    /* Signed or not, it only keeps us from saying it again. */
    if (tsig_check_answer(&told->tsig, wire, size, signature, (guint64)time(NULL), &error) !=
        TSIG_GOOD)
        log_notice("zone '%s': told that the zone has changed, a secondary answered code %u: %s",
                   told->zone->name, rcode, error != NULL ? error->message : "its clock differs");
    else if (rcode != RCODE_NOERROR)
        log_notice("zone '%s': a secondary does not want to know that the zone has changed (code "
                   "%u)",
                   told->zone->name, rcode);
    told->pending = FALSE;
    event_del(told->timer);
}

static void
on_readable(evutil_socket_t fd, short what, void *context)
{
    struct notify *notify = context;
    (void)what;
    for (int n = 0; n < PACKETS_AT_ONCE; n++) {
        guint8 wire[MESSAGE_MAX];
        struct sockaddr_storage from = {0};
        socklen_t from_size = sizeof from;
        gssize size =
            recvfrom(fd, wire, sizeof wire, MSG_DONTWAIT, (struct sockaddr *)&from, &from_size);
        if (size < 0)
            return;
        for (guint i = 0; i < notify->told->len; i++) {
            struct told *told = notify->told->pdata[i];
            if (told->pending && told->tries > 0 && size >= HEADER_SIZE &&
                peer_is_same(&told->peer->address, &from))
                take_answer(told, wire, (gsize)size);
        }
    }
}

/* ---- begin and end ---- */

static gboolean
open_socket(struct notify *notify, struct event_base *events, int family, GError **error)
{
    guint index = family_index(family);
    if (notify->sockets[index] >= 0)
        return TRUE;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_errno(error, errno, "cannot make a socket for notifies");
    notify->sockets[index] = fd;
    notify->readable[index] = event_new(events, fd, EV_READ | EV_PERSIST, on_readable, notify);
    event_add(notify->readable[index], NULL);
    return TRUE;
}

static gboolean
add_peer(struct notify *notify, struct event_base *events, const struct config_zone *zone,
         const struct tsig_keys *keys, const struct config_peer *peer, GError **error)
{
    struct told *told = g_new0(struct told, 1);
    g_ptr_array_add(notify->told, told);
    told->notify = notify;
    told->zone = zone;
    told->peer = peer;
    told->timer = evtimer_new(events, on_timer, told);
    if (zone->tsig != NULL)
        told->key = tsig_keys_find(keys, zone->tsig);
    if (zone->tsig != NULL && told->key == NULL)
        return fail_set(error, FAIL_USAGE, "zone '%s': there is no TSIG key '%s'", zone->name,
                        zone->tsig);
    return (name_from_text(&told->origin, zone->name) ||
            fail_set(error, FAIL_USAGE, "'%s' is no name for a zone", zone->name)) &&
           open_socket(notify, events, peer->address.ss_family, error);
}

static void
told_free(gpointer data)
{
    struct told *told = data;
    event_free(told->timer);
    tsig_clear(&told->tsig);
    g_free(told);
}

struct notify *
notify_new(struct event_base *events, const struct config_dns *config, const struct tsig_keys *keys,
           GError **error)
{
    AUTO(notify) *notify = g_new0(struct notify, 1);
    notify->told = g_ptr_array_new_with_free_func(told_free);
    notify->sockets[0] = notify->sockets[1] = -1;
    for (guint i = 0; i < config->zones->len; i++) {
        const struct config_zone *zone = config->zones->pdata[i];
        for (guint p = 0; zone->notify != NULL && p < zone->notify->len; p++)
            if (!add_peer(notify, events, zone, keys,
                          &g_array_index(zone->notify, struct config_peer, p), error))
                return NULL;
    }
    return g_steal_pointer(&notify);
}

void
notify_free(struct notify *notify)
{
    if (notify == NULL)
        return;
    g_ptr_array_unref(notify->told);
    for (int i = 0; i < 2; i++) {
        if (notify->readable[i] != NULL)
            event_free(notify->readable[i]);
        if (notify->sockets[i] >= 0)
            close(notify->sockets[i]);
    }
    g_free(notify);
}
