/*
 * cert: the site's certificates. The only process that can read their keys.
 */
#pragma once

#include "netsvc/child/child.h"

extern const struct child_role cert_role;
