/*
 * wire: what the two nodes say to one another of leases, as bytes (big endian). What comes is
 * checked whole before any of it counts.
 *
 *     message    'L' 'D' version(1) kind(1) session(8) …
 *     HELLO      … other(8) knowledge            begin anew, under this session
 *     BATCH      … number(4) flags(1) knowledge count(2) entry*
 *     ACK        … number(4) flags(1)            all up to that number is durable here
 *
 *     knowledge  n(1) { writer(8) counter(8) }*
 *     entry      address(4) state(1; 0x40 too: its client was not told yet) and, unless it is gone:
 *                left(4) age(4) seconds(4) writer(8) counter(8) size(1) key size(1) mac size(1)
 * name
 *
 * Times are seconds that are left, and that have passed: no clock of one node says anything to the
 * other.
 */
#pragma once

#include "netsvc/dhcp/lease/knowledge.h"
#include "netsvc/dhcp/lease/lease.h"

#define WIRE_VERSION 1
#define WIRE_MAX 48000 /* bytes of a message */
#define WIRE_LEFT_MAX (2u * CONFIG_LEASE_MAX)

enum wire_kind { WIRE_HELLO = 1, WIRE_BATCH, WIRE_ACK };

enum wire_flag {
    WIRE_FIRST = 1,   /* a pass through all leases begins */
    WIRE_END = 2,     /* and ends: what was not in it is not there */
    WIRE_ALL = 4,     /* nothing is left to be sent: what the sender has seen, the other has now */
    WIRE_ANSWERS = 8, /* the sender answers clients */
};

/* Of a lease `until` is what is left, `since` what has passed, both from when it is read. */
struct wire_entry {
    struct lease lease;
    gboolean gone; /* only its address counts */
};

struct wire {
    enum wire_kind kind;
    guint64 session;
    guint64 other; /* HELLO: the session that the sender sends under; 0: none */
    guint32 number;
    guint flags;
    struct knowledge knowledge;
    GArray *entries; /* struct wire_entry */
};

/* FALSE: it makes no sense; `why` says so, and may be NULL. `wire` is to be cleared either way. */
gboolean wire_read(struct wire *wire, const guint8 *data, gsize size, const char **why);
void wire_clear(struct wire *wire);

GByteArray *wire_hello(guint64 session, guint64 other, const struct knowledge *knowledge);
GByteArray *wire_ack(guint64 session, guint32 number, guint flags);

/* A batch is begun, filled and finished. */
GByteArray *wire_batch(guint64 session, guint32 number, const struct knowledge *knowledge);
gboolean wire_has_room(const GByteArray *batch);
void wire_add(GByteArray *batch, const struct lease *lease, gint64 now);
void wire_add_gone(GByteArray *batch, guint32 address);
void wire_finish(GByteArray *batch, guint flags);
