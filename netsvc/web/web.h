/*
 * web: pages, certificates and ACME over HTTP and HTTPS on the LAN.
 */
#pragma once

#include "netsvc/child/child.h"

extern const struct child_role web_role;
