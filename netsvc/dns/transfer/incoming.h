/*
 * incoming: a primary's answer to a secondary: its SOA, AXFR (RFC 5936) or IXFR (RFC 1995), message
 * by message as they come over TCP, and any bytes as far as it is concerned.
 *
 *     incoming_new → incoming_request → incoming_take each message … until it is not MORE
 *
 * Nothing is believed before the last message's signature is good. Records and bytes have caps;
 * how long it may take is the caller's to limit. What is wrong is told as what the primary did:
 * 'its answer …'.
 */
#pragma once

#include "netsvc/dns/transfer/content.h"
#include "netsvc/dns/transfer/records.h"
#include "netsvc/dns/transfer/tsig.h"

#define INCOMING_REQUEST_MAX 1024              /* bytes of a request with its signature */
#define INCOMING_BYTES_MAX (256 * 1024 * 1024) /* of what comes in */

enum incoming_kind {
    INCOMING_SOA,  /* asks for the serial alone */
    INCOMING_AXFR, /* the whole zone */
    INCOMING_IXFR, /* what has changed; the whole zone comes too if the primary so decides */
};

struct incoming_role {
    const struct name *origin;
    enum incoming_kind kind;
    guint32 serial;             /* that we have; of no meaning with AXFR */
    const struct tsig_key *key; /* NULL: unsigned */
    gint64 skew;                /* of the primary's clock, as far as known */
    guint64 records_max;        /* ZONE_RECORDS_MAX */
    gsize bytes_max;            /* INCOMING_BYTES_MAX */
};

struct incoming;

struct incoming *incoming_new(const struct incoming_role *role);
void incoming_free(struct incoming *incoming);
AUTO_DEFINE(incoming)

/* The request in `out`, without its length; its size. `now`: seconds since 1970. */
gsize incoming_request(struct incoming *incoming, guint16 id, guint8 out[INCOMING_REQUEST_MAX],
                       guint64 now);

enum incoming_state {
    INCOMING_MORE,
    INCOMING_NEWER,   /* SOA: the primary has a later serial */
    INCOMING_SAME,    /* SOA, IXFR: it has none */
    INCOMING_ZONE,    /* all is there: incoming_content is the zone */
    INCOMING_CHANGES, /* all is there: incoming_content is what apply.h takes */
    INCOMING_CLOCK,   /* its clock differs: ask anew, with incoming_skew */
    INCOMING_WHOLE,   /* it knows no IXFR: ask for all */
    INCOMING_FAILED,
};
enum incoming_state incoming_take(struct incoming *incoming, const guint8 *wire, gsize size,
                                  guint64 now, GError **error);

gint64 incoming_skew(const struct incoming *incoming);

/* Stays the incoming's. */
const struct content *incoming_content(const struct incoming *incoming);
