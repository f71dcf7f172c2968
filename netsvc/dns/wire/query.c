#include "netsvc/dns/wire/query.h"

#include "netsvc/bytes.h"
#include "netsvc/dns/wire/reply.h"

#include <string.h>

#define UDP_SIZE_MIN 512 /* RFC 6891 6.2.3: less counts as this */
#define QUESTION_TAIL 4  /* type and class */
#define RECORD_TAIL 10   /* type, class, TTL, length */
#define OPTION_HEAD 4    /* code and length, RFC 6891 6.1.2 */
#define OPTION_NSID 3    /* RFC 5001 */
#define OPTION_COOKIE 10 /* RFC 7873 */
#define COOKIE_CLIENT 8  /* bytes; the server's follow, or not */
#define COOKIE_BOTH_MIN 16
#define COOKIE_BOTH_MAX 40
#define NOTIFY_ANSWERS_MAX 1 /* RFC 1996 3.7: the SOA */
#define IXFR_AUTHORITY_MAX 1 /* RFC 1995 3: the SOA */
#define ADDITIONAL_MAX 2     /* OPT and TSIG */
#define UPDATES_MAX 64       /* and so many prerequisites */

/* ---- OPT ---- */

static gboolean
take_cookie(struct query *query, const guint8 *data, gsize size)
{
    if (size != COOKIE_CLIENT && (size < COOKIE_BOTH_MIN || size > COOKIE_BOTH_MAX))
        return FALSE;
    if (query->cookie == NULL) { /* RFC 7873 5.2: the first one counts */
        query->cookie = data;
        query->cookie_size = size;
    }
    return TRUE;
}

static gboolean
parse_options(struct query *query, const guint8 *at, gsize size)
{
    while (size > 0) {
        if (size < OPTION_HEAD)
            return FALSE;
        guint code = bytes_get16(at), length = bytes_get16(at + 2);
        at += OPTION_HEAD;
        size -= OPTION_HEAD;
        if (length > size)
            return FALSE;
        if (code == OPTION_NSID)
            query->wants_nsid = TRUE;
        if (code == OPTION_COOKIE && !take_cookie(query, at, length))
            return FALSE;
        at += length;
        size -= length;
    }
    return TRUE;
}

/* `at` is behind its owner. The version is looked at by whoever answers: BADVERS needs the rest. */
static gboolean
take_opt(struct query *query, gsize owner_size, const guint8 *at)
{
    if (query->has_opt || owner_size != 1)
        return FALSE;
    query->has_opt = TRUE;
    query->udp_size = (guint16)MAX(bytes_get16(at + 2), UDP_SIZE_MIN);
    query->edns_version = at[5];
    query->dnssec_ok = (at[6] & 0x80) != 0;
    /* Of another version we do not know what its options look like (RFC 6891 6.1.3). */
    return query->edns_version != 0 || parse_options(query, at + RECORD_TAIL, bytes_get16(at + 8));
}

/* ---- sections ---- */

/* One record; its offset moves behind it. FALSE: it is none. OPT and TSIG may stand in the
 * additional section alone, and TSIG last (RFC 8945 5.1). */
static gboolean
parse_record(struct query *query, gsize *offset, gboolean additional, gboolean last)
{
    struct name owner;
    gsize start = *offset;
    gsize taken = name_from_wire(&owner, query->wire + start, query->size - start, query->wire);
    if (taken == 0 || query->size - start - taken < RECORD_TAIL)
        return FALSE;
    const guint8 *at = query->wire + start + taken;
    gsize left = query->size - start - taken - RECORD_TAIL;
    guint type = bytes_get16(at), length = bytes_get16(at + 8);
    if (length > left)
        return FALSE;
    *offset = start + taken + RECORD_TAIL + length;
    if (type == TYPE_OPT)
        return additional && take_opt(query, taken, at);
    if (type == TYPE_TSIG) {
        query->tsig = start;
        return additional && last && bytes_get16(at + 2) == CLASS_ANY;
    }
    return TRUE;
}

static gboolean
parse_question(struct query *query, gsize *offset)
{
    gsize left = query->size - HEADER_SIZE;
    gsize taken = name_from_wire(&query->name, query->wire + HEADER_SIZE, left, NULL);
    if (taken == 0 || left - taken < QUESTION_TAIL)
        return FALSE;
    *offset = HEADER_SIZE + taken;
    query->type = bytes_get16(query->wire + *offset);
    query->class = bytes_get16(query->wire + *offset + 2);
    *offset += QUESTION_TAIL;
    query->question_end = *offset;
    return TRUE;
}

/* What our kinds of request hold; of others, which are not implemented, we look at nothing more. */
static gboolean
counts_are_good(const struct query *query, guint answers, guint authority, guint additional)
{
    if (additional > ADDITIONAL_MAX)
        return FALSE;
    if (query->opcode == OPCODE_NOTIFY)
        return answers <= NOTIFY_ANSWERS_MAX && authority == 0;
    if (query->opcode == OPCODE_UPDATE)
        return answers <= UPDATES_MAX && authority <= UPDATES_MAX;
    return answers == 0 && authority <= (query->type == TYPE_IXFR ? IXFR_AUTHORITY_MAX : 0);
}

static gboolean
parse_sections(struct query *query, gsize offset)
{
    const guint8 *wire = query->wire;
    guint answers = bytes_get16(wire + 6), authority = bytes_get16(wire + 8),
          additional = bytes_get16(wire + 10);
    if (!counts_are_good(query, answers, authority, additional))
        return FALSE;
    for (; answers > 0; answers--)
        if (!parse_record(query, &offset, FALSE, FALSE))
            return FALSE;
    if (authority > 0)
        query->authority = offset;
    for (; authority > 0; authority--)
        if (!parse_record(query, &offset, FALSE, FALSE))
            return FALSE;
    for (; additional > 0; additional--)
        if (!parse_record(query, &offset, TRUE, additional == 1))
            return FALSE;
    return offset == query->size;
}

/* No question at all: that is a question for a cookie, if it has one (RFC 7873 5.4). */
static gboolean
is_for_cookie(const struct query *query)
{
    return query->opcode == OPCODE_QUERY && bytes_get16(query->wire + 4) == 0;
}

enum query_outcome
query_parse(struct query *query, const guint8 *wire, gsize size)
{
    if (size < HEADER_SIZE || bytes_get16(wire + 2) & FLAG_QR)
        return QUERY_IGNORE;
    query->wire = wire;
    query->size = size;
    query->id = bytes_get16(wire);
    query->flags = bytes_get16(wire + 2);
    query->opcode = (query->flags & FLAG_OPCODE_MASK) >> FLAG_OPCODE_SHIFT;
    query->name.size = query->name.labels = 0;
    query->type = query->class = 0;
    query->question_end = HEADER_SIZE;
    query->has_opt = query->dnssec_ok = query->wants_nsid = FALSE;
    query->edns_version = 0;
    query->udp_size = UDP_SIZE_MIN;
    query->cookie = NULL;
    query->cookie_size = query->tsig = query->authority = 0;
    gboolean ours = query->opcode == OPCODE_QUERY || query->opcode == OPCODE_NOTIFY ||
                    query->opcode == OPCODE_UPDATE;
    gsize offset = HEADER_SIZE;
    if (is_for_cookie(query))
        return parse_sections(query, offset) && query->cookie != NULL ? QUERY_GOOD : QUERY_WRONG;
    if (bytes_get16(wire + 4) != 1 || !parse_question(query, &offset))
        return ours ? QUERY_WRONG : QUERY_GOOD;
    return !ours || parse_sections(query, offset) ? QUERY_GOOD : QUERY_WRONG;
}
