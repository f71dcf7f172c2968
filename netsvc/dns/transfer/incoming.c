#include "incoming.h"

#include "lib/base/fail.h"
#include "netsvc/bytes.h"

#include <ldns/ldns.h>
#include <string.h>

#define TTL_MAX 0x7fffffffu /* RFC 2181, 8: one above it counts as 0 */

/* Where in the order of RFC 1995, 4 and RFC 5936, 2.2 we are. */
enum phase {
    PHASE_FIRST,  /* the newest SOA */
    PHASE_SECOND, /* says whether it is the zone or changes */
    PHASE_ZONE,
    PHASE_REMOVED,
    PHASE_ADDED,
    PHASE_DONE,
};

struct incoming {
    struct incoming_role role;
    struct name origin;
    struct tsig tsig;
    guint16 id;
    enum phase phase;
    struct soa newest;
    guint32 reached;   /* changes: the serial that they have come to */
    guint32 first_ttl; /* of the first SOA, which comes into the content when it is a zone */
    GByteArray *first;
    struct content *content;
    struct records records;
};

struct incoming *
incoming_new(const struct incoming_role *role)
{
    struct incoming *incoming = g_new0(struct incoming, 1);
    incoming->role = *role;
    incoming->origin = *role->origin;
    incoming->role.origin = &incoming->origin;
    incoming->content = content_new(role->bytes_max);
    incoming->first = g_byte_array_new();
    return incoming;
}

void
incoming_free(struct incoming *incoming)
{
    if (incoming == NULL)
        return;
    tsig_clear(&incoming->tsig);
    content_free(incoming->content);
    g_byte_array_unref(incoming->first);
    g_free(incoming);
}

gint64
incoming_skew(const struct incoming *incoming)
{
    return incoming->tsig.skew;
}

const struct content *
incoming_content(const struct incoming *incoming)
{
    return incoming->content;
}

/* ---- asking ---- */

static guint16
asked_type(const struct incoming *incoming)
{
    switch (incoming->role.kind) {
    case INCOMING_SOA:
        return TYPE_SOA;
    case INCOMING_AXFR:
        return TYPE_AXFR;
    default:
        return TYPE_IXFR;
    }
}

/* Our SOA, of which only the serial matters to the primary (RFC 1995, 3). */
static void
add_serial(struct reply *reply, const struct incoming *incoming)
{
    guint8 rdata[2 + SOA_NUMBERS] = {0};
    bytes_put32(rdata + 2, incoming->role.serial);
    reply_record(reply, SECTION_AUTHORITY, incoming->origin.wire, incoming->origin.size, TYPE_SOA,
                 CLASS_IN, 0, rdata, sizeof rdata);
}

gsize
incoming_request(struct incoming *incoming, guint16 id, guint8 out[INCOMING_REQUEST_MAX],
                 guint64 now)
{
    struct reply reply;
    reply_begin_question(&reply, &incoming->origin, asked_type(incoming), CLASS_IN, out,
                         INCOMING_REQUEST_MAX);
    if (incoming->role.kind == INCOMING_IXFR)
        add_serial(&reply, incoming);
    gsize size = reply_end(&reply);
    bytes_put16(out, id);
    bytes_put16(out + 2, 0); /* a query, of one who does not recurse */
    incoming->id = id;
    tsig_clear(&incoming->tsig);
    tsig_begin(&incoming->tsig, incoming->role.key, incoming->role.skew);
    size = tsig_sign(&incoming->tsig, out, size, INCOMING_REQUEST_MAX, now);
    g_assert(size > 0);
    return size;
}

/* ---- a message ---- */

static enum incoming_state
failed(GError **error, const char *what)
{
    fail_set(error, FAIL_FAILED, "its answer %s", what);
    return INCOMING_FAILED;
}

/* Where the signature stands: the last record, if any. FALSE: the message is damaged. */
static gboolean
find_signature(struct records *records, const guint8 *wire, gsize size, gsize *offset)
{
    struct record record;
    enum records_outcome outcome;
    *offset = 0;
    if (!records_begin(records, wire, size))
        return FALSE;
    while ((outcome = records_next(records, &record)) == RECORDS_ONE) {
        if (*offset != 0)
            return FALSE;
        if (record.type == TYPE_TSIG && record.section == SECTION_ADDITIONAL)
            *offset = record.offset;
    }
    return outcome == RECORDS_END;
}

/* Another rcode than NOERROR. */
static enum incoming_state
refused(const struct incoming *incoming, guint rcode, GError **error)
{
    if (incoming->role.kind == INCOMING_IXFR && incoming->phase == PHASE_FIRST &&
        (rcode == RCODE_NOTIMP || rcode == RCODE_FORMERR))
        return INCOMING_WHOLE;
    const ldns_lookup_table *known = ldns_lookup_by_id(ldns_rcodes, (int)rcode);
    if (known != NULL)
        fail_set(error, FAIL_FAILED, "it answered %s", known->name);
    else
        fail_set(error, FAIL_FAILED, "it answered with code %u", rcode);
    return INCOMING_FAILED;
}

/* MORE: the message may be read. */
static enum incoming_state
judge(struct incoming *incoming, const guint8 *wire, gsize size, guint64 now, GError **error)
{
    struct records *records = &incoming->records;
    gsize signature;
    if (!find_signature(records, wire, size, &signature))
        return failed(error, "is malformed");
    if (records->id != incoming->id || !(records->flags & FLAG_QR) ||
        records->flags & (FLAG_OPCODE_MASK | FLAG_TC))
        return failed(error, "is to another question, or cut off");
    if (records->asks && (!name_equal(&records->name, &incoming->origin) ||
                          records->type != asked_type(incoming) || records->class != CLASS_IN))
        return failed(error, "is to another question");
    guint rcode = records->flags & RCODE_MASK;
    if (rcode != RCODE_NOERROR && signature == 0)
        return refused(incoming, rcode, error);
    switch (tsig_check_answer(&incoming->tsig, wire, size, signature, now, error)) {
    case TSIG_CLOCK:
        return INCOMING_CLOCK;
    case TSIG_WRONG:
        return INCOMING_FAILED;
    default:
        return rcode == RCODE_NOERROR ? INCOMING_MORE : refused(incoming, rcode, error);
    }
}

/* ---- a record ---- */

static gboolean
keep(struct incoming *incoming, const struct record *record, GError **error)
{
    guint32 ttl = record->ttl > TTL_MAX ? 0 : record->ttl;
    if (content_count(incoming->content) >= incoming->role.records_max ||
        !content_add(incoming->content, &record->owner, record->type, ttl, record->rdata,
                     record->size))
        return fail_set(error, FAIL_FAILED,
                        "its answer is larger than %" G_GUINT64_FORMAT
                        " records or %" G_GSIZE_FORMAT " bytes",
                        incoming->role.records_max, incoming->role.bytes_max);
    return TRUE;
}

static enum incoming_state
keep_more(struct incoming *incoming, const struct record *record, GError **error)
{
    return keep(incoming, record, error) ? INCOMING_MORE : INCOMING_FAILED;
}

static enum incoming_state
done(struct incoming *incoming, enum incoming_state state, GError **error)
{
    incoming->phase = PHASE_DONE;
    return tsig_is_done(&incoming->tsig) ? state : failed(error, "ends without a signature");
}

static enum incoming_state
take_first(struct incoming *incoming, const struct record *record, const struct soa *soa,
           GError **error)
{
    if (record->type != TYPE_SOA)
        return failed(error, "does not begin with an SOA");
    incoming->newest = *soa;
    incoming->first_ttl = record->ttl;
    g_byte_array_append(incoming->first, record->rdata, (guint)record->size);
    incoming->phase = PHASE_SECOND;
    gboolean newer = serial_is_after(soa->serial, incoming->role.serial);
    if (incoming->role.kind == INCOMING_SOA)
        return done(incoming, newer ? INCOMING_NEWER : INCOMING_SAME, error);
    if (incoming->role.kind == INCOMING_IXFR && !newer)
        return done(incoming, INCOMING_SAME, error);
    return INCOMING_MORE;
}

static enum incoming_state
take_second(struct incoming *incoming, const struct record *record, const struct soa *soa,
            GError **error)
{
    gboolean is_soa = record->type == TYPE_SOA;
    if (is_soa && incoming->role.kind == INCOMING_IXFR && soa->serial == incoming->role.serial) {
        incoming->phase = PHASE_REMOVED;
        return keep_more(incoming, record, error);
    }
    if (is_soa)
        return failed(error, "has changes from another serial than ours, or no records");
    incoming->phase = PHASE_ZONE;
    struct record first = {.owner = incoming->origin,
                           .type = TYPE_SOA,
                           .ttl = incoming->first_ttl,
                           .rdata = incoming->first->data,
                           .size = incoming->first->len};
    return keep(incoming, &first, error) ? keep_more(incoming, record, error) : INCOMING_FAILED;
}

static enum incoming_state
take_zone(struct incoming *incoming, const struct record *record, const struct soa *soa,
          GError **error)
{
    if (record->type != TYPE_SOA)
        return keep_more(incoming, record, error);
    if (soa->serial != incoming->newest.serial)
        return failed(error, "has another serial at its end than at its begin");
    return done(incoming, INCOMING_ZONE, error);
}

static enum incoming_state
take_added(struct incoming *incoming, const struct record *record, const struct soa *soa,
           GError **error)
{
    if (record->type != TYPE_SOA)
        return keep_more(incoming, record, error);
    if (soa->serial != incoming->reached)
        return failed(error, "has changes that do not follow each other");
    if (incoming->reached == incoming->newest.serial)
        return done(incoming, INCOMING_CHANGES, error);
    incoming->phase = PHASE_REMOVED;
    return keep_more(incoming, record, error);
}

static enum incoming_state
take_removed(struct incoming *incoming, const struct record *record, const struct soa *soa,
             GError **error)
{
    if (record->type == TYPE_SOA) {
        incoming->phase = PHASE_ADDED;
        incoming->reached = soa->serial;
    }
    return keep_more(incoming, record, error);
}

static enum incoming_state
take_record(struct incoming *incoming, const struct record *record, GError **error)
{
    struct soa soa = {0};
    if (record->class != CLASS_IN || !name_is_below(&record->owner, &incoming->origin))
        return failed(error, "has a record of another class or outside of the zone");
    if (record->type == TYPE_SOA && (!name_equal(&record->owner, &incoming->origin) ||
                                     !records_soa(&soa, record->rdata, record->size)))
        return failed(error, "has an SOA elsewhere than at the head of the zone");
    switch (incoming->phase) {
    case PHASE_FIRST:
        return take_first(incoming, record, &soa, error);
    case PHASE_SECOND:
        return take_second(incoming, record, &soa, error);
    case PHASE_ZONE:
        return take_zone(incoming, record, &soa, error);
    case PHASE_REMOVED:
        return take_removed(incoming, record, &soa, error);
    case PHASE_ADDED:
        return take_added(incoming, record, &soa, error);
    default:
        return failed(error, "goes on after its end");
    }
}

enum incoming_state
incoming_take(struct incoming *incoming, const guint8 *wire, gsize size, guint64 now,
              GError **error)
{
    struct record record;
    guint records = 0;
    if (incoming->phase == PHASE_DONE)
        return failed(error, "goes on after its end");
    enum incoming_state state = judge(incoming, wire, size, now, error);
    if (state != INCOMING_MORE)
        return state;
    gboolean readable = records_begin(&incoming->records, wire, size);
    g_assert(readable);
    while (records_next(&incoming->records, &record) == RECORDS_ONE) {
        if (record.section != SECTION_ANSWER)
            break;
        if (state != INCOMING_MORE) /* it was the end */
            return failed(error, "goes on after its end");
        state = take_record(incoming, &record, error);
        if (state == INCOMING_FAILED)
            return state;
        records++;
    }
    return records > 0 ? state : failed(error, "has a message without records");
}
