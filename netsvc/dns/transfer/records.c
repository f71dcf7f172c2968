#include "records.h"
#include "netsvc/bytes.h"

#include <string.h>

#define COUNTS 4      /* offset of the numbers of records in the header */
#define FIXED_SIZE 10 /* type, class, TTL, size of RDATA */

gboolean
serial_is_after(guint32 a, guint32 b)
{
    return a != b && a - b < 0x80000000u;
}

/* ---- the message ---- */

gboolean
records_begin(struct records *records, const guint8 *wire, gsize size)
{
    if (size < HEADER_SIZE)
        return FALSE;
    records->wire = wire;
    records->size = size;
    records->at = HEADER_SIZE;
    records->id = bytes_get16(wire);
    records->flags = bytes_get16(wire + 2);
    for (int section = 0; section < SECTIONS; section++)
        records->left[section] = bytes_get16(wire + COUNTS + 2 + 2 * section);
    guint questions = bytes_get16(wire + COUNTS);
    records->asks = questions == 1;
    if (!records->asks)
        return questions == 0;
    gsize took = name_from_wire(&records->name, wire + HEADER_SIZE, size - HEADER_SIZE, wire);
    records->at += took;
    if (took == 0 || size - records->at < 4)
        return FALSE;
    records->type = bytes_get16(wire + records->at);
    records->class = bytes_get16(wire + records->at + 2);
    records->at += 4;
    return TRUE;
}

/* ---- RDATA ---- */

struct rdata {
    struct records *records;
    gsize at, end; /* in the message */
    gsize size;    /* written so far */
};

static gboolean
copy(struct rdata *rdata, gsize size)
{
    if (size > rdata->end - rdata->at || size > RDATA_MAX - rdata->size)
        return FALSE;
    memcpy(rdata->records->rdata + rdata->size, rdata->records->wire + rdata->at, size);
    rdata->at += size;
    rdata->size += size;
    return TRUE;
}

static gboolean
copy_name(struct rdata *rdata)
{
    struct name name;
    const guint8 *wire = rdata->records->wire;
    gsize took = name_from_wire(&name, wire + rdata->at, rdata->end - rdata->at, wire);
    if (took == 0 || name.size > RDATA_MAX - rdata->size)
        return FALSE;
    memcpy(rdata->records->rdata + rdata->size, name.wire, name.size);
    rdata->at += took;
    rdata->size += name.size;
    return TRUE;
}

/* Names are written out, everything else is left to rdata_canonical to judge. Of the types whose
 * names must not be compressed some were by old servers (RFC 3597, 4). */
static gboolean
copy_part(struct rdata *rdata, char part)
{
    switch (part) {
    case 'N':
    case 'L':
        return copy_name(rdata);
    case '2':
    case '4':
        return copy(rdata, (gsize)(part - '0'));
    case 's':
        return rdata->at < rdata->end && copy(rdata, rdata->records->wire[rdata->at] + 1u);
    default:
        return copy(rdata, rdata->end - rdata->at);
    }
}

static gboolean
read_rdata(struct records *records, struct record *record, gsize end)
{
    struct rdata rdata = {.records = records, .at = records->at, .end = end};
    record->rdata = records->rdata;
    record->size = 0;
    if (records->at == end && (record->class == CLASS_ANY || record->class == CLASS_NONE))
        return TRUE; /* RFC 2136: it is about what there is, and holds nothing itself */
    const char *form = rdata_form(record->type);
    for (const char *part = form != NULL ? form : "."; *part != '\0'; part++)
        if (!copy_part(&rdata, *part))
            return FALSE;
    record->size = rdata.size;
    return rdata.at == end && rdata_canonical(record->type, records->rdata, rdata.size);
}

enum records_outcome
records_next(struct records *records, struct record *record)
{
    enum section section = SECTION_ANSWER;
    while (section < SECTIONS && records->left[section] == 0)
        section++;
    if (section == SECTIONS)
        return records->at == records->size ? RECORDS_END : RECORDS_WRONG;
    records->left[section]--;
    record->section = section;
    record->offset = records->at;
    gsize left = records->size - records->at;
    const guint8 *at = records->wire + records->at;
    gsize took = name_from_wire(&record->owner, at, left, records->wire);
    if (took == 0 || left - took < FIXED_SIZE)
        return RECORDS_WRONG;
    at += took;
    record->type = bytes_get16(at);
    record->class = bytes_get16(at + 2);
    record->ttl = bytes_get32(at + 4);
    gsize size = bytes_get16(at + 8);
    records->at += took + FIXED_SIZE;
    if (size > records->size - records->at)
        return RECORDS_WRONG;
    gsize end = records->at + size;
    if (!read_rdata(records, record, end))
        return RECORDS_WRONG;
    records->at = end;
    return RECORDS_ONE;
}

gboolean
records_soa(struct soa *soa, const guint8 *rdata, gsize size)
{
    if (size < SOA_NUMBERS + 2)
        return FALSE;
    const guint8 *numbers = rdata + size - SOA_NUMBERS;
    soa->serial = bytes_get32(numbers);
    soa->refresh = bytes_get32(numbers + 4);
    soa->retry = bytes_get32(numbers + 8);
    soa->expire = bytes_get32(numbers + 12);
    soa->minimum = bytes_get32(numbers + 16);
    return TRUE;
}
