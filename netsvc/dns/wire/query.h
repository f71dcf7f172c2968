/*
 * query: a request as it came, parsed strictly (RFC 1035 4.1, RFC 6891): one question, and in the
 * additional section an OPT record and a TSIG one at most. Everything points into the packet.
 */
#pragma once

#include "netsvc/dns/wire/name.h"

#include <sys/types.h>

#define QUERY_UDP_MAX 1232 /* bytes of an answer by UDP (DNS flag day 2020) */

/* Answers' codes: RFC 1035 4.1.1, RFC 6895; above 15 they need an OPT record. */
enum rcode {
    RCODE_NOERROR = 0,
    RCODE_FORMERR = 1,
    RCODE_SERVFAIL = 2,
    RCODE_NXDOMAIN = 3,
    RCODE_NOTIMP = 4,
    RCODE_REFUSED = 5,
    RCODE_YXDOMAIN = 6, /* RFC 6672 2.2 */
    RCODE_YXRRSET = 7,  /* RFC 2136 2.2, as the next but one */
    RCODE_NXRRSET = 8,
    RCODE_NOTAUTH = 9,
    RCODE_NOTZONE = 10, /* RFC 2136 2.2 */
    RCODE_BADVERS = 16,
    RCODE_BADCOOKIE = 23,
};

enum opcode {
    OPCODE_QUERY = 0,
    OPCODE_NOTIFY = 4,
    OPCODE_UPDATE = 5,
};

/* What could be read of it before it was wrong is there: an answer FORMERR has id and question. */
struct query {
    const guint8 *wire;
    gsize size;
    guint16 id, flags; /* as they came */
    enum opcode opcode;
    struct name name; /* of the question, in small letters */
    guint16 type, class;
    gsize question_end;          /* offset behind the question; 12: there is none, which is good
                                    in a query for a cookie alone */
    gboolean has_opt, dnssec_ok; /* DO */
    guint8 edns_version;
    guint16 udp_size; /* what the asker takes, 512 at least; of no meaning with TCP */
    gboolean wants_nsid;
    const guint8 *cookie; /* RFC 7873: 8 bytes, or 16 to 40 with the server's; NULL: none */
    gsize cookie_size;
    gsize tsig;      /* offset of the TSIG record; 0: none */
    gsize authority; /* offset of the authority section (IXFR's SOA); 0: it is empty */
};

enum query_outcome {
    QUERY_GOOD,
    QUERY_WRONG,  /* FORMERR (or the extended code for EDNS) is its answer */
    QUERY_IGNORE, /* no answer: too short for a header, or an answer itself */
};
enum query_outcome query_parse(struct query *query, const guint8 *wire, gsize size);
