/* roles: all that netsvc serves, each by a process of its own. */
#pragma once

#include "netsvc/address/address.h"
#include "netsvc/cert/cert.h"
#include "netsvc/dhcp/dhcp.h"
#include "netsvc/dns/dns.h"
#include "netsvc/failover/failover.h"
#include "netsvc/web/web.h"

#define ROLE_FAILOVER 3 /* its place */

static const struct child_role *const roles[] = {&dns_role,      &dhcp_role, &address_role,
                                                 &failover_role, &cert_role, &web_role};
