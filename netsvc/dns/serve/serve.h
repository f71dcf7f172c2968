/*
 * serve: the path of every query, from the packet to its answer.
 *
 *     parse → admitted? → signed? → opcode, class, EDNS version → transfer, or
 *         names of our own making → our zones → names that are not ours
 *
 * What is not a look-up in our zones is done by others, whom `serve_parts` names; each part may be
 * absent, and what is said then is told there. Nothing is allocated here, nothing is waited for.
 */
#pragma once

#include "netsvc/dns/serve/asker.h"
#include "netsvc/dns/zone/zones.h"

#define SERVE_UDP_OUT QUERY_UDP_MAX /* room behind `out` by UDP; by TCP it is DNS_TCP_MAX */

/* What the rate limit and the cookie say of a query. */
enum serve_verdict {
    SERVE_ANSWER,
    SERVE_TRUNCATE,   /* an empty answer with TC, so that who is real comes by TCP */
    SERVE_BAD_COOKIE, /* RFC 7873 5.2.3 */
    SERVE_DROP,
};

/* Each gives the size of an answer in `out` with its `room`, options included; or 0: there is none,
 * or it comes through the asker later. */
struct serve_parts {
    /* May fill in the answer's cookie. Absent: all are answered. */
    enum serve_verdict (*admit)(gpointer context, const struct asker *asker,
                                const struct query *query, struct reply_options *options);
    /* A query with a TSIG record: checks it, has serve_query answer, and signs that. Absent:
     * NOTAUTH. */
    gsize (*authenticate)(gpointer context, const struct asker *asker, const struct query *query,
                          const struct reply_options *options, guint8 *out, gsize room);
    /* AXFR and IXFR. Absent: REFUSED. */
    gsize (*transfer)(gpointer context, const struct asker *asker, const struct query *query,
                      const struct reply_options *options, guint8 *out, gsize room);
    /* Opcode NOTIFY. Absent: NOTIMP. */
    gsize (*notify)(gpointer context, const struct asker *asker, const struct query *query,
                    const struct reply_options *options, guint8 *out, gsize room);
    /* Opcode UPDATE without a signature. Absent: NOTIMP. */
    gsize (*update)(gpointer context, const struct asker *asker, const struct query *query,
                    const struct reply_options *options, guint8 *out, gsize room);
    /* Before our zones are asked; 0: they know. Absent: they do. */
    gsize (*made)(gpointer context, const struct query *query, const struct reply_options *options,
                  gboolean udp, guint8 *out, gsize room);
    /* A name that is in none of our zones. Absent: there is no such name. */
    gsize (*foreign)(gpointer context, const struct asker *asker, const struct query *query,
                     const struct reply_options *options, guint8 *out, gsize room);
    /* The rest of an answer of ours whose chain leads to such a name; FALSE: the whole comes
     * through the asker later. Absent: the asker finds it by itself. */
    gboolean (*follow)(gpointer context, const struct asker *asker, struct reply *reply,
                       const struct name *name);
};

/* In numbers, since the start. */
struct serve_counts {
    guint64 queries; /* that could be parsed, or were answered FORMERR */
    guint64 foreign; /* names that are not ours */
    guint64 refused, limited, malformed;
};

struct serve {
    const struct zones *zones;
    struct reply_options options; /* of every answer: the NSID */
    struct serve_parts parts;
    gpointer context;
    struct serve_counts counts;
};

/* One packet; `out` holds SERVE_UDP_OUT or DNS_TCP_MAX bytes. */
gsize serve_packet(struct serve *serve, const struct asker *asker, const guint8 *wire, gsize size,
                   guint8 *out, gsize room);

/* A query that was admitted, and whose signature is good or not there. */
gsize serve_query(struct serve *serve, const struct asker *asker, const struct query *query,
                  const struct reply_options *options, guint8 *out, gsize room);

/* Whether it came by UDP: replies are told so. */
static inline gboolean
serve_is_udp(const struct asker *asker)
{
    return asker->tcp == NULL;
}
