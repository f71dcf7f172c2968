#include "netsvc/dns/forward/relay.h"

#include "netsvc/bytes.h"
#include "netsvc/dns/dns.h"
#include "netsvc/dns/forward/foreign.h"
#include "netsvc/dns/forward/private.h"

#include <string.h>

#define RECORD_HEAD 10         /* type, class, TTL, size of the data */
#define TTL_OFFSET 4           /* in that */
#define TTL_HIGHEST 0x7fffffff /* above it is 0, RFC 2181 8 */
#define COUNTS_OFFSET 6        /* of answers, in the header */
#define SOA_NUMBERS 20         /* behind a SOA's two names; the last 4 are the minimum */
#define COMPRESSED_MAX (2 * NAME_SIZE_MAX + SOA_NUMBERS) /* data with names that are compressed */

/* A name that reply.h has learnt must stay where it is until the end: each of its names comes from
 * one of these at the most. */
struct slot {
    struct name owner;
    guint8 rdata[COMPRESSED_MAX];
};

struct relay {
    struct cache_answer answer;
    guint32 seconds;
    guint8 wire[DNS_TCP_MAX];
    guint8 rdata[DNS_TCP_MAX + 2 * NAME_SIZE_MAX];
    struct slot slots[REPLY_NAMES_MAX + 1];
};

/* A record as it is read, `rdata` without compression. */
struct record {
    guint16 type, class;
    guint32 ttl;
    const guint8 *rdata;
    gsize size;
};

/* A message on its way from there to here. */
struct reader {
    struct relay *relay;
    const struct cache_key *key;
    const guint8 *wire;
    gsize size, at;
    struct reply reply;
    guint slot;
    guint32 ttl;      /* least of all */
    guint32 negative; /* of the SOA record, where there is one; else 0 */
    gboolean matched; /* there is a record of the type that was asked for */
    gboolean blocked;
};

struct relay *
relay_new(void)
{
    return g_new0(struct relay, 1);
}

void
relay_free(struct relay *relay)
{
    g_free(relay);
}

/* ---- is it an answer at all ---- */

gboolean
relay_matches(const guint8 *asked, gsize end, const guint8 *wire, gsize size, gboolean fold)
{
    if (size < end || bytes_get16(wire) != bytes_get16(asked) || bytes_get16(wire + 4) != 1)
        return FALSE;
    guint16 flags = bytes_get16(wire + 2);
    if ((flags & (FLAG_QR | FLAG_OPCODE_MASK)) != FLAG_QR)
        return FALSE;
    if (!fold)
        return memcmp(asked + HEADER_SIZE, wire + HEADER_SIZE, end - HEADER_SIZE) == 0;
    for (gsize i = HEADER_SIZE; i < end; i++)
        if (g_ascii_tolower((char)asked[i]) != g_ascii_tolower((char)wire[i]))
            return FALSE;
    return TRUE;
}

/* ---- reading ---- */

/* One part of a record's data, its names in full and in small letters. FALSE: it is damaged. */
static gboolean
read_part(struct reader *reader, char form, gsize end, guint8 *to, gsize *size)
{
    const guint8 *at = reader->wire + reader->at;
    gsize left = end - reader->at, taken = left;
    struct name name;
    if (form == 'N' || form == 'L' || form == 'K') {
        /* RFC 3597 4: of types younger than RFC 1035 some come compressed all the same */
        taken = name_from_wire(&name, at, left, form == 'K' ? NULL : reader->wire);
        if (taken == 0)
            return FALSE;
        memcpy(to, name.wire, name.size);
        *size = name.size;
        reader->at += taken;
        return TRUE;
    }
    if (form == '2' || form == '4')
        taken = (gsize)(form - '0');
    else if (form == 's' || form == 'S')
        taken = left > 0 ? at[0] + 1U : 1;
    if (taken > left)
        return FALSE;
    memcpy(to, at, taken);
    *size = taken;
    reader->at += taken;
    return TRUE;
}

static gboolean
read_data(struct reader *reader, struct record *record, gsize end)
{
    const char *form = rdata_form(record->type);
    gboolean compressed = form != NULL && strchr(form, 'N') != NULL;
    guint8 *to = compressed ? reader->relay->slots[reader->slot].rdata : reader->relay->rdata;
    record->rdata = to;
    record->size = 0;
    if (form == NULL)
        form = ".";
    do {
        gsize size;
        if (!read_part(reader, *form, end, to + record->size, &size))
            return FALSE;
        record->size += size;
        if (*form != 'S' || reader->at == end)
            form++;
    } while (*form != '\0');
    return reader->at == end;
}

/* FALSE: it is damaged. */
static gboolean
read_record(struct reader *reader, struct record *record)
{
    struct slot *slot = &reader->relay->slots[reader->slot];
    gsize taken = name_from_wire(&slot->owner, reader->wire + reader->at, reader->size - reader->at,
                                 reader->wire);
    if (taken == 0 || reader->size - reader->at - taken < RECORD_HEAD)
        return FALSE;
    const guint8 *head = reader->wire + reader->at + taken;
    reader->at += taken + RECORD_HEAD;
    record->type = bytes_get16(head);
    record->class = bytes_get16(head + 2);
    record->ttl = bytes_get32(head + TTL_OFFSET);
    if (record->ttl > TTL_HIGHEST)
        record->ttl = 0;
    record->ttl = MIN(record->ttl, RELAY_TTL_MAX);
    gsize size = bytes_get16(head + 8);
    return size <= reader->size - reader->at && read_data(reader, record, reader->at + size);
}

/* ---- what is kept ---- */

static gboolean
is_meta(guint16 type)
{
    return type == 0 || type == TYPE_OPT || (type >= TYPE_META_FIRST && type <= TYPE_META_LAST);
}

static gboolean
is_kept(const struct reader *reader, enum section section, const struct record *record)
{
    if (record->class != CLASS_IN || is_meta(record->type))
        return FALSE;
    if (section == SECTION_ANSWER || record->type == TYPE_SOA)
        return TRUE;
    return reader->key->dnssec_ok &&
           (record->type == TYPE_NSEC || record->type == TYPE_NSEC3 || record->type == TYPE_RRSIG);
}

/* Its names stay where they are if the reply has learnt them. */
static void
write_record(struct reader *reader, struct reply *reply, enum section section,
             const struct record *record)
{
    const struct name *owner = &reader->relay->slots[reader->slot].owner;
    guint known = reply->known_count;
    reply_record(reply, section, owner->wire, owner->size, record->type, record->class, record->ttl,
                 record->rdata, record->size);
    if (reply->known_count > known && reader->slot < REPLY_NAMES_MAX)
        reader->slot++;
}

static void
keep(struct reader *reader, enum section section, struct record *record)
{
    if (section == SECTION_AUTHORITY && record->type == TYPE_SOA) {
        guint32 minimum = bytes_get32(record->rdata + record->size - 4);
        record->ttl = MIN(record->ttl, MIN(minimum, RELAY_NEGATIVE_TTL_MAX)); /* RFC 2308 5 */
        reader->negative = record->ttl;
    }
    if (section == SECTION_ANSWER &&
        (record->type == reader->key->type || reader->key->type == TYPE_ANY))
        reader->matched = TRUE;
    if (private_rdata(record->type, record->rdata, record->size))
        reader->blocked = TRUE;
    reader->ttl = MIN(reader->ttl, record->ttl);
    write_record(reader, &reader->reply, section, record);
}

static gboolean
read_section(struct reader *reader, enum section section, guint count)
{
    struct record record;
    for (guint i = 0; i < count; i++) {
        if (!read_record(reader, &record))
            return FALSE;
        if (is_kept(reader, section, &record))
            keep(reader, section, &record);
    }
    return TRUE;
}

static void
begin(struct reader *reader)
{
    reply_begin_question(&reader->reply, &reader->key->name, reader->key->type, CLASS_IN,
                         reader->relay->wire, sizeof reader->relay->wire);
}

static void
end(struct reader *reader, enum rcode rcode)
{
    struct relay *relay = reader->relay;
    gboolean negative = !reader->matched;
    relay->seconds = negative ? MIN(reader->ttl, reader->negative) : reader->ttl;
    relay->answer.error = ERROR_NONE;
    if (reader->blocked) {
        begin(reader);
        reply_root_soa(&reader->reply, RELAY_BLOCKED_TTL);
        relay->seconds = RELAY_BLOCKED_TTL;
        relay->answer.error = ERROR_BLOCKED;
        rcode = RCODE_NOERROR;
    }
    reader->reply.rcode = rcode;
    relay->answer.wire = relay->wire;
    relay->answer.size = reply_end(&reader->reply);
}

enum relay_outcome
relay_read(struct relay *relay, const struct cache_key *key, const guint8 *wire, gsize size)
{
    struct reader reader = {
        .relay = relay, .key = key, .wire = wire, .size = size, .ttl = RELAY_TTL_MAX};
    gsize question_end = HEADER_SIZE + key->name.size + 4U;
    if (size < question_end)
        return RELAY_BROKEN;
    enum rcode rcode = bytes_get16(wire + 2) & RCODE_MASK;
    if (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP)
        return RELAY_NO_EDNS;
    if (rcode == RCODE_REFUSED)
        return RELAY_REFUSED;
    if (rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN)
        return RELAY_FAILED;
    reader.at = question_end;
    begin(&reader);
    if (!read_section(&reader, SECTION_ANSWER, bytes_get16(wire + COUNTS_OFFSET)) ||
        !read_section(&reader, SECTION_AUTHORITY, bytes_get16(wire + COUNTS_OFFSET + 2)) ||
        reader.reply.full)
        return RELAY_BROKEN;
    end(&reader, rcode);
    return RELAY_GOOD;
}

const struct cache_answer *
relay_answer(const struct relay *relay)
{
    return &relay->answer;
}

guint32
relay_seconds(const struct relay *relay)
{
    return relay->seconds;
}

enum rcode
relay_rcode(const struct cache_answer *answer)
{
    return bytes_get16(answer->wire + 2) & RCODE_MASK;
}

/* ---- writing ---- */

static guint32
ttl_left(guint32 ttl, guint32 age, gboolean stale)
{
    return stale ? RELAY_STALE_TTL : ttl - MIN(ttl, age);
}

/* Our own records, which need no checks. */
static void
rewrite_ttls(guint8 *at, const guint8 *end, guint32 age, gboolean stale)
{
    while (at < end) {
        while (*at > 0 && *at <= LABEL_MAX)
            at += *at + 1;
        at += *at > 0 ? 2 : 1;
        bytes_put32(at + TTL_OFFSET, ttl_left(bytes_get32(at + TTL_OFFSET), age, stale));
        at += RECORD_HEAD + bytes_get16(at + 8);
    }
    g_assert(at == end);
}

/* As they are: the pointers in them lead to the same question. */
static void
copy_records(const struct cache_answer *answer, gsize question_end, guint32 age, gboolean stale,
             struct reply *reply)
{
    gsize before = reply->size;
    reply_raw(reply, SECTION_ANSWER, answer->wire + question_end, answer->size - question_end,
              bytes_get16(answer->wire + COUNTS_OFFSET));
    reply->counts[SECTION_AUTHORITY] = bytes_get16(answer->wire + COUNTS_OFFSET + 2);
    if (!reply->full)
        rewrite_ttls(reply->wire + before, reply->wire + reply->size, age, stale);
}

/* Behind what stands there, so that their names are elsewhere. */
static void
append_records(struct relay *relay, const struct cache_answer *answer, gsize question_end,
               guint32 age, gboolean stale, struct reply *reply)
{
    struct reader reader = {
        .relay = relay, .wire = answer->wire, .size = answer->size, .at = question_end};
    for (enum section section = SECTION_ANSWER; section <= SECTION_AUTHORITY; section++) {
        guint count = bytes_get16(answer->wire + COUNTS_OFFSET + 2 * section);
        for (guint i = 0; i < count && !reply->full; i++) {
            struct record record;
            gboolean good = read_record(&reader, &record);
            g_assert(good); /* we wrote it */
            record.ttl = ttl_left(record.ttl, age, stale);
            write_record(&reader, reply, section, &record);
        }
    }
}

static gsize
question_end_of(const struct cache_answer *answer)
{
    gsize at = HEADER_SIZE;
    while (answer->wire[at] > 0)
        at += answer->wire[at] + 1U;
    return at + 1 + 4;
}

void
relay_write(struct relay *relay, const struct cache_answer *answer, gint64 now, gboolean parent,
            struct reply *reply)
{
    gboolean stale = now >= answer->until;
    guint32 age = (guint32)MAX(now - answer->put, 0);
    gsize question_end = question_end_of(answer);
    g_assert(answer->size >= question_end);
    reply->flags |= FLAG_RA;
    reply->rcode = relay_rcode(answer);
    reply->error = answer->error;
    if (reply->error == ERROR_NONE && stale)
        reply->error = reply->rcode == RCODE_NXDOMAIN ? ERROR_STALE_NXDOMAIN : ERROR_STALE;
    if (parent && reply->rcode == RCODE_NXDOMAIN)
        reply->rcode = RCODE_NOERROR;
    if (reply->size == reply->question_end)
        copy_records(answer, question_end, age, stale, reply);
    else
        append_records(relay, answer, question_end, age, stale, reply);
}
