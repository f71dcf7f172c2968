/*
 * update: dynamic update (RFC 2136), as far as ACME clients need it for dns-01: whoever has a TSIG
 * key of [dns] may put TXT records at _acme-challenge.NAME in a zone of ours, and take them back,
 * as nsupdate, certbot-dns-rfc2136, lego and acme.sh do with BIND. All else is refused, with the
 * reason as an extended error (RFC 8914).
 *
 * A key that a [zone] has for its transfers is not for this: who follows our zones does not get
 * certificates for our names by that. What is signed stays as it was signed: signed zones are not
 * updated. Nor are those of other servers.
 */
#pragma once

#include "netsvc/config/config.h"
#include "netsvc/dns/transfer/tsig.h"
#include "netsvc/dns/update/texts.h"
#include "netsvc/dns/wire/reply.h"
#include "netsvc/dns/zone/zones.h"

#define UPDATE_TTL_MAX 60 /* seconds that such a record may be kept */

struct update;

/* A text was put, or taken back: that one, or with rdata NULL all of the name. */
typedef void (*update_changed)(gpointer context, gboolean put, const struct name *name,
                               const guint8 *rdata, gsize size);

/* `config` outlives it. */
struct update *update_new(const struct config_dns *config);
void update_watch(struct update *update, update_changed changed, gpointer context);

/* What there is now, which may be changed: nobody who watches is told of that. */
struct texts *update_texts(struct update *update);

/* Whether an update could put texts there. */
gboolean update_may_hold(const struct update *update, const struct zones *zones,
                         const struct name *name);

void update_free(struct update *update);
AUTO_DEFINE(update)

/* One request: how it is to be answered. */
struct update_request {
    const struct query *query; /* of opcode UPDATE */
    const struct reply_options *options;
    gboolean udp;
    const struct zones *zones;
    guint32 now; /* seconds of a clock that does not go back */
};

/* Does it, and answers without a signature; the size of the answer. `tsig`: checked, NOERROR. */
gsize update_serve(struct update *update, const struct update_request *request,
                   const struct tsig *tsig, guint8 *out, gsize room);

/* Whether there are any such records now: to be asked first, as mostly there are none. */
gboolean update_has_any(const struct update *update);

/* The answer to a query for a name that has such records; 0: it has none. */
gsize update_answer(struct update *update, const struct update_request *request, guint8 *out,
                    gsize room);
