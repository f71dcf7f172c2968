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

/* Writes into a reply that has begun, and has AA set where the answer is ours. FALSE: the name is
 * in none of our zones, and nothing was written. */
gboolean answer_write(const struct zones *zones, struct reply *reply);
