/*
 * pair: the two nodes are made known to each other, by a code that a person carries.
 *
 *     shows (active, or alone)                     joins
 *     failover/pair → the code                     failover/pair {"code": …}
 *       ←──────────────── calls all addresses of the other: TLS, each with a key of its own ───
 *       ←──────────────────────────────────────────────────────────────────────────── PROOF ───
 *     a wrong one is a try less                    (code.h)
 *     (those from elsewhere than the other node's addresses are counted apart: whoever is in the
 *     LAN can spend them, and only shuts out others from elsewhere)
 *     calls all addresses of the other, by that key
 *       ─── WELCOME: proof, cluster, parity, which of them it reached ───────────────────────→
 *                                                  keeps whom it is paired with
 *       ←──────────────────────────────────────────── DONE: which it reached ─────────────────
 *     keeps whom it is paired with
 *       ─── DONE ────────────────────────────────────────────────────────────────────────────→
 *
 * Whatever is cut off at any step, both can begin anew with a new code: a pairing after which the
 * two have never met does not stand in the way of another (pairing.h).
 *
 * The tasks, with JSON both ways:
 *
 *     failover/pair {}                 → {"code", "seconds", "tries", "node", "other"}
 *     failover/pair {"wait": true}     → {"peer", "name", "unreached": [{"from", "to", "why"}]}
 *                                        when it is over; else why it came to nothing
 *     failover/pair {"cancel": true}   → {}   the code is good for nothing any more
 *     failover/pair {"code": CODE, "discard": true}  → as with "wait"
 *     failover/replace …               as failover/pair; the node of before is revoked
 *     failover/forget {}               → {}
 */
#pragma once

#include "netsvc/failover/link/link_inside.h"

#define PAIR_SECONDS 600
#define PAIR_TRIES 5
#define PAIR_GUESTS_MAX 4   /* that have not proved anything yet, at once */
#define PAIR_GUEST_MS 15000 /* for one to prove it */
#define PAIR_JOIN_MS 20000  /* for the whole, where it joins */

struct pair *pair_new(struct link *link);
void pair_free(struct pair *pair);

/* Whether somebody whom nobody knows may get through TLS now, to pair. */
gboolean pair_is_open(const struct pair *pair);
/* One who did, or whom this node knows and who wants to pair; it is the pair's from now on. */
void pair_take(struct pair *pair, struct session *session);

/* FALSE: it is none of these. */
gboolean pair_task(struct pair *pair, const struct child_task *task, gboolean active);
