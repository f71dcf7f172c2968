#include "netsvc/dns/zone/rrset.h"

#include "netsvc/bytes.h"

#include <string.h>

#define TTL_AT 6
#define LENGTH_AT 10

gboolean
rrset_next(const struct rrset *set, struct rrset_record *record)
{
    const guint8 *at = record->rdata == NULL ? set->records : record->rdata + record->size;
    if (at == set->records + set->size)
        return FALSE;
    record->ttl = bytes_get32(at + TTL_AT);
    record->size = bytes_get16(at + LENGTH_AT);
    record->rdata = at + RRSET_RECORD_HEAD;
    return TRUE;
}

/* Behind the last one, where there is room. FALSE: it is none of the type. */
static gboolean
append(struct rrset *set, guint32 ttl, const guint8 *rdata, gsize size)
{
    guint8 *at = set->records + set->size;
    bytes_put16(at, QUESTION_AT);
    bytes_put16(at + 2, set->type);
    bytes_put16(at + 4, CLASS_IN);
    bytes_put32(at + TTL_AT, ttl);
    bytes_put16(at + LENGTH_AT, (guint)size);
    if (size > 0)
        memcpy(at + RRSET_RECORD_HEAD, rdata, size);
    if (!rdata_canonical(set->type, at + RRSET_RECORD_HEAD, size))
        return FALSE;
    set->size = (guint16)(set->size + RRSET_RECORD_HEAD + size);
    set->count++;
    return TRUE;
}

struct rrset *
rrset_new(guint16 type, guint32 ttl, const guint8 *rdata, gsize size)
{
    if (size > RRSET_SIZE_MAX - RRSET_RECORD_HEAD)
        return NULL;
    struct rrset *set = g_malloc0(sizeof *set + RRSET_RECORD_HEAD + size);
    set->type = type;
    set->ttl = ttl;
    if (append(set, ttl, rdata, size))
        return set;
    g_free(set);
    return NULL;
}

/* RFC 2181 5.2: all have one TTL. Signatures have each that of what they sign. */
static void
lower_ttl(struct rrset *set, guint32 ttl)
{
    if (set->type == TYPE_RRSIG)
        return;
    set->ttl = MIN(set->ttl, ttl);
    for (struct rrset_record record = {0}; rrset_next(set, &record);)
        bytes_put32((guint8 *)record.rdata - RRSET_RECORD_HEAD + TTL_AT, set->ttl);
}

/* The record whose data, which stand behind the others, are there already. */
static gboolean
is_double(const struct rrset *set, const guint8 *rdata, gsize size)
{
    for (struct rrset_record record = {0}; rrset_next(set, &record);)
        if (record.rdata != rdata && record.size == size && memcmp(record.rdata, rdata, size) == 0)
            return TRUE;
    return FALSE;
}

gboolean
rrset_add(struct rrset **link, guint32 ttl, const guint8 *rdata, gsize size)
{
    struct rrset *set = *link;
    gsize taken = RRSET_RECORD_HEAD + size;
    if (size > RRSET_SIZE_MAX || set->size + taken > RRSET_SIZE_MAX)
        return FALSE;
    set->compact_size = 0;
    /* Doubling room would cost more than it saves: most are of one record. */
    *link = set = g_realloc(set, sizeof *set + set->size + taken);
    if (!append(set, ttl, rdata, size))
        return FALSE;
    if (is_double(set, set->records + set->size - size, size)) {
        set->size = (guint16)(set->size - taken);
        set->count--;
    }
    lower_ttl(set, ttl);
    return TRUE;
}

/* Written by the writer of answers itself. */
struct rrset *
rrset_compile(struct rrset *set, const struct name *owner)
{
    const char *form = rdata_form(set->type);
    if (form == NULL || strchr(form, 'N') == NULL || set->size == 0)
        return set;
    struct reply reply;
    gsize room = HEADER_SIZE + NAME_SIZE_MAX + 4U + set->size;
    g_autofree guint8 *wire = g_malloc(room);
    reply_begin_question(&reply, owner, set->type, CLASS_IN, wire, room);
    gsize start = reply.size;
    for (struct rrset_record record = {0}; rrset_next(set, &record);)
        reply_record(&reply, SECTION_ANSWER, owner->wire, owner->size, set->type, CLASS_IN,
                     record.ttl, record.rdata, record.size);
    gsize size = reply.size - start;
    set->compact_size = 0;
    if (reply.full || size >= set->size)
        return set;
    set = g_realloc(set, sizeof *set + set->size + size);
    memcpy(set->records + set->size, wire + start, size);
    set->compact_size = (guint16)size;
    return set;
}

gboolean
rrset_equal(const struct rrset *a, const struct rrset *b)
{
    return a->type == b->type && a->size == b->size && memcmp(a->records, b->records, a->size) == 0;
}
