/*
 * rrset: all records of a name and type, as they stand in an answer to a question for that name:
 *
 *     C0 0C  type  class  TTL  length  RDATA      … one behind the other
 *
 * without compression inside the RDATA: so they can be walked as data, and copied as an answer.
 * Where compression makes them smaller a second, compressed copy follows, made by rrset_compile.
 */
#pragma once

#include "netsvc/dns/wire/reply.h"

#define RRSET_SIZE_MAX 60000 /* bytes of records: they have to fit into a message */
#define RRSET_RECORD_HEAD 12 /* bytes before the RDATA */

struct rrset {
    struct rrset *next; /* of the same name */
    guint32 ttl;        /* of all its records, the lowest that was given; RRSIG: of the first */
    guint16 type;
    guint16 count;
    guint16 size;         /* bytes of the records */
    guint16 compact_size; /* bytes of the compressed copy behind them; 0: there is none */
    guint8 records[];
};

/* NULL: the data are none of that type. Names in it are in small letters afterwards. */
struct rrset *rrset_new(guint16 type, guint32 ttl, const guint8 *rdata, gsize size);

/* One record more; *set is moved. FALSE: it would be too large, or the data are none of that type;
 * it is as it was. A double is passed over, which lowers the TTL only. */
gboolean rrset_add(struct rrset **set, guint32 ttl, const guint8 *rdata, gsize size);

/* Makes the compressed copy for answers to a question for `owner`; `set` is moved and given back.
 */
struct rrset *rrset_compile(struct rrset *set, const struct name *owner);

gboolean rrset_equal(const struct rrset *a, const struct rrset *b);

/* Each record in turn: *at is NULL at first. FALSE: that was all. */
struct rrset_record {
    guint32 ttl;
    guint16 size;
    const guint8 *rdata;
};
gboolean rrset_next(const struct rrset *set, struct rrset_record *record);
