/*
 * sections: RRsets as they go into an answer, with their signatures; the proofs that something is
 * not there; and the addresses of the names that the answer tells.
 */
#pragma once

#include "netsvc/dns/serve/answer.h"

#define SECTIONS_PROOFS_MAX (ANSWER_STEPS_MAX + 3) /* NSEC records of one answer */
#define SECTIONS_ADDED_MAX 32                      /* names whose addresses are added */

struct answer {
    const struct zones *zones;
    struct reply *reply;
    const struct zone *zone; /* that the look-up is in */
    guint steps;
    const struct rrset *telling; /* its names are worth an address; NULL: none */
    gboolean glue;               /* … they are name servers that cannot be reached without */
    guint proof_count, added_count;
    const struct node *proofs[SECTIONS_PROOFS_MAX]; /* that have the NSEC records */
    const struct node *added[SECTIONS_ADDED_MAX];
    struct name told;                        /* the owner of `telling` */
    struct name_hashes hashes;               /* of the last of the names */
    struct name names[ANSWER_STEPS_MAX + 2]; /* the question's, what it led to, and the next */
};

/* Whether signatures and proofs of its zone are wanted. */
gboolean sections_signed(const struct answer *answer);

/* `set`, which `node` has, as one of the name `owner` in wire form, which outlives the reply. */
void sections_rrset(struct answer *answer, enum section section, const guint8 *owner, gsize size,
                    const struct node *node, const struct rrset *set, guint32 ttl_max);

/* NSEC: that what was not found at this name is not there. sections_proofs writes them, each once.
 */
void sections_prove(struct answer *answer, const struct name *name);
/* … that there is no wildcard below the name. */
void sections_prove_wildcard(struct answer *answer, const struct node *encloser);

void sections_soa(struct answer *answer);
void sections_proofs(struct answer *answer);
void sections_additional(struct answer *answer);
