/* filter_match: whether an expression of a firewall's rule (filter.h) fits a packet. */
#pragma once

#include "netsvc/check/firewall/filter.h"

enum match { MATCH_NO, MATCH_PERHAPS, MATCH_YES }; /* the lesser one counts when both must fit */

/* {"op": "==", "left": …, "right": …}. *named becomes TRUE where it is about the packet's port. */
enum match filter_match_rule(const struct filter_packet *packet, struct slice match,
                             gboolean *named);

/* Whether what `left` stands for ({"payload": …}, {"meta": …}, {"ct": …}) has the value. */
enum match filter_match(const struct filter_packet *packet, struct slice left, struct slice value);
