/*
 * records: reads the records of a message from a peer, strictly, one after another.
 *
 * Names inside RDATA are written out, in small letters where a type's canonical form has them so
 * (rdata.h), and RDATA is checked against that form: nothing malformed comes into a zone.
 */
#pragma once

#include "netsvc/dns/wire/reply.h"

#define RDATA_MAX 65535 /* bytes */
#define SOA_NUMBERS 20  /* bytes of an SOA behind its names: serial and four times */

struct record {
    struct name owner;
    enum section section;
    guint16 type, class;
    guint32 ttl;
    gsize offset;        /* in the message */
    const guint8 *rdata; /* valid until the next one is read */
    gsize size;
};

struct records {
    const guint8 *wire;
    gsize size, at;
    guint16 id, flags;
    guint left[SECTIONS]; /* records */
    struct name name;     /* of the question, if there is one … */
    guint16 type, class;
    gboolean asks; /* … which this says */
    guint8 rdata[RDATA_MAX];
};

/* The header and the question; more than one question is wrong. */
gboolean records_begin(struct records *records, const guint8 *wire, gsize size);

enum records_outcome { RECORDS_ONE, RECORDS_END, RECORDS_WRONG };
enum records_outcome records_next(struct records *records, struct record *record);

/* The serial of SOA RDATA as records_next gives it; and the timers behind it. */
struct soa {
    guint32 serial, refresh, retry, expire, minimum;
};
gboolean records_soa(struct soa *soa, const guint8 *rdata, gsize size);

/* Whether serial a comes after b (RFC 1982); of two that are 2³¹ apart neither does. */
gboolean serial_is_after(guint32 a, guint32 b);
