/*
 * relay: what an upstream server answered, made into an answer of our own.
 *
 * Nothing of what a stranger sent is passed on as it is. Every record is read and written anew, so
 * that what leaves parses; kept are the answer section, and of the authority section what proves a
 * negative answer (SOA; NSEC, NSEC3 and their signatures for who asked for DNSSEC). The additional
 * section is not. An answer that points at private addresses (private.h) becomes an empty one.
 *
 *     upstream's bytes → relay_matches → relay_read → struct relay → cache.h
 *                                                          relay_write → the client
 */
#pragma once

#include "netsvc/dns/forward/cache.h"
#include "netsvc/dns/wire/reply.h"

#define RELAY_TTL_MAX (24 * 60 * 60)    /* seconds that a server may make us keep an answer */
#define RELAY_NEGATIVE_TTL_MAX (5 * 60) /* that there is none; RFC 2308 5: one to three hours */
#define RELAY_STALE_TTL 30              /* of an answer that is over, RFC 8767 4 */
#define RELAY_BLOCKED_TTL 30

struct relay; /* room for one, used again and again */

struct relay *relay_new(void);
void relay_free(struct relay *relay);
AUTO_DEFINE(relay)

/* Whether this is an answer to what was asked: same id, opcode and question. `end` is the offset
 * behind the question that was asked. Unless `fold`, the question's letters too must be as they
 * were sent (draft-vixie-dnsext-dns0x20). */
gboolean relay_matches(const guint8 *asked, gsize end, const guint8 *wire, gsize size,
                       gboolean fold);

enum relay_outcome {
    RELAY_GOOD,    /* an answer, be it that there is none */
    RELAY_FAILED,  /* the server has no answer: SERVFAIL, … */
    RELAY_REFUSED, /* and does not look for any */
    RELAY_NO_EDNS, /* it may be that it has none because it does not know EDNS (RFC 6891 7) */
    RELAY_BROKEN,  /* cannot be read */
};

/* An answer that matches, and is not truncated. */
enum relay_outcome relay_read(struct relay *relay, const struct cache_key *key, const guint8 *wire,
                              gsize size);

/* What was read: `put` and `until` are filled in by who has a clock. Valid until the next. */
const struct cache_answer *relay_answer(const struct relay *relay);
guint32 relay_seconds(const struct relay *relay); /* that it may be kept; 0: not at all */

/* The code in an answer that relay.h made. */
enum rcode relay_rcode(const struct cache_answer *answer);

/* For a client: into a reply that has begun, to a question with the answer's name and type, in
 * whatever letters; or behind a chain that leads to that name: then the reply knows names that
 * stand in `relay`, whose own answer may be the one that is written. TTLs are what is left of them
 * `now`, or RELAY_STALE_TTL where it is over, which is told with an extended error. `parent`: the
 * name has names of ours below it, so that it exists, whatever was answered. */
void relay_write(struct relay *relay, const struct cache_answer *answer, gint64 now,
                 gboolean parent, struct reply *reply);
