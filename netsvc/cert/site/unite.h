/*
 * unite: what becomes of two states that were changed apart from one another, where an active node
 * died, the other one took over by force, and the first one comes back. One of them wins, and what
 * only the loser has comes into it:
 *
 *     issued     all that either issued; revoked is revoked, by whichever came first
 *     public     the one that ends later, with its key, as an import judges. What the winner has
 *                rolled back stays so; the one that is displaced is the way back, and so is the
 *                loser's where the winner has none
 *     request    the winner's; the loser's where it has none. Of a second one the key is kept, so
 *                that either may be signed. Of a third one it is not: that is told
 *     the rest   the winner's
 *
 * The two are of one root, or the loser has none.
 */
#pragma once

#include "netsvc/cert/site/state.h"

/* Comes of both; its list of what is revoked is still the winner's. *dropped: a key of the loser's
 * is not in it. */
struct state *unite_states(const struct state *winner, const struct state *loser,
                           gboolean *dropped);
