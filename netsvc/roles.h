/* roles: all that netsvc serves, each by a process of its own. */
#pragma once

#include "netsvc/dhcp/dhcp.h"
#include "netsvc/dns/dns.h"

static const struct child_role *const roles[] = {&dns_role, &dhcp_role};
