/*
 * outgoing: a zone, or what has changed in it, on its way to a secondary: AXFR (RFC 5936) and IXFR
 * (RFC 1995).
 *
 *     permitted? → outgoing_new → outgoing_next, a message each time the connection can take one
 *
 * The zone must not change while it is sent, and that of our clients' names always does. So what
 * is sent is a copy of the records (content.h), made when the transfer begins: some 60 bytes a
 * name, 20 ms for 100,000 names. Transfers of the same serial share it; of one zone at most
 * OUTGOING_VERSIONS copies are there at once, and OUTGOING_MAX transfers in all. Beyond that the
 * answer is SERVFAIL, and a secondary comes again.
 *
 * IXFR: from the journal, the changes put together to one (what was there at the asker's serial
 * and is not now, what is there now and was not), so that a name that came and went ten times
 * costs nothing. Where the journal does not go back so far, or the changes are no smaller than the
 * zone, the zone is sent whole; an asker who has the serial, or a later one, gets the SOA alone.
 */
#pragma once

#include "netsvc/config/config.h"
#include "netsvc/dns/transfer/content.h"
#include "netsvc/dns/transfer/tsig.h"
#include "netsvc/dns/zone/journal.h"

#define OUTGOING_MAX 32        /* at once */
#define OUTGOING_PER_CLIENT 4  /* of one address */
#define OUTGOING_VERSIONS 4    /* of a zone at once */
#define OUTGOING_MESSAGE 16384 /* bytes of a message: how far compression reaches */
#define OUTGOING_CAP (1 << 30) /* bytes of a copy */

struct outgoings; /* all that are on their way */
struct outgoing;

struct outgoings *outgoings_new(void);
void outgoings_free(struct outgoings *outgoings); /* there is none left */
AUTO_DEFINE(outgoings)

/*
 * Whether the asker may have the zone: NOERROR, or the answer's code. A zone with a key is only for
 * requests that are signed with it: others are REFUSED, from wherever. Without one it is for the
 * configured networks. `tsig` has been checked.
 */
enum rcode outgoing_permit(const struct config_dns *config, const struct config_zone *zone,
                           const struct tsig_keys *keys, const struct tsig *tsig,
                           const struct sockaddr_storage *client);

/*
 * `query` is AXFR or IXFR of the zone's name, and came by TCP. `journal` NULL: none is kept. Takes
 * over what `tsig` holds. NULL: `rcode` is the answer.
 */
struct outgoing *outgoing_new(struct outgoings *outgoings, const struct query *query,
                              struct tsig *tsig, const struct sockaddr_storage *client,
                              const struct zone *zone, const struct journal *journal,
                              enum rcode *rcode);
void outgoing_free(struct outgoing *outgoing);
AUTO_DEFINE(outgoing)

/* The next message in `out`, which has room for DNS_TCP_MAX bytes; 0: that was all; -1: a record
 * does not fit into one, and the transfer cannot be ended well. `now`: seconds since 1970. */
gssize outgoing_next(struct outgoing *outgoing, guint8 *out, guint64 now);

/* Records so far, for the log. */
guint64 outgoing_sent(const struct outgoing *outgoing);
