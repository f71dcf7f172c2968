#include "outgoing.h"
#include "netsvc/bytes.h"

#include "netsvc/dns/dns.h"
#include "netsvc/dns/transfer/peer.h"
#include "netsvc/dns/transfer/records.h"

#include <string.h>

/* A copy that transfers share. */
struct version {
    struct name origin;
    guint32 serial;
    struct content *content;
    guint users;
};

struct outgoings {
    GPtrArray *versions; /* struct version */
    GPtrArray *all;      /* struct outgoing */
};

struct outgoing {
    struct outgoings *outgoings;
    struct version *version; /* NULL: `content` is its own */
    struct content *content;
    struct query query;
    guint8 *wire; /* of the query */
    struct tsig tsig;
    struct sockaddr_storage client;
    struct content_position position;
    gboolean closing; /* AXFR: the SOA is to come once more */
    gboolean ended;
    guint64 sent;
};

/* ---- all ---- */

struct outgoings *
outgoings_new(void)
{
    struct outgoings *outgoings = g_new0(struct outgoings, 1);
    outgoings->versions = g_ptr_array_new();
    outgoings->all = g_ptr_array_new();
    return outgoings;
}

void
outgoings_free(struct outgoings *outgoings)
{
    if (outgoings == NULL)
        return;
    g_assert(outgoings->all->len == 0 && outgoings->versions->len == 0);
    g_ptr_array_unref(outgoings->versions);
    g_ptr_array_unref(outgoings->all);
    g_free(outgoings);
}

static gboolean
is_one_too_many(const struct outgoings *outgoings, const struct sockaddr_storage *client)
{
    guint same = 0;
    for (guint i = 0; i < outgoings->all->len; i++)
        same += peer_is_same_host(&((struct outgoing *)outgoings->all->pdata[i])->client, client)
                    ? 1
                    : 0;
    return same >= OUTGOING_PER_CLIENT || outgoings->all->len >= OUTGOING_MAX;
}

/* ---- who ---- */

enum rcode
outgoing_permit(const struct config_dns *config, const struct config_zone *zone,
                const struct tsig_keys *keys, const struct tsig *tsig,
                const struct sockaddr_storage *client)
{
    if (tsig->error != 0)
        return RCODE_NOTAUTH;
    if (zone != NULL && zone->tsig != NULL) {
        const struct tsig_key *key = tsig_keys_find(keys, zone->tsig);
        return key != NULL && tsig->key == key ? RCODE_NOERROR : RCODE_REFUSED;
    }
    return config_networks_have(config->networks, client->ss_family, peer_bytes(client))
               ? RCODE_NOERROR
               : RCODE_REFUSED;
}

/* ---- AXFR ---- */

static void
version_release(struct outgoings *outgoings, struct version *version)
{
    if (--version->users > 0)
        return;
    g_ptr_array_remove_fast(outgoings->versions, version);
    content_free(version->content);
    g_free(version);
}

/* NULL: there are too many, or it is too large. */
static struct version *
version_of(struct outgoings *outgoings, const struct zone *zone)
{
    guint others = 0;
    for (guint i = 0; i < outgoings->versions->len; i++) {
        struct version *version = outgoings->versions->pdata[i];
        if (!name_equal(&version->origin, zone_origin(zone)))
            continue;
        others++;
        if (version->serial == zone_serial(zone)) {
            version->users++;
            return version;
        }
    }
    struct content *content =
        others < OUTGOING_VERSIONS ? content_of_zone(zone, OUTGOING_CAP) : NULL;
    if (content == NULL)
        return NULL;
    struct version *version = g_new0(struct version, 1);
    version->origin = *zone_origin(zone);
    version->serial = zone_serial(zone);
    version->content = content;
    version->users = 1;
    g_ptr_array_add(outgoings->versions, version);
    return version;
}

/* ---- IXFR ---- */

/* The serial that the asker of an IXFR has; FALSE: the query does not say. */
static gboolean
serial_of(const struct query *query, guint32 *serial)
{
    g_autofree struct records *records = g_new(struct records, 1);
    struct record record;
    struct soa soa;
    if (!records_begin(records, query->wire, query->size))
        return FALSE;
    while (records_next(records, &record) == RECORDS_ONE)
        if (record.section == SECTION_AUTHORITY && record.type == TYPE_SOA &&
            name_equal(&record.owner, &query->name) &&
            records_soa(&soa, record.rdata, record.size)) {
            *serial = soa.serial;
            return TRUE;
        }
    return FALSE;
}

/* What became of an RRset over all changes; rrsets are the journal's. */
struct difference {
    const struct name *owner;
    guint16 type;
    const struct rrset *first, *last;
};

static guint
difference_hash(gconstpointer data)
{
    const struct difference *difference = data;
    return name_hash(difference->owner) * 31 + difference->type;
}

static gboolean
difference_equal(gconstpointer a, gconstpointer b)
{
    const struct difference *x = a, *y = b;
    return x->type == y->type && name_equal(x->owner, y->owner);
}

/* NULL: the journal does not know. */
static GHashTable *
differences(const struct journal *journal, guint32 serial, guint32 to)
{
    g_autoptr(GHashTable) table =
        g_hash_table_new_full(difference_hash, difference_equal, g_free, NULL);
    while (serial != to) {
        const struct journal_change *change = journal_since(journal, serial);
        if (change == NULL || change->type == TYPE_SOA)
            return NULL;
        struct difference key = {.owner = &change->owner, .type = change->type};
        struct difference *known = g_hash_table_lookup(table, &key);
        if (known == NULL) {
            known = g_new(struct difference, 1);
            *known = key;
            known->first = change->old;
            g_hash_table_add(table, known);
        }
        known->last = change->now;
        serial = change->to;
    }
    return g_steal_pointer(&table);
}

/* The SOA as it was with another serial. */
static gboolean
add_soa(struct content *content, const struct zone *zone, guint32 serial)
{
    struct rrset_record record = {0};
    const struct rrset *soa = zone_rrset(zone, zone_origin(zone), TYPE_SOA);
    if (soa == NULL || !rrset_next(soa, &record))
        return FALSE;
    g_autofree guint8 *rdata = g_memdup2(record.rdata, record.size);
    bytes_put32(rdata + record.size - SOA_NUMBERS, serial);
    return content_add(content, zone_origin(zone), TYPE_SOA, record.ttl, rdata, record.size);
}

static gboolean
add_side(struct content *content, GHashTable *table, gboolean now)
{
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const struct difference *difference = key;
        const struct rrset *rrset = now ? difference->last : difference->first;
        if (difference->first != NULL && difference->last != NULL &&
            rrset_equal(difference->first, difference->last))
            continue;
        if (rrset != NULL && !content_add_rrset(content, difference->owner, rrset))
            return FALSE;
    }
    return TRUE;
}

/* The whole answer, its last SOA too. NULL: it is to be a whole zone. */
static struct content *
changes_since(const struct zone *zone, const struct journal *journal, guint32 serial)
{
    guint32 to = zone_serial(zone);
    AUTO(content) *content = content_new(OUTGOING_CAP);
    if (!serial_is_after(to, serial)) /* he has it already, or is ahead of us: RFC 1995, 2 */
        return add_soa(content, zone, to) ? g_steal_pointer(&content) : NULL;
    g_autoptr(GHashTable) table = journal != NULL ? differences(journal, serial, to) : NULL;
    if (table == NULL || g_hash_table_size(table) >= zone_count(zone))
        return NULL;
    if (add_soa(content, zone, to) && add_soa(content, zone, serial) &&
        add_side(content, table, FALSE) && add_soa(content, zone, to) &&
        add_side(content, table, TRUE) && add_soa(content, zone, to))
        return g_steal_pointer(&content);
    return NULL;
}

/* ---- one ---- */

static gboolean
fill(struct outgoing *outgoing, const struct zone *zone, const struct journal *journal)
{
    guint32 serial = 0;
    if (outgoing->query.type == TYPE_IXFR && serial_of(&outgoing->query, &serial))
        outgoing->content = changes_since(zone, journal, serial);
    if (outgoing->content != NULL)
        return TRUE;
    outgoing->version = version_of(outgoing->outgoings, zone);
    if (outgoing->version == NULL)
        return FALSE;
    outgoing->content = content_ref(outgoing->version->content);
    outgoing->closing = TRUE;
    return TRUE;
}

struct outgoing *
outgoing_new(struct outgoings *outgoings, const struct query *query, struct tsig *tsig,
             const struct sockaddr_storage *client, const struct zone *zone,
             const struct journal *journal, enum rcode *rcode)
{
    guint32 serial;
    *rcode = RCODE_FORMERR;
    if (query->type == TYPE_IXFR && !serial_of(query, &serial))
        return NULL;
    *rcode = RCODE_SERVFAIL;
    if (is_one_too_many(outgoings, client))
        return NULL;
    AUTO(outgoing) *outgoing = g_new0(struct outgoing, 1);
    outgoing->outgoings = outgoings;
    outgoing->wire = g_memdup2(query->wire, query->size);
    outgoing->query = *query;
    outgoing->query.wire = outgoing->wire;
    outgoing->query.cookie = NULL;
    outgoing->client = *client;
    g_ptr_array_add(outgoings->all, outgoing);
    if (!fill(outgoing, zone, journal))
        return NULL;
    outgoing->tsig = *tsig;
    memset(tsig, 0, sizeof *tsig);
    *rcode = RCODE_NOERROR;
    return g_steal_pointer(&outgoing);
}

void
outgoing_free(struct outgoing *outgoing)
{
    if (outgoing == NULL)
        return;
    g_ptr_array_remove_fast(outgoing->outgoings->all, outgoing);
    content_free(outgoing->content);
    if (outgoing->version != NULL)
        version_release(outgoing->outgoings, outgoing->version);
    tsig_clear(&outgoing->tsig);
    g_free(outgoing->wire);
    g_free(outgoing);
}

guint64
outgoing_sent(const struct outgoing *outgoing)
{
    return outgoing->sent;
}

/* The record that comes next; FALSE: that was all. */
static gboolean
next_record(struct outgoing *outgoing, struct content_record *record)
{
    if (content_next(outgoing->content, &outgoing->position, record))
        return TRUE;
    if (!outgoing->closing)
        return FALSE;
    struct content_position first = {0};
    outgoing->closing = FALSE;
    return content_next(outgoing->content, &first, record);
}

/* As many records as go into a message of that size. */
static gsize
fill_message(struct outgoing *outgoing, guint8 *out, gsize room)
{
    struct reply reply;
    struct content_record record;
    reply_begin(&reply, &outgoing->query, NULL, FALSE, out, room);
    reply.flags = FLAG_AA;
    for (guint count = 0;; count++) {
        struct content_position before = outgoing->position;
        gboolean closing = outgoing->closing;
        struct reply_mark mark = reply_mark(&reply);
        if (!next_record(outgoing, &record)) {
            outgoing->ended = TRUE;
            return count > 0 ? reply_end(&reply) : 0;
        }
        reply_record(&reply, SECTION_ANSWER, record.owner, record.owner_size, record.type, CLASS_IN,
                     record.ttl, record.rdata, record.size);
        if (!reply.full) {
            outgoing->sent++;
            continue;
        }
        reply_back(&reply, &mark);
        outgoing->position = before;
        outgoing->closing = closing;
        return count > 0 ? reply_end(&reply) : 0;
    }
}

gssize
outgoing_next(struct outgoing *outgoing, guint8 *out, guint64 now)
{
    gsize signature = tsig_size(&outgoing->tsig);
    if (outgoing->ended)
        return 0;
    gsize size = fill_message(outgoing, out, OUTGOING_MESSAGE - signature);
    if (size == 0 && !outgoing->ended) /* one record that is larger */
        size = fill_message(outgoing, out, DNS_TCP_MAX - signature);
    if (size == 0)
        return outgoing->ended ? 0 : -1;
    size = tsig_sign(&outgoing->tsig, out, size, DNS_TCP_MAX, now);
    return size > 0 ? (gssize)size : -1;
}
