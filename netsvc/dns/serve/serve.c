#include "netsvc/dns/serve/serve.h"

#include "netsvc/dns/serve/answer.h"

#define FOREIGN_TTL 30 /* seconds that it is believed that there is no such name */

/* ---- what is said where a part is absent ---- */

/* Not REFUSED: phones would not ask us again for half an hour. */
static gsize
no_such_name(const struct query *query, const struct reply_options *options, gboolean udp,
             guint8 *out, gsize room)
{
    static const guint8 soa[] = "\0\0"                         /* mname, rname: the root */
                                "\0\0\0\1\0\0\16\20\0\0\16\20" /* serial, refresh, retry */
                                "\0\0\16\20\0\0\0\36";         /* expire, minimum */
    struct reply reply;
    reply_begin(&reply, query, options, udp, out, room);
    reply.rcode = RCODE_NXDOMAIN;
    reply.error = ERROR_NO_REACHABLE_AUTHORITY;
    reply.error_text = "no Internet here";
    reply_record(&reply, SECTION_AUTHORITY, (const guint8 *)"", 1, TYPE_SOA, CLASS_IN, FOREIGN_TTL,
                 soa, sizeof soa - 1);
    return reply_end(&reply);
}

/* ---- queries ---- */

static gsize
refuse(struct serve *serve, const struct query *query, const struct reply_options *options,
       gboolean udp, guint8 *out, gsize room)
{
    serve->counts.refused++;
    return reply_code(query, options, RCODE_REFUSED, udp, out, room);
}

struct following {
    const struct serve *serve;
    const struct asker *asker;
};

static gboolean
follow(gpointer context, struct reply *reply, const struct name *name)
{
    const struct following *following = context;
    const struct serve *serve = following->serve;
    return serve->parts.follow == NULL ||
           serve->parts.follow(serve->context, following->asker, reply, name);
}

static gsize
look_up(struct serve *serve, const struct asker *asker, const struct query *query,
        const struct reply_options *options, guint8 *out, gsize room)
{
    const gboolean udp = serve_is_udp(asker);
    struct following following = {serve, asker};
    const struct answer_beyond beyond = {follow, &following};
    struct reply reply;
    gsize made = serve->parts.made != NULL
                     ? serve->parts.made(serve->context, query, options, udp, out, room)
                     : 0;
    if (made > 0)
        return made;
    reply_begin(&reply, query, options, udp, out, room);
    enum answer_outcome outcome = answer_write(serve->zones, &reply, &beyond);
    if (outcome == ANSWER_WRITTEN)
        return reply_end(&reply);
    if (outcome == ANSWER_LATER)
        return 0;
    serve->counts.foreign++;
    if (serve->parts.foreign != NULL)
        return serve->parts.foreign(serve->context, asker, query, options, out, room);
    return no_such_name(query, options, udp, out, room);
}

gsize
serve_query(struct serve *serve, const struct asker *asker, const struct query *query,
            const struct reply_options *options, guint8 *out, gsize room)
{
    const gboolean udp = serve_is_udp(asker);
    const struct serve_parts *parts = &serve->parts;
    if (query->edns_version > 0)
        return reply_code(query, options, RCODE_BADVERS, udp, out, room);
    if (query->opcode == OPCODE_QUERY && query->question_end == HEADER_SIZE)
        return reply_code(query, options, RCODE_NOERROR, udp, out, room); /* for its cookie */
    if (query->opcode == OPCODE_NOTIFY && parts->notify != NULL)
        return parts->notify(serve->context, asker, query, options, out, room);
    if (query->opcode == OPCODE_UPDATE && parts->update != NULL)
        return parts->update(serve->context, asker, query, options, out, room);
    if (query->opcode != OPCODE_QUERY)
        return reply_code(query, options, RCODE_NOTIMP, udp, out, room);
    /* CH: what software we are is nobody's business. */
    if (query->class != CLASS_IN)
        return refuse(serve, query, options, udp, out, room);
    if (query->type == TYPE_AXFR || query->type == TYPE_IXFR)
        return parts->transfer != NULL
                   ? parts->transfer(serve->context, asker, query, options, out, room)
                   : refuse(serve, query, options, udp, out, room);
    return look_up(serve, asker, query, options, out, room);
}

/* ---- packets ---- */

static gsize
truncated(const struct query *query, const struct reply_options *options, guint8 *out, gsize room)
{
    struct reply reply;
    reply_begin(&reply, query, options, TRUE, out, room);
    reply.full = TRUE;
    return reply_end(&reply);
}

gsize
serve_packet(struct serve *serve, const struct asker *asker, const guint8 *wire, gsize size,
             guint8 *out, gsize room)
{
    struct query query;
    struct reply_options options = serve->options;
    const gboolean udp = serve_is_udp(asker);
    enum query_outcome outcome = query_parse(&query, wire, size);
    if (outcome == QUERY_IGNORE)
        return 0;
    serve->counts.queries++;
    enum serve_verdict verdict = serve->parts.admit != NULL
                                     ? serve->parts.admit(serve->context, asker, &query, &options)
                                     : SERVE_ANSWER;
    serve->counts.limited += verdict != SERVE_ANSWER;
    if (verdict == SERVE_DROP)
        return 0;
    if (outcome == QUERY_WRONG) {
        serve->counts.malformed++;
        return reply_code(&query, &options, RCODE_FORMERR, udp, out, room);
    }
    if (verdict == SERVE_TRUNCATE)
        return truncated(&query, &options, out, room);
    if (verdict == SERVE_BAD_COOKIE)
        return reply_code(&query, &options, RCODE_BADCOOKIE, udp, out, room);
    if (query.tsig == 0)
        return serve_query(serve, asker, &query, &options, out, room);
    if (serve->parts.authenticate != NULL)
        return serve->parts.authenticate(serve->context, asker, &query, &options, out, room);
    return reply_code(&query, &options, RCODE_NOTAUTH, udp, out, room);
}
