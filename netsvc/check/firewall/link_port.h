/* link_port: whether the firewall lets the other node of a pair call this one. */
#pragma once

#include "lib/base/slice.h"
#include "netsvc/check/check.h"

/* `rules` as filter.h has them. */
void check_link_port(struct check *check, struct slice rules);
