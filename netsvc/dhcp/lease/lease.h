/*
 * lease: who has which address until when. All leases, found by address and by client; what is
 * durable of them is store.h's.
 *
 *     FREE → OFFERED (in memory only) → LEASED ⇄ (renewed)
 *              LEASED → RELEASED, EXPIRED     the client's still, given to others last of all
 *              any → DECLINED                 rests, then FREE
 *
 * Time is seconds of the boot clock (CLOCK_BOOTTIME), which is passed in.
 */
#pragma once

#include "netsvc/config/config.h"

#define LEASE_KEY_MAX 255 /* bytes of a client identifier */
#define LEASE_NAME_MAX 64 /* a label and its zero byte */

enum lease_state {
    LEASE_OFFERED,
    LEASE_LEASED,
    LEASE_RELEASED,
    LEASE_EXPIRED,
    LEASE_DECLINED,
    LEASE_STATES,
};

/* Of one state of a lease: who made it (knowledge.h), and its how manieth change that was. Both 0:
 * made by one node alone. */
struct version {
    guint64 writer, counter;
};

struct lease {
    guint32 address;
    enum lease_state state;
    gint64 until; /* boot clock: LEASED: its end; OFFERED, DECLINED: when that is over */
    gint64 since; /* boot clock: when the last state began */
    guint8 key_size;
    guint8 key[LEASE_KEY_MAX]; /* option 61 as it came, with its type; else htype and chaddr (RFC
                                  2131 4.2) */
    guint8 mac_size;
    guint8 mac[16];
    char name[LEASE_NAME_MAX]; /* hostname that it is known by in DNS; "" none */
    guint32 seconds;           /* that were granted last */
    struct version version;    /* of a pair's nodes; a change by time alone makes none */
    gint64 acked;              /* boot clock: until then, as the other node surely knows; not after
                                  now: it knows nothing */
    gboolean pending;          /* it was not told to the client yet, and may not be: it is of the
                                  other node's half, which has not said yet that it knows it */
};

struct leases;

struct leases *leases_new(void);
void leases_free(struct leases *leases);
AUTO_DEFINE(leases)

/* Owned by `leases`; valid until it is removed. NULL: there is none. */
struct lease *leases_of_address(const struct leases *leases, guint32 address);
struct lease *leases_of_key(const struct leases *leases, guint32 network, guint32 mask,
                            const guint8 *key, gsize size);

/* Makes one, or gives the address to another client: what is indexed (address, key, state, until)
 * changes only through these. */
struct lease *leases_put(struct leases *leases, const struct lease *lease);
void leases_remove(struct leases *leases, struct lease *lease);

/* The one whose time is over first, if it is by `now`, so that it can be put as EXPIRED, or
 * removed; NULL: none. And when the next one's is; G_MAXINT64: never. */
struct lease *leases_over(struct leases *leases, gint64 now);
gint64 leases_next_over(const struct leases *leases);

/* Of a range, the address that was given up (EXPIRED, RELEASED) longest ago; NULL: none. */
struct lease *leases_oldest(const struct leases *leases, guint32 first, guint32 last);

/* In the order of addresses, from the one behind `after`; NULL: that was all. */
struct lease *leases_after(const struct leases *leases, guint32 after);
guint leases_count(const struct leases *leases, enum lease_state state, guint32 first,
                   guint32 last);
