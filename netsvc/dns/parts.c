/* parts: see world.h. */
#include "netsvc/dns/world.h"

/* ---- who is answered at all ---- */

static enum serve_verdict
admit(gpointer context, const struct asker *asker, const struct query *query,
      struct reply_options *options)
{
    struct dns *dns = context;
    return admission_of(&dns->admission, asker, query, options);
}

/* ---- updates ---- */

static struct update_request
update_request(const struct dns *dns, const struct query *query,
               const struct reply_options *options, gboolean udp)
{
    return (struct update_request){.query = query,
                                   .options = options,
                                   .udp = udp,
                                   .zones = holding_zones(dns->holding),
                                   .now = (guint32)(g_get_monotonic_time() / G_USEC_PER_SEC)};
}

/* One that is not signed is told so. */
static gsize
update(gpointer context, const struct asker *asker, const struct query *query,
       const struct reply_options *options, guint8 *out, gsize room)
{
    struct dns *dns = context;
    const struct update_request request = update_request(dns, query, options, serve_is_udp(asker));
    return update_serve(dns->update, &request, NULL, out, room);
}

/* ---- signed requests, transfers, NOTIFY ---- */

static gsize
authenticate(gpointer context, const struct asker *asker, const struct query *query,
             const struct reply_options *options, guint8 *out, gsize room)
{
    struct dns *dns = context;
    struct tsig tsig;
    const gboolean udp = serve_is_udp(asker);
    gsize size;
    enum rcode rcode = transfer_check(dns->transfer, query, &tsig);
    if (rcode == RCODE_NOERROR && transfer_is_ours(query))
        return transfer_serve(dns->transfer, asker, query, &tsig, out, room);
    const gsize left = room - MIN(room, tsig_size(&tsig));
    const struct query shorter = transfer_leave_room(query, &tsig);
    const struct update_request update = update_request(dns, &shorter, options, udp);
    if (rcode == RCODE_NOERROR && query->opcode == OPCODE_UPDATE)
        size = update_serve(dns->update, &update, &tsig, out, left);
    else if (rcode == RCODE_NOERROR)
        size = serve_query(&dns->serve, asker, &shorter, options, out, left);
    else
        size = reply_code(&shorter, options, rcode, udp, out, left);
    return transfer_sign(dns->transfer, &tsig, out, size, room);
}

static gsize
transfer(gpointer context, const struct asker *asker, const struct query *query,
         const struct reply_options *options, guint8 *out, gsize room)
{
    struct dns *dns = context;
    struct tsig tsig;
    (void)options;
    transfer_check(dns->transfer, query, &tsig);
    return transfer_serve(dns->transfer, asker, query, &tsig, out, room);
}

/* ---- names ---- */

static gsize
made(gpointer context, const struct query *query, const struct reply_options *options, gboolean udp,
     guint8 *out, gsize room)
{
    struct dns *dns = context;
    const struct address_names *names = holding_address_names(dns->holding);
    if (holding_lacks(dns->holding, &query->name))
        return reply_code(query, options, RCODE_SERVFAIL, udp, out, room);
    if (G_UNLIKELY(update_has_any(dns->update))) {
        const struct update_request texts = update_request(dns, query, options, udp);
        const gsize size = update_answer(dns->update, &texts, out, room);
        if (size > 0)
            return size;
    }
    return names != NULL ? address_names_answer(names, query, options, udp, out, room) : 0;
}

static gsize
foreign(gpointer context, const struct asker *asker, const struct query *query,
        const struct reply_options *options, guint8 *out, gsize room)
{
    struct dns *dns = context;
    return forward_answer(dns->forward, asker, query, options, out, room);
}

static gboolean
follow(gpointer context, const struct asker *asker, struct reply *reply, const struct name *name)
{
    struct dns *dns = context;
    if (!holding_lacks(dns->holding, name))
        return forward_follow(dns->forward, asker, reply, name);
    reply->rcode = RCODE_SERVFAIL;
    return TRUE;
}

const struct serve_parts parts = {
    .admit = admit,
    .authenticate = authenticate,
    .transfer = transfer,
    .notify = transfer,
    .update = update,
    .made = made,
    .foreign = foreign,
    .follow = follow,
};
