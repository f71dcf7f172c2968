/*
 * answer: what our zones say to a question (RFC 1034 4.3.2): names, CNAMEs and DNAMEs (RFC 6672)
 * followed through all our zones, wildcards (RFC 4592), delegations, and what is not there (RFC
 * 2308); with signatures and proofs where the zone is signed and the asker wants them (RFC 4035 3).
 *
 * Most questions are for what a name has itself: that is a look-up and one copy.
 */
#pragma once

#include "netsvc/dns/zone/zones.h"

#define ANSWER_STEPS_MAX 8  /* CNAMEs and DNAMEs that are followed */
#define ANSWER_ANY_TTL 3600 /* seconds, of the HINFO record for ANY (RFC 8482 4.2) */

/* What a chain of ours leads to that is in none of our zones: `write` adds what others say of it,
 * which it need not; FALSE: that comes later. */
struct answer_beyond {
    gboolean (*write)(gpointer context, struct reply *reply, const struct name *name);
    gpointer context;
};

enum answer_outcome {
    ANSWER_NONE,    /* the name is in none of our zones, and nothing was written */
    ANSWER_WRITTEN, /* what we have to say, with AA where it is ours (RFC 1035 4.1.1: the bit is
                       about the first owner) */
    ANSWER_LATER,   /* `beyond` said so: what was written is not to be sent */
};

/* Writes into a reply that has begun. */
enum answer_outcome answer_write(const struct zones *zones, struct reply *reply,
                                 const struct answer_beyond *beyond);
