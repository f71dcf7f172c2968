/*
 * foreign: the answers that we give for the Internet's names when there is none to ask.
 *
 * A phone that hears REFUSED, SERVFAIL or nothing shuns us for half an hour, and then the clinic's
 * own names are gone for it, too. So it hears that there is no such name, with a SOA record whose
 * owner is the root (RFC 2308 5) and a short TTL, so that it asks again soon after the uplink is
 * back. A name above one of ours is said to be empty instead: that it does not exist would say the
 * same of all below it (RFC 8020).
 */
#pragma once

#include "netsvc/dns/wire/reply.h"

#define FOREIGN_TTL 30     /* seconds, while there is no uplink */
#define FOREIGN_SLOW_TTL 5 /* while there is one that does not answer in time */

/* These fill a reply that has begun, to be ended by the caller: NXDOMAIN, or no data where
 * `exists`, with why. */
void foreign_absent(struct reply *reply, gboolean exists, guint32 seconds, enum reply_error error);

/* A code with why, and no SOA record. */
void foreign_code(struct reply *reply, enum rcode rcode, enum reply_error error);
