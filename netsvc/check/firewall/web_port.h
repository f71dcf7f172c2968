/* web_port: whether the firewall lets clients have the pages, where they install the site's root.
 */
#pragma once

#include "lib/base/slice.h"
#include "netsvc/check/check.h"

/* `rules` as filter.h has them. */
void check_web_port(struct check *check, struct slice rules);
